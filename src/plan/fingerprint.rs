//! A short text that is different for different actions.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Half of the SHA-256 of some actions: equal actions have equal fingerprints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

/// Makes a fingerprint of parts in order.
#[derive(Debug, Clone, Default)]
pub struct Fingerprints(Sha256);

impl Fingerprints {
    /// Adds a part under its name.
    #[must_use]
    pub fn with(mut self, name: &str, part: impl AsRef<[u8]>) -> Self {
        for bytes in [name.as_bytes(), part.as_ref()] {
            // With its length, so that different lists of parts have different hashes.
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self
    }

    /// Adds a part, if there is one.
    #[must_use]
    pub fn with_some(self, name: &str, part: Option<impl AsRef<[u8]>>) -> Self {
        match part {
            Some(part) => self.with(name, part),
            None => self,
        }
    }

    /// The fingerprint of all parts.
    pub fn finish(self) -> Fingerprint {
        let hash = self.0.finalize();
        Fingerprint(hash[..16].try_into().expect("sixteen bytes of thirty-two"))
    }
}

impl Fingerprint {
    /// As a number, which can be added to others if the order does not matter.
    pub fn number(self) -> u128 {
        u128::from_le_bytes(self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| hex);
        number.map(|number| Self(number.to_be_bytes())).ok_or("expected 32 hexadecimal digits")
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Fingerprint {
    fn schema_name() -> Cow<'static, str> {
        "Fingerprint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{32}$" })
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differently_divided_parts_have_another_fingerprint() {
        let of = |parts: &[(&str, &str)]| {
            parts.iter().fold(Fingerprints::default(), |all, (name, part)| all.with(name, part)).finish()
        };
        assert_eq!(of(&[("a", "b")]), of(&[("a", "b")]));
        for other in [&[("ab", "")][..], &[("", "ab")], &[("a", "b"), ("", "")], &[("a", "c")], &[]] {
            assert_ne!(of(&[("a", "b")]), of(other), "{other:?}");
        }
        assert_eq!(Fingerprints::default().with_some("a", None::<&str>).finish(), of(&[]));
    }

    #[test]
    fn a_fingerprint_is_read_unchanged() {
        let fingerprint = Fingerprints::default().with("a", "b").finish();
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        for wrong in ["", "+123456789012345678901234567890ab", "12", "zz345678901234567890123456789012"] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}
