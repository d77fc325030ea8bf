//! An access token.

use jiff::Timestamp;

use crate::redact::Secret;

/// A token with its times.
#[derive(Debug)]
pub struct Token {
    /// The text after `Bearer `, unchanged.
    pub(crate) value: Secret,
    pub(super) renew: Timestamp,
    pub(super) expiry: Timestamp,
}

impl Token {
    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.value.expose())
    }
}
