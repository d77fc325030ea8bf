//! One track of a fragment: a `moof` and an `mdat` as Smooth Streaming has them (section 2.2.4 of MS-SSTR), which have
//! only one track and use the time scale of the client manifest.

use super::{box_header, u32_at};

/// The boxes of a range of bytes: type, and content.
pub(super) fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (kind, header, size) = box_header(bytes, bytes.len() as u64)?;
        let (whole, rest) = bytes.split_at(usize::try_from(size).ok()?);
        bytes = rest;
        Some((kind, &whole[usize::try_from(header).ok()?..]))
    })
}

/// The content of the first box of a type.
pub(super) fn child(bytes: &[u8], wanted: [u8; 4]) -> Option<&[u8]> {
    boxes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, content)| content)
}

/// A sample of a fragment.
struct Sample {
    duration: u32,
    size: u32,
    flags: u32,
    offset: u32,
}

/// The defaults of `tfhd` for all samples of a track.
#[derive(Default)]
struct Defaults {
    track: u32,
    duration: u32,
    size: u32,
    flags: u32,
}

/// Reads numbers one after the other.
struct Numbers<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Numbers<'_> {
    fn next(&mut self) -> Option<u32> {
        let number = u32_at(self.bytes, self.at)?;
        self.at += 4;
        Some(number)
    }

    /// The next number, if a flag says that it exists.
    fn next_if(&mut self, is_there: bool, otherwise: u32) -> Option<u32> {
        if is_there { self.next() } else { Some(otherwise) }
    }
}

impl Defaults {
    fn read(traf: &[u8]) -> Option<Self> {
        let mut numbers = Numbers { bytes: child(traf, *b"tfhd")?, at: 0 };
        let flags = numbers.next()?;
        let track = numbers.next()?;
        // Only old files have offsets that are not relative to the `moof`.
        if flags & 1 != 0 {
            return None;
        }
        numbers.next_if(flags & 2 != 0, 0)?;
        let mut value = |flag: u32| numbers.next_if(flags & flag != 0, 0);
        Some(Self { track, duration: value(8)?, size: value(0x10)?, flags: value(0x20)? })
    }
}

/// The samples of a `trun`, and where their bytes start, relative to the `moof`.
fn samples(trun: &[u8], defaults: &Defaults) -> Option<(usize, Vec<Sample>)> {
    let mut numbers = Numbers { bytes: trun, at: 0 };
    let has = numbers.next()?;
    let count = numbers.next()?;
    let start = usize::try_from((has & 1 != 0).then(|| numbers.next())??).ok()?;
    let mut first = numbers.next_if(has & 4 != 0, defaults.flags)?;
    let mut list = Vec::new();
    for _ in 0..count {
        let duration = numbers.next_if(has & 0x100 != 0, defaults.duration)?;
        let size = numbers.next_if(has & 0x200 != 0, defaults.size)?;
        let flags = numbers.next_if(has & 0x400 != 0, std::mem::replace(&mut first, defaults.flags))?;
        let offset = numbers.next_if(has & 0x800 != 0, 0)?;
        list.push(Sample { duration, size, flags, offset });
    }
    Some((start, list))
}

/// A time in a track's scale, in another one.
fn scaled(time: u64, from: u32, to: u32) -> Option<u32> {
    u32::try_from(time.checked_mul(u64::from(to))?.checked_div(u64::from(from))?).ok()
}

/// The fragment of a track (`None` = the only one) within bytes that begin with a `moof`. `scales` are the time scales
/// of the file's tracks by their ids. `None` if it is not a fragment with that track.
pub(crate) fn of_track(bytes: &[u8], track: Option<u32>, scales: &[(u32, u32)], to: u32) -> Option<Vec<u8>> {
    let (kind, moof) = boxes(bytes).next()?;
    let trafs =
        boxes(moof).filter(|(kind, _)| kind == b"traf").filter_map(|(_, traf)| Some((traf, Defaults::read(traf)?)));
    let (traf, defaults) = trafs.into_iter().find(|(_, found)| track.is_none_or(|track| track == found.track))?;
    let (start, samples) = samples(child(traf, *b"trun")?, &defaults)?;
    let (_, scale) = scales.iter().find(|(id, _)| *id == defaults.track)?;
    let length = samples.iter().try_fold(0_usize, |sum, sample| sum.checked_add(usize::try_from(sample.size).ok()?))?;
    let content = bytes.get(start..start.checked_add(length)?)?;
    let made = moof_of(child(moof, *b"mfhd")?, defaults.track, &samples, |time| scaled(time, *scale, to))?;
    (kind == *b"moof").then(|| [made, boxed(*b"mdat", content)].concat())
}

/// A `moof` with one track, whose samples begin directly after the header of the `mdat` that follows.
fn moof_of(header: &[u8], track: u32, samples: &[Sample], scaled: impl Fn(u64) -> Option<u32>) -> Option<Vec<u8>> {
    /// Version 1 (signed offsets); the offset of the data, and duration, size, flags and offset of each sample.
    const TRUN: u32 = 0x0100_0F01;
    /// Offsets are relative to the `moof`.
    const TFHD: u32 = 0x0002_0000;
    let tfhd = boxed(*b"tfhd", &[TFHD, track].map(u32::to_be_bytes).concat());
    let header = boxed(*b"mfhd", header);
    let fixed = 8 + header.len() + 8 + tfhd.len() + 8 + 12 + 16 * samples.len() + 8;
    let mut trun = vec![TRUN, u32::try_from(samples.len()).ok()?, u32::try_from(fixed).ok()?];
    let mut time = 0_u64;
    for sample in samples {
        let end = time.checked_add(u64::from(sample.duration))?;
        // The difference of two ends, so that the sum of all durations is right.
        let duration = scaled(end)? - scaled(time)?;
        trun.extend([duration, sample.size, sample.flags, signed(sample.offset, &scaled)?]);
        time = end;
    }
    let trun = boxed(*b"trun", &trun.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>());
    Some(boxed(*b"moof", &[header, boxed(*b"traf", &[tfhd, trun].concat())].concat()))
}

/// An offset that may be negative, scaled.
fn signed(offset: u32, scaled: &impl Fn(u64) -> Option<u32>) -> Option<u32> {
    let offset = offset.cast_signed();
    let size = scaled(u64::from(offset.unsigned_abs()))?;
    Some(if offset < 0 { size.wrapping_neg() } else { size })
}

fn boxed(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).expect("a fragment is shorter than 4 GiB");
    [&size.to_be_bytes()[..], &kind, content].concat()
}

/// The tracks of a `moov`: id and time scale.
pub(super) fn scales(moov: &[u8]) -> Vec<(u32, u32)> {
    let tracks = boxes(moov).filter(|(kind, _)| kind == b"trak");
    tracks.filter_map(|(_, track)| scale(track)).collect()
}

fn scale(track: &[u8]) -> Option<(u32, u32)> {
    // After two times, which have 64 bits in version 1.
    let number = |header: &[u8]| u32_at(header, if *header.first()? == 0 { 12 } else { 20 });
    let media = child(track, *b"mdia")?;
    Some((number(child(track, *b"tkhd")?)?, number(child(media, *b"mdhd")?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARS: &[u8] = include_bytes!("../../../tests/fixtures/bars/bars_400.mp4");
    const SMOOTH: u32 = 10_000_000;

    /// Number of samples, sum of durations, sum of sizes.
    fn sums(fragment: &[u8]) -> (usize, u64, u64) {
        let traf = child(child(fragment, *b"moof").unwrap(), *b"traf").unwrap();
        let (_, samples) = samples(child(traf, *b"trun").unwrap(), &Defaults::read(traf).unwrap()).unwrap();
        let sum = |value: fn(&Sample) -> u32| samples.iter().map(|sample| u64::from(value(sample))).sum();
        (samples.len(), sum(|sample| sample.duration), sum(|sample| sample.size))
    }

    #[test]
    fn each_track_of_a_fragment_is_extracted_completely() {
        let scales = scales(child(BARS, *b"moov").unwrap());
        assert_eq!(scales, [(1, 12_288), (2, 44_100)]);
        let at = BARS.windows(4).position(|window| window == b"moof").unwrap() - 4;
        let [video, sound] = [1, 2].map(|track| of_track(&BARS[at..], Some(track), &scales, SMOOTH).unwrap());
        assert_eq!(sums(&video).1, 20_000_000, "two seconds");
        let original = child(&BARS[at..], *b"mdat").unwrap();
        let contents = [&video, &sound].map(|fragment| child(fragment, *b"mdat").unwrap());
        assert_eq!(contents.concat(), original, "nothing is lost");
        for (fragment, content) in [&video, &sound].into_iter().zip(contents) {
            assert_eq!(sums(fragment).2, content.len() as u64);
            let again = of_track(fragment, None, &[(1, SMOOTH), (2, SMOOTH)], SMOOTH).unwrap();
            assert_eq!(&again, fragment, "it is a fragment itself");
        }
    }

    #[test]
    fn bytes_without_the_track_give_no_fragment() {
        let at = BARS.windows(4).position(|window| window == b"moof").unwrap() - 4;
        assert_eq!(of_track(&BARS[at..], Some(3), &[(1, 1), (2, 1)], SMOOTH), None);
        assert_eq!(of_track(&BARS[at..at + 2000], Some(1), &[(1, 12_288)], SMOOTH), None, "the content is cut off");
        assert_eq!(of_track(b"hello", None, &[], SMOOTH), None);
        assert_eq!(of_track(BARS, Some(1), &[(1, 1)], SMOOTH), None, "it begins with another box");
    }
}
