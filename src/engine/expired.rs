//! Explains errors caused by an expired shared access signature of the operator: names the account and the remedy.
//! Services report this in different words or not at all, and the target does not report it for the source's signature.

use jiff::Timestamp;

use crate::clock;
use crate::connect::Pair;
use crate::error::{Asked, CallError, Disposition, Error, Failure};

/// Returns the error with that reason if the signature has expired, or else unchanged.
pub(crate) fn explained(error: Error, pair: &Pair) -> Error {
    let now = clock::now();
    match error {
        Error::Call(mut call) if is_refusal(&call.failure) => {
            if let (Some(why), Failure::Refused { message, .. }) = (ended(pair, now), &mut call.failure) {
                *message = why;
            }
            Error::Call(call)
        }
        Error::Copy { subject, failure: Some(failure), .. } if is_refusal(&failure) && ended(pair, now).is_some() => {
            let disposition = Disposition::Fatal;
            explained(
                CallError { attempted: "copy blob", subject, failure, attempts: 1, disposition, asked: Asked::Service }
                    .into(),
                pair,
            )
        }
        other => other,
    }
}

fn is_refusal(failure: &Failure) -> bool {
    let Failure::Refused { status, source_refusal, .. } = failure else { return false };
    matches!(status, 401 | 403) || source_refusal.as_ref().is_some_and(|source| matches!(source.status, 401 | 403))
}

/// The explanation for the first signature that has expired.
fn ended(pair: &Pair, now: Timestamp) -> Option<String> {
    [&pair.source, &pair.target].into_iter().flat_map(|side| &side.storage).find_map(|account| {
        let expiry = account.shared_access()?.expiry.filter(|expiry| *expiry <= now)?;
        let name = account.name();
        Some(format!(
            "the shared access signature of storage account {name} expired at {expiry}; replace it with a new one and run \
             again: the run resumes where it stopped"
        ))
    })
}
