//! What every call of the API has in common.

use crate::call::Call;
use crate::retry::Idempotency;

/// The dialect asked for and sent.
pub(super) const JSON: &str = "application/json;odata=verbose";

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
