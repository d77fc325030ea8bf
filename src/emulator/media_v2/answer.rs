//! An answer before it becomes HTTP, and the headers every answer of the service carries.

use axum::body::Body;

use super::errors::ApiError;
use super::render::{self, Format};
use crate::emulator::http::Response;
use crate::emulator::media_account::schema::Kind;

/// The kind of an answer's payload, which decides its `DataServiceVersion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Entry,
    Feed,
    Wide,
}

impl Weight {
    /// The weight of one entity of a type.
    pub(super) fn of(kind: &Kind) -> Self {
        if kind.wide { Self::Wide } else { Self::Entry }
    }
}

/// The answer to a call.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) content_type: Option<String>,
    /// The `DataServiceVersion`, with its trailing semicolon.
    pub(super) version: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Answer {
    /// 200 with a JSON document.
    pub(super) fn json(format: Format, body: String, weight: Weight) -> Self {
        let version = match (format, weight) {
            (Format::Light, _) | (_, Weight::Wide) => "3.0;",
            (_, Weight::Feed) => "2.0;",
            (_, Weight::Entry) => "1.0;",
        };
        let content_type = Some(format.content_type().to_owned());
        Self { status: 200, body, content_type, version, headers: Vec::new() }
    }

    /// 200 with plain text.
    pub(super) fn plain(body: String) -> Self {
        let content_type = Some("text/plain;charset=utf-8".to_owned());
        Self { status: 200, body, content_type, version: "2.0;", headers: Vec::new() }
    }

    /// 204.
    pub(super) fn empty() -> Self {
        Self { status: 204, body: String::new(), content_type: None, version: "1.0;", headers: Vec::new() }
    }

    /// The same answer with another status.
    pub(super) fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same answer with one more header.
    pub(super) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A refusal.
    pub(super) fn refusal(format: Format, error: &ApiError) -> Self {
        Self::json(format, render::error(format, error), Weight::Entry).status(error.status)
    }

    /// The HTTP answer. `head`: with the length of the body, but without the body.
    pub(super) fn into_response(self, echo: Option<&str>, head: bool) -> Response {
        let id = uuid::Uuid::new_v4().to_string();
        let mut response = axum::http::Response::builder()
            .status(self.status)
            .header("cache-control", "no-cache")
            .header("server", "Microsoft-IIS/8.5")
            .header("request-id", &id)
            .header("x-ms-request-id", &id)
            .header("x-content-type-options", "nosniff")
            .header("dataserviceversion", self.version)
            .header("x-powered-by", "ASP.NET")
            .header("strict-transport-security", "max-age=31536000; includeSubDomains");
        if let Some(echo) = echo {
            response = response.header("x-ms-client-request-id", echo);
        }
        if let Some(content_type) = self.content_type {
            response = response.header("content-type", content_type);
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = if head {
            response = response.header("content-length", self.body.len());
            Body::empty()
        } else {
            Body::from(self.body)
        };
        response.body(body).expect("header values are URIs, guids and echoes of header values")
    }
}
