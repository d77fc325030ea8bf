//! Finds the current secrets in any text, in any encoding.
//!
//! Encodings are undone first: nested escapes of URLs, JSON and XML; the URL alphabet of base64; the case of letters. A
//! secret is found by its first characters, so that the search needs one look-up per character for any number of
//! secrets.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use super::encodings::{Undone, undone};
use super::{REDACTED, SECRET_NAMES};

/// Shorter secrets are not searched, because words contain them by chance. No service issues such a short secret
/// (guess).
const LEAST: usize = 8;
/// The number of first characters by which a secret is found.
const START: usize = 4;
/// If a text ends within a secret, this number of its characters is enough.
const CUT_OFF: usize = 12;
/// The number of former secrets that are still searched, because a late answer can contain one.
const KEPT: usize = 4_096;
/// The number of signatures of single requests that are kept until the next search.
const SENT: usize = 1_024;
/// Texts are searched in pieces of about this number of bytes.
const PIECE: usize = 1 << 16;

static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

/// One list for the whole process: a text is masked no matter which run a secret belongs to.
fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A secret in use. It is searched while this value exists, and some time afterwards.
pub(crate) struct InUse(Arc<str>);

impl InUse {
    /// Adds a secret to the search. For the query of a URL and for a token, this is the signature.
    pub(crate) fn new(secret: &str) -> Self {
        let secret: Arc<str> = secret.into();
        known().add(&secret);
        Self(secret)
    }
}

impl fmt::Debug for InUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        known().release(&self.0);
    }
}

/// Records the signature of a single request. This is cheap until a text is searched.
pub(crate) fn sent(signature: &str) {
    let mut known = known();
    if known.sent.len() == SENT {
        known.sent.pop_front();
    }
    known.sent.push_back(signature.to_owned());
}

/// Masks every secret in a text.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let mut known = known();
    known.look_for_sent();
    if known.forms.is_empty() {
        return Cow::Borrowed(text);
    }
    let found: Vec<Range<usize>> = pieces(text)
        .flat_map(|piece| {
            let found = known.find(&undone(&text[piece.clone()]));
            found.into_iter().map(move |range| piece.start + range.start..piece.start + range.end)
        })
        .collect();
    drop(known);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut masked, mut done) = (String::with_capacity(text.len()), 0);
    for range in found {
        masked.push_str(&text[done..range.start]);
        masked.push_str(REDACTED);
        done = range.end;
    }
    masked.push_str(&text[done..]);
    Cow::Owned(masked)
}

/// Splits a text where there can be no secret: at quotes and at the ends of lines.
fn pieces(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from;
        if start == text.len() {
            return None;
        }
        let least = text.len().min(start + PIECE);
        let rest = &text.as_bytes()[least..];
        from = rest.iter().position(|byte| matches!(byte, b'"' | b'\n')).map_or(text.len(), |at| least + at + 1);
        Some(start..from)
    })
}

/// The secrets to search.
#[derive(Default)]
struct Known {
    /// The forms of all secrets, by their first bytes.
    forms: HashMap<[u8; START], Vec<Form>>,
    /// Each secret that is in use, or retired.
    secrets: HashMap<Arc<str>, Use>,
    /// The former secrets, the oldest first.
    retired: VecDeque<Arc<str>>,
    /// Signatures since the last search.
    sent: VecDeque<String>,
}

/// How a secret is used.
#[derive(Default)]
struct Use {
    times: usize,
    /// How its forms begin.
    starts: Vec<[u8; START]>,
}

/// A text to search, with all encodings undone.
struct Form {
    of: Arc<str>,
    bytes: Vec<u8>,
}

impl Known {
    fn add(&mut self, secret: &Arc<str>) {
        if let Some(known) = self.secrets.get_mut(secret) {
            known.times += 1;
        } else {
            self.look_for(secret, 1, parts(secret).into_iter().flat_map(forms_of).collect());
        }
    }

    fn look_for(&mut self, secret: &Arc<str>, times: usize, forms: Vec<Vec<u8>>) {
        let mut starts = Vec::with_capacity(forms.len());
        for bytes in forms {
            let Some(start) = bytes.first_chunk().copied() else { continue };
            self.forms.entry(start).or_default().push(Form { of: Arc::clone(secret), bytes });
            starts.push(start);
        }
        self.secrets.insert(Arc::clone(secret), Use { times, starts });
    }

    fn release(&mut self, secret: &Arc<str>) {
        let Some(known) = self.secrets.get_mut(secret) else { return };
        known.times -= 1;
        if known.times == 0 {
            self.retire(secret);
        }
    }

    /// A secret can be retired twice: then the first time counts.
    fn retire(&mut self, secret: &Arc<str>) {
        self.retired.push_back(Arc::clone(secret));
        if self.retired.len() > KEPT
            && let Some(oldest) = self.retired.pop_front()
            && self.secrets.get(&oldest).is_some_and(|known| known.times == 0)
        {
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, secret: &Arc<str>) {
        for start in self.secrets.remove(secret).unwrap_or_default().starts {
            if let Some(forms) = self.forms.get_mut(&start) {
                forms.retain(|form| form.of != *secret);
                if forms.is_empty() {
                    self.forms.remove(&start);
                }
            }
        }
    }

    fn look_for_sent(&mut self) {
        for signature in std::mem::take(&mut self.sent) {
            let secret: Arc<str> = signature.into();
            if !self.secrets.contains_key(&secret) {
                self.look_for(&secret, 0, forms_of(&secret));
                self.retire(&secret);
            }
        }
    }

    /// The positions of secrets in a text, in order.
    fn find(&self, text: &Undone) -> Vec<Range<usize>> {
        let (bytes, mut found, mut at) = (text.bytes.as_slice(), Vec::new(), 0);
        while let Some(start) = bytes[at..].first_chunk::<START>() {
            let rest = &bytes[at..];
            let forms = self.forms.get(start).map(Vec::as_slice).unwrap_or_default();
            let Some(length) = forms.iter().filter_map(|form| overlap(rest, &form.bytes)).max() else {
                at += 1;
                continue;
            };
            let padding = rest[length..].iter().take_while(|byte| **byte == b'=').count();
            found.push(text.range(at..at + length + padding));
            at += length + padding;
        }
        found
    }
}

/// How much of the text's start is that secret; a part of it is enough if the text, or a quotation in it, ends there.
fn overlap(text: &[u8], secret: &[u8]) -> Option<usize> {
    let length = text.iter().zip(secret).take_while(|(one, other)| one == other).count();
    let is_cut_off = || length >= CUT_OFF && text.get(length).is_none_or(|next| b"\"'<>) \n".contains(next));
    (length == secret.len() || is_cut_off()).then_some(length)
}

/// The secret parts: the values of secret names if it is a query or a token with such names, otherwise all of it.
fn parts(secret: &str) -> Vec<&str> {
    let named = secret.split('&').filter_map(|pair| pair.split_once('='));
    let values = named.filter(|(name, _)| SECRET_NAMES.contains(&name.to_ascii_lowercase().as_str()));
    let values: Vec<&str> = values.map(|(_, value)| value).collect();
    if values.is_empty() { vec![secret] } else { values }
}

/// The possible forms of a secret after decoding: unchanged, decoded twice as a form, and within a text that is encoded
/// in base64 as a whole.
fn forms_of(secret: &str) -> Vec<Vec<u8>> {
    let plain = trimmed(undone(secret).bytes);
    let spaced = plain.contains(&b'+').then(|| plain.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect());
    let within = (0..3).map(|before| trimmed(undone(&within_base64(secret, before)).bytes));
    let mut forms: Vec<Vec<u8>> = std::iter::once(plain.clone()).chain(spaced).chain(within).collect();
    forms.retain(|form| form.len() >= LEAST);
    forms
}

/// The characters that a secret determines in the base64 of a text, with this number of bytes (modulo three) before it.
fn within_base64(secret: &str, before: usize) -> String {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.bytes()).collect();
    let encoded = BASE64.encode(&bytes);
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    encoded.get(from..to).unwrap_or_default().to_owned()
}

/// Padding may be left out.
fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&b'=') {
        bytes.pop();
    }
    bytes
}

#[cfg(test)]
mod tests;
