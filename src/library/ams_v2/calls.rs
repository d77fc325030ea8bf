//! The common parts of all calls of the API.

use azure_core::http::Request;

use crate::call::Call;
use crate::identity::Token;
use crate::retry::Idempotency;

/// The dialect of requests and answers.
pub(super) const JSON: &str = "application/json;odata=verbose";

/// The dialect of some requests.
pub(super) const LIGHT_JSON: &str = "application/json";

/// A call of the media API: it moves no bytes.
pub(super) fn call<'a>(
    operation: &'static str,
    attempted: &'static str,
    subject: &'a str,
    idempotency: Idempotency,
) -> Call<'a> {
    Call { operation, attempted, subject, idempotency, bytes: 0, source: None }
}

/// A call that may be repeated.
pub(super) fn safe<'a>(operation: &'static str, attempted: &'static str, subject: &'a str) -> Call<'a> {
    call(operation, attempted, subject, Idempotency::Repeatable)
}

/// Sets the headers of every request.
pub(super) fn set_headers(request: &mut Request, version: &str, token: &Token) {
    request.insert_header("authorization", token.header());
    request.insert_header("x-ms-version", version.to_owned());
    request.insert_header("dataserviceversion", "3.0");
    request.insert_header("maxdataserviceversion", "3.0");
    request.insert_header("accept", JSON);
    request.insert_header("x-ms-client-request-id", uuid::Uuid::new_v4().to_string());
}
