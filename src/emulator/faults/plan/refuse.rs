//! Error answers.

use serde::Deserialize;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, as is; `date+60` and `date-60` become HTTP dates that far from now.
    #[serde(default)]
    pub retry_after: Option<String>,
    /// `x-ms-error-code`, which is also in the body.
    #[serde(default)]
    pub code: Option<String>,
    /// The status of the copy's source, which refused: `x-ms-copy-source-status-code`.
    #[serde(default)]
    pub source_status: Option<u16>,
    /// The same: `x-ms-copy-source-error-code`.
    #[serde(default)]
    pub source_code: Option<String>,
}

impl Refuse {
    /// That status, nothing else.
    pub fn status(status: u16) -> Self {
        Self { status, retry_after: None, code: None, source_status: None, source_code: None }
    }

    /// With an error code.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    /// With a `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, value: &str) -> Self {
        self.retry_after = Some(value.to_owned());
        self
    }

    /// Sets the status and code of the copy's source.
    #[must_use]
    pub fn source(mut self, status: u16, code: &str) -> Self {
        (self.source_status, self.source_code) = (Some(status), Some(code.to_owned()));
        self
    }
}

/// An error answer with the secrets of its request in code and message, without names that identify them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Echo {
    /// HTTP status.
    pub status: u16,
    /// How they are written.
    pub form: EchoForm,
}

/// How an echo writes a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EchoForm {
    /// As it came.
    Raw,
    /// In capital letters.
    Capitals,
    /// Encoded for a URL, in lower case.
    Url,
    /// The same twice.
    UrlTwice,
    /// Every character that is not a letter or digit as `\u003d`.
    Json,
    /// The same as `&#x3d;`.
    Xml,
    /// In the alphabet of URLs and without padding.
    Base64Url,
    /// Within a text that is encoded in base64 as a whole.
    Within,
    /// Without its last third.
    CutOff,
}
