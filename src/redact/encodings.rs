//! Decodes a text, and keeps the original positions.

use std::ops::Range;

/// How many nested encodings are undone.
const DEPTH: usize = 4;
/// The longest entity of XML, with `&` and `;`.
const LONGEST_ENTITY: usize = 10;

/// A decoded text in lower case, with the usual alphabet of base64.
pub(super) struct Undone {
    pub(super) bytes: Vec<u8>,
    /// The original position of each byte.
    positions: Vec<(usize, usize)>,
}

impl Undone {
    /// The original position of a range of bytes.
    pub(super) fn range(&self, bytes: Range<usize>) -> Range<usize> {
        let positions = &self.positions[bytes];
        positions.first().map_or(0, |first| first.0)..positions.last().map_or(0, |last| last.1)
    }
}

/// Undoes escapes of URLs, JSON and XML until none is left, or [`DEPTH`] times.
pub(super) fn undone(text: &str) -> Undone {
    let mut undone = Undone { bytes: text.bytes().collect(), positions: Vec::with_capacity(text.len()) };
    for (at, c) in text.char_indices() {
        // All bytes of a character have the position of the character.
        undone.positions.extend(std::iter::repeat_n((at, at + c.len_utf8()), c.len_utf8()));
    }
    for _ in 0..DEPTH {
        if !undone.bytes.iter().any(|byte| matches!(byte, b'%' | b'\\' | b'&')) {
            break;
        }
        let (next, changed) = undo_once(&undone);
        undone = next;
        if !changed {
            break;
        }
    }
    for byte in &mut undone.bytes {
        *byte = match *byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other.to_ascii_lowercase(),
        };
    }
    undone
}

fn undo_once(text: &Undone) -> (Undone, bool) {
    let length = text.bytes.len();
    let mut next = Undone { bytes: Vec::with_capacity(length), positions: Vec::with_capacity(length) };
    let (mut at, mut changed) = (0, false);
    while at < length {
        let (meant, escape) = match escape(&text.bytes[at..]) {
            Some((Meant::Byte(byte), escape)) => (vec![byte], escape),
            Some((Meant::Char(c), escape)) => (c.to_string().into_bytes(), escape),
            None => {
                next.bytes.push(text.bytes[at]);
                next.positions.push(text.positions[at]);
                at += 1;
                continue;
            }
        };
        let positions = (text.positions[at].0, text.positions[at + escape - 1].1);
        next.positions.extend(std::iter::repeat_n(positions, meant.len()));
        next.bytes.extend(meant);
        at += escape;
        changed = true;
    }
    (next, changed)
}

/// The meaning of an escape.
enum Meant {
    Byte(u8),
    Char(char),
}

/// The escape at the start of a text, and its length.
fn escape(text: &[u8]) -> Option<(Meant, usize)> {
    match text {
        [b'%', high, low, ..] => Some((Meant::Byte(digit(*high)? << 4 | digit(*low)?), 3)),
        [b'\\', b'u', a, b, c, d, ..] => {
            let number =
                [a, b, c, d].into_iter().try_fold(0, |number, hex| Some(number << 4 | u32::from(digit(*hex)?)));
            Some((Meant::Char(char::from_u32(number?)?), 6))
        }
        [b'\\', byte @ (b'/' | b'\\' | b'"' | b'\''), ..] => Some((Meant::Byte(*byte), 2)),
        [b'&', rest @ ..] => {
            let end = rest.iter().take(LONGEST_ENTITY).position(|byte| *byte == b';')?;
            Some((Meant::Char(entity(std::str::from_utf8(&rest[..end]).ok()?)?), end + 2))
        }
        _ => None,
    }
}

fn digit(hex: u8) -> Option<u8> {
    char::from(hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let hexadecimal = number.strip_prefix(['x', 'X']);
            let number = hexadecimal.map_or_else(|| number.parse(), |digits| u32::from_str_radix(digits, 16));
            number.ok().and_then(char::from_u32)
        }
    }
}
