//! Assets with delivery policies: the paths of their media, which name the protocol, and the encryption of the bytes.
//!
//! `…/name.ism/Media(hls,name_400.mp4)` is the file as HLS delivers it: unencrypted or encrypted. The paths and the
//! encryption are the emulator's own. It has no key delivery, so no player can decrypt the content; tests only need
//! that it differs from the unencrypted content.

use std::fmt::Write as _;

use aes::Aes256;
use aes::cipher::{BlockEncrypt as _, KeyInit as _};
use sha2::{Digest as _, Sha256};

use super::urls::relative_url;
use crate::emulator::media_v2::{ContentKey, Delivery, Protocol};

/// A media file in one protocol.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Media<'a> {
    pub(super) protocol: Protocol,
    /// Its name in the folder of the server manifest.
    pub(super) file: &'a str,
}

impl<'a> Media<'a> {
    /// Parses a presentation of a server manifest, if it is a media file.
    pub(super) fn of(presentation: &'a str) -> Option<Self> {
        let (protocol, file) = presentation.strip_prefix("Media(")?.strip_suffix(')')?.split_once(',')?;
        let protocol = [Protocol::Hls, Protocol::Dash].into_iter().find(|known| known.name() == protocol)?;
        Some(Self { protocol, file })
    }
}

/// The path of a media file below `…/name.ism/`.
pub(super) fn media_url(protocol: Protocol, file: &str) -> String {
    format!("Media({},{})", protocol.name(), relative_url(file))
}

/// Encrypts a file's bytes: AES-256 in counter mode over the whole file, so that each range can be encrypted alone.
#[derive(Debug, Clone)]
pub(super) struct Cipher(Aes256);

/// Bytes of an AES block.
const BLOCK: u64 = 16;

impl Cipher {
    /// The cipher of a delivery; `None` = the bytes are not encrypted.
    pub(super) fn of(delivery: &Delivery) -> Option<Self> {
        let Delivery::Encrypted(key) = delivery else { return None };
        let derived = Sha256::digest(format!("{} {}", key.guid, key.sealed));
        Some(Self(Aes256::new(&derived)))
    }

    /// Encrypts bytes that begin at an offset of the file.
    pub(super) fn apply(&self, offset: u64, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len());
        let mut pad = (u64::MAX, aes::Block::default());
        for (at, byte) in (offset..).zip(bytes) {
            if pad.0 != at / BLOCK {
                pad = (at / BLOCK, self.pad(at / BLOCK));
            }
            let within = usize::try_from(at % BLOCK).expect("a block is short");
            out.push(byte ^ pad.1[within]);
        }
        out
    }

    fn pad(&self, number: u64) -> aes::Block {
        let mut block = aes::Block::default();
        block[8..].copy_from_slice(&number.to_be_bytes());
        self.0.encrypt_block(&mut block);
        block
    }
}

/// The line of an HLS playlist that says its segments are encrypted.
pub(super) fn hls_key(text: &mut String, delivery: &Delivery) {
    if let Delivery::Encrypted(ContentKey { encryption, url, .. }) = delivery {
        let method = encryption.hls_method;
        let url = url.replace('"', "%22");
        writeln!(text, "#EXT-X-KEY:METHOD={method},URI=\"{url}\"").expect("writing to a string never fails");
    }
}

/// The element of a DASH adaptation set that says its media is encrypted (ISO/IEC 23009-1 section 5.8.5).
pub(super) fn dash_protection(delivery: &Delivery) -> Option<String> {
    let Delivery::Encrypted(key) = delivery else { return None };
    Some(format!(
        "<ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"cenc\" \
         xmlns:cenc=\"urn:mpeg:cenc:2013\" cenc:default_KID=\"{}\"/>",
        key.guid
    ))
}

/// A Smooth client manifest with the element that says its fragments are encrypted; `None` if it cannot be inserted.
pub(super) fn smooth_protection(manifest: &str, delivery: &Delivery) -> Option<String> {
    /// The system id of AES in Smooth Streaming, which represents every kind of encryption here.
    const SYSTEM: &str = "B47B251A-2409-4B42-958E-08DBAE7B4EE9";
    let Delivery::Encrypted(key) = delivery else { return Some(manifest.to_owned()) };
    let end = manifest.rfind("</SmoothStreamingMedia>")?;
    let (body, close) = manifest.split_at(end);
    let url = quick_xml::escape::escape(key.url.as_str());
    Some(format!(
        "{body}  <Protection><ProtectionHeader SystemID=\"{SYSTEM}\">{url}</ProtectionHeader></Protection>\n{close}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_file_is_found_by_its_url() {
        let url = media_url(Protocol::Hls, "folder/A (b), c.mp4");
        let decoded = percent_encoding::percent_decode_str(&url).decode_utf8().unwrap();
        assert_eq!(Media::of(&decoded), Some(Media { protocol: Protocol::Hls, file: "folder/A (b), c.mp4" }));
        assert_eq!(Media::of("Media(progressive,a.mp4)"), None);
        assert_eq!(Media::of("manifest(format=m3u8-aapl)"), None);
    }

    #[test]
    fn a_range_is_encrypted_as_in_the_whole_file() {
        let cipher = Cipher(Aes256::new(&Sha256::digest("key")));
        let clear: Vec<u8> = (0..100).collect();
        let whole = cipher.apply(0, &clear);
        assert_eq!(cipher.apply(13, &clear[13..70]), whole[13..70]);
        assert!(whole.iter().zip(&clear).filter(|(a, b)| a == b).count() < 5);
        assert_eq!(cipher.apply(0, &whole), clear);
    }
}
