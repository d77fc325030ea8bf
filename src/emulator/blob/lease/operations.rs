//! Lease Blob and Lease Container: reads the request, does what it asks, and describes the lease in the answer.

use uuid::Uuid;

use super::{At, Lease, LeaseId, Term, parse_id};
use crate::emulator::blob::call::Call;
use crate::emulator::blob::conditions::Conditions;
use crate::emulator::blob::describe::Reply;
use crate::emulator::blob::refusal::{CONDITION_NOT_MET, PERMISSION_MISMATCH, Refusal};
use crate::emulator::http::Response;

/// The shortest and longest limited lease, in seconds.
const FIXED_TERM: std::ops::RangeInclusive<i64> = 15..=60;
/// How long breaking a lease may take, in seconds.
const BREAK_PERIOD: std::ops::RangeInclusive<i64> = 0..=60;

/// The action of a request.
#[derive(Debug, Clone, Copy)]
enum Action {
    Acquire { proposed: LeaseId, term: Term },
    Renew(LeaseId),
    Change { id: LeaseId, proposed: LeaseId },
    Release(LeaseId),
    Break { period: Option<i64> },
}

/// The result of an action.
struct Done {
    status: u16,
    /// The lease after the action.
    lease: Option<Lease>,
    id: Option<LeaseId>,
    /// Seconds until the lease is broken.
    time: Option<i64>,
}

impl Action {
    fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        let name = required(call, "x-ms-lease-action")?;
        let id = || parse_id("x-ms-lease-id", required(call, "x-ms-lease-id")?);
        let proposed = "x-ms-proposed-lease-id";
        Ok(match name.to_ascii_lowercase().as_str() {
            "acquire" => {
                let term = term(required(call, "x-ms-lease-duration")?)?;
                let known = call.ask.header(proposed).map(|text| parse_id(proposed, text)).transpose()?;
                Self::Acquire { proposed: known.unwrap_or_else(|| Uuid::new_v4().as_u128()), term }
            }
            "renew" => Self::Renew(id()?),
            "change" => Self::Change { id: id()?, proposed: parse_id(proposed, required(call, proposed)?)? },
            "release" => Self::Release(id()?),
            "break" => Self::Break { period: break_period(call)? },
            _ => return Err(Refusal::header("x-ms-lease-action")),
        })
    }

    /// The permission to write allows all actions; the permission to delete allows breaking a lease.
    fn check_allowed(self, call: &Call<'_>) -> Result<(), Refusal> {
        let letters = if matches!(self, Self::Break { .. }) { "wd" } else { "w" };
        if call.authority.grant.any_of(letters) { Ok(()) } else { Err(PERMISSION_MISMATCH) }
    }

    fn perform(self, at: At) -> Result<Done, Refusal> {
        let kept = |status, lease: Lease| Done { status, lease: Some(lease), id: Some(lease.id), time: None };
        Ok(match self {
            Self::Acquire { proposed, term } => kept(201, at.acquire(proposed, term)?),
            Self::Renew(id) => kept(200, at.renew(id)?),
            Self::Change { id, proposed } => kept(200, at.change(id, proposed)?),
            Self::Release(id) => {
                at.release(id)?;
                Done { status: 200, lease: None, id: None, time: None }
            }
            Self::Break { period } => {
                let (lease, time) = at.break_after(period)?;
                Done { status: 202, lease: Some(lease), id: None, time: Some(time) }
            }
        })
    }
}

impl Done {
    /// `ETag` and time are unchanged: a lease operation changes neither.
    fn answer(self, etag: u64, modified: u32) -> Response {
        let reply = Reply::new(self.status).version(etag, modified);
        let reply = reply.with_some("x-ms-lease-id", self.id.map(Uuid::from_u128));
        reply.with_some("x-ms-lease-time", self.time).done()
    }
}

fn required<'c>(call: &'c Call<'_>, name: &str) -> Result<&'c str, Refusal> {
    call.ask.header(name).ok_or_else(|| Refusal::missing_header(name))
}

fn term(text: &str) -> Result<Term, Refusal> {
    match text.parse() {
        Ok(-1) => Ok(Term::Infinite),
        Ok(seconds) if FIXED_TERM.contains(&seconds) => Ok(Term::Milliseconds(seconds * 1000)),
        _ => Err(Refusal::header("x-ms-lease-duration")),
    }
}

fn break_period(call: &Call<'_>) -> Result<Option<i64>, Refusal> {
    let name = "x-ms-lease-break-period";
    let read = |text: &str| text.parse().ok().filter(|seconds| BREAK_PERIOD.contains(seconds)).map(|s: i64| s * 1000);
    call.ask.header(name).map(|text| read(text).ok_or_else(|| Refusal::header(name))).transpose()
}

/// Lease Blob.
pub(in crate::emulator::blob) fn lease_blob(call: &Call<'_>) -> Result<Response, Refusal> {
    let action = Action::of(call)?;
    action.check_allowed(call)?;
    let container = call.container()?;
    let mut contents = container.lock_at(call.elapsed())?;
    let blob = contents.blob_mut(call.ask.blob()?)?;
    Conditions::of(call.ask.headers).check_lease(blob)?;
    blob.refuse_pending()?;
    let done = action.perform(blob.lease_at(call.elapsed()))?;
    if call.stores() {
        blob.set_lease(done.lease);
    }
    Ok(done.answer(blob.etag, blob.modified))
}

/// Lease Container.
pub(in crate::emulator::blob) fn lease_container(call: &Call<'_>) -> Result<Response, Refusal> {
    let action = Action::of(call)?;
    action.check_allowed(call)?;
    let container = call.container()?;
    let mut contents = container.lock()?;
    if !Conditions::of(call.ask.headers).hold_for_container(contents.modified) {
        return Err(CONDITION_NOT_MET);
    }
    let done = action.perform(At::new(contents.lease, call.elapsed()))?;
    if call.stores() {
        contents.lease = done.lease;
    }
    Ok(done.answer(contents.etag, contents.modified))
}
