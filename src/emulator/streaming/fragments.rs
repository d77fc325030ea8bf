//! The fragments that a Smooth Streaming client manifest lists: `…/name.ism/QualityLevels(400000)/Fragments(video=0)`.
//!
//! A fragmented MP4 with an index gives one track of one of its fragments. Any other content is not playable in any
//! protocol; its fragments are equal parts of the file, so that each of them exists and no two are the same.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::files::pieces;
use super::fragment_urls::Fragment;
use super::manifests::opened;
use super::protected::Cipher;
use super::refusal::Refusal;
use super::server_manifest::{Kind, Track, attribute};
use super::smooth;
use super::source::Source;
use super::target::Target;
use crate::emulator::http::Response;
use crate::emulator::media_v2::{Protocol, PublishedLocator};
use crate::emulator::mp4::of_track;
use crate::emulator::storage::StorageError;
use crate::emulator::storage_account::StorageAccount;

/// Answers a GET or HEAD of a fragment.
pub(super) async fn serve(
    storage: &Arc<StorageAccount>,
    locator: PublishedLocator,
    target: &Target,
    fragment: &Fragment,
    head: bool,
) -> Result<Response, Refusal> {
    let missing = || Refusal::Format(target.presentation.clone().unwrap_or_default());
    let (source, manifest) = opened(storage, locator, target, Protocol::Smooth).await?;
    let starts = starts(&smooth::client_manifest(&source, &manifest).await?, fragment.kind);
    let number = starts.iter().position(|start| *start == fragment.start).ok_or_else(missing)?;
    let track = manifest.of(fragment.kind).find(|track| track.bitrate == fragment.bitrate).ok_or_else(missing)?;
    let (length, body) = content(source, track, number, starts.len()).await?.ok_or_else(missing)?;
    let mut response = Response::new(if head { Body::empty() } else { body });
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// Fragment `number` of `count` of a track, encrypted if the delivery is; `None` if the file has no such fragment.
async fn content(
    source: Source<'_>,
    track: &Track,
    number: usize,
    count: usize,
) -> Result<Option<(u64, Body)>, StorageError> {
    let layout = source.layout(&track.src).await?;
    let name = format!("{}{}", source.folder, track.src);
    let cipher = Cipher::of(&source.delivery);
    let Some(index) = &layout.index else {
        let [from, to] = [number, number + 1].map(|part| share(layout.length, part, count));
        let body = pieces(Arc::clone(source.storage), source.container, name, from..to, cipher);
        return Ok(Some((to - from, body)));
    };
    let Some(segment) = index.segments.get(number) else { return Ok(None) };
    let (_, bytes) = source.storage.read_blob(&source.container, &name, segment.offset, segment.length).await?;
    let Some(clear) = of_track(&bytes, track.id, &layout.scales, smooth::TICKS) else { return Ok(None) };
    let bytes = match cipher {
        Some(cipher) => cipher.apply(segment.offset, &clear),
        None => clear,
    };
    Ok(Some((bytes.len() as u64, Body::from(bytes))))
}

/// The start of a part of a file that is divided into equal parts.
fn share(length: u64, part: usize, parts: usize) -> u64 {
    let at = u128::from(length) * part as u128 / parts as u128;
    u64::try_from(at).expect("it is at most the length")
}

/// The start times of the fragments of a kind in a client manifest.
fn starts(manifest: &str, wanted: Kind) -> Vec<u64> {
    let mut reader = Reader::from_str(manifest);
    let (mut starts, mut next, mut inside) = (Vec::new(), 0, false);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Eof => break,
            Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                b"StreamIndex" => inside = attribute(&element, b"Type").is_some_and(|kind| kind == wanted.name()),
                b"c" if inside => {
                    let number = |name: &[u8]| attribute(&element, name)?.parse::<u64>().ok();
                    let (duration, repeated) = (number(b"d").unwrap_or(0), number(b"r").unwrap_or(1));
                    let start = number(b"t").unwrap_or(next);
                    starts.extend((0..repeated.min(MOST)).map(|at| start.saturating_add(at.saturating_mul(duration))));
                    next = start.saturating_add(repeated.saturating_mul(duration));
                }
                _ => {}
            },
            _ => {}
        }
    }
    starts
}

/// More fragments of two seconds than a month has.
const MOST: u64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_consecutive_or_have_a_start_time() {
        let manifest = r#"<SmoothStreamingMedia><StreamIndex Type="audio"><c d="7"/></StreamIndex>
            <StreamIndex Type="video"><c d="5"/><c d="4"/><c t="20" d="3" r="2"/><c d="1"/></StreamIndex></SmoothStreamingMedia>"#;
        assert_eq!(starts(manifest, Kind::Video), [0, 5, 20, 23, 26]);
        assert_eq!(starts(manifest, Kind::Audio), [0]);
        assert_eq!(starts(manifest, Kind::Text), [] as [u64; 0]);
    }

    #[test]
    fn equal_parts_add_up_to_the_whole() {
        assert_eq!([0, 1, 2, 3].map(|part| share(10, part, 3)), [0, 3, 6, 10]);
        assert_eq!(share(u64::MAX, 7, 7), u64::MAX);
    }
}
