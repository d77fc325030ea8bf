//! Leases of blobs and containers: their five states, and what each action does in each of them.
//!
//! The tables are those of the "Lease Blob" and "Lease Container" pages. A lease uses the emulator's elapsed time, as
//! asynchronous copies do: setting the wall clock does not end a lease.

pub(super) mod operations;

use uuid::Uuid;

use super::ask::Ask;
use super::refusal::{
    LEASE_ALREADY_PRESENT, LEASE_ID_MISMATCH, LEASE_ID_MISMATCH_BLOB, LEASE_ID_MISMATCH_CONTAINER, LEASE_ID_MISSING,
    LEASE_IS_BREAKING_ACQUIRE, LEASE_IS_BREAKING_CHANGE, LEASE_IS_BROKEN, LEASE_LOST, LEASE_NOT_PRESENT,
    LEASE_NOT_PRESENT_BLOB, LEASE_NOT_PRESENT_CONTAINER, Refusal,
};

/// A lease id, which is a GUID.
pub(super) type LeaseId = u128;

/// Reads a lease id, a GUID in any of its usual forms. `header` is where it was sent.
fn parse_id(header: &str, text: &str) -> Result<LeaseId, Refusal> {
    let bare = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text);
    Uuid::parse_str(bare).map(|id| id.as_u128()).map_err(|_| Refusal::header(header))
}

/// The lease id in a request that is not a lease operation.
pub(super) fn id_sent(ask: &Ask<'_>) -> Result<Option<LeaseId>, Refusal> {
    ask.header("x-ms-lease-id").map(|text| parse_id("x-ms-lease-id", text)).transpose()
}

/// How long a lease lasts from each acquisition or renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    Infinite,
    Milliseconds(i64),
}

impl Term {
    fn end(self, now: i64) -> i64 {
        match self {
            Self::Infinite => i64::MAX,
            Self::Milliseconds(length) => now.saturating_add(length),
        }
    }
}

/// A lease that was acquired and not released. Without a lease, the state is "available".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    id: LeaseId,
    term: Term,
    /// When it ends, in milliseconds of elapsed time.
    end: i64,
    broken: bool,
}

/// The states of a lease as answers name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Available,
    Leased,
    Expired,
    Breaking,
    Broken,
}

impl State {
    /// `x-ms-lease-state`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Leased => "leased",
            Self::Expired => "expired",
            Self::Breaking => "breaking",
            Self::Broken => "broken",
        }
    }

    /// Does it lock the blob or container?
    fn locks(self) -> bool {
        matches!(self, Self::Leased | Self::Breaking)
    }

    /// `x-ms-lease-status`.
    pub(super) fn status(self) -> &'static str {
        if self.locks() { "locked" } else { "unlocked" }
    }
}

/// What is leased; both have their own error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leased {
    Blob,
    Container,
}

impl Leased {
    fn mismatch(self) -> Refusal {
        match self {
            Self::Blob => LEASE_ID_MISMATCH_BLOB,
            Self::Container => LEASE_ID_MISMATCH_CONTAINER,
        }
    }

    fn not_present(self) -> Refusal {
        match self {
            Self::Blob => LEASE_NOT_PRESENT_BLOB,
            Self::Container => LEASE_NOT_PRESENT_CONTAINER,
        }
    }
}

/// A lease, if there is one, at a point in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    lease: Option<Lease>,
    now: i64,
}

impl At {
    pub(super) fn new(lease: Option<Lease>, now: i64) -> Self {
        Self { lease, now }
    }

    /// The state it is in.
    pub(super) fn state(self) -> State {
        match self.lease {
            None => State::Available,
            Some(Lease { broken: true, end, .. }) if end > self.now => State::Breaking,
            Some(Lease { broken: true, .. }) => State::Broken,
            Some(Lease { end, .. }) if end > self.now => State::Leased,
            Some(_) => State::Expired,
        }
    }

    /// `x-ms-lease-duration`, which only an active lease has.
    pub(super) fn duration(self) -> Option<&'static str> {
        let lease = self.lease.filter(|_| self.state() == State::Leased)?;
        Some(if lease.term == Term::Infinite { "infinite" } else { "fixed" })
    }

    /// Is it active and of limited duration?
    pub(super) fn is_fixed(self) -> bool {
        self.duration() == Some("fixed")
    }

    /// The lease after a write: the service removes leases that have ended.
    pub(super) fn after_write(self) -> Option<Lease> {
        self.lease.filter(|_| self.state().locks())
    }

    fn has(self, id: LeaseId) -> bool {
        self.lease.is_some_and(|lease| lease.id == id)
    }

    /// Checks the lease id of a read; without one, every read is allowed.
    pub(super) fn check_read(self, id: Option<LeaseId>, what: Leased) -> Result<(), Refusal> {
        let Some(id) = id else { return Ok(()) };
        match (self.state().locks(), self.has(id)) {
            (true, true) => Ok(()),
            (true, false) => Err(what.mismatch()),
            (false, true) => Err(LEASE_LOST),
            (false, false) => Err(what.not_present()),
        }
    }

    /// Checks the lease id of a write; without one, an active lease refuses the write.
    pub(super) fn check_write(self, id: Option<LeaseId>, what: Leased) -> Result<(), Refusal> {
        if id.is_none() && self.state().locks() {
            return Err(LEASE_ID_MISSING);
        }
        self.check_read(id, what)
    }

    /// Acquires a lease, or restarts the term of its holder.
    pub(super) fn acquire(self, id: LeaseId, term: Term) -> Result<Lease, Refusal> {
        match self.state() {
            State::Breaking if self.has(id) => Err(LEASE_IS_BREAKING_ACQUIRE),
            State::Breaking => Err(LEASE_ALREADY_PRESENT),
            State::Leased if !self.has(id) => Err(LEASE_ALREADY_PRESENT),
            _ => Ok(Lease { id, term, end: term.end(self.now), broken: false }),
        }
    }

    /// The lease, if it has that id.
    fn held_by(self, id: LeaseId) -> Result<Lease, Refusal> {
        self.lease.filter(|lease| lease.id == id).ok_or(LEASE_ID_MISMATCH)
    }

    /// Starts the term again.
    pub(super) fn renew(self, id: LeaseId) -> Result<Lease, Refusal> {
        let lease = self.held_by(id)?;
        if lease.broken {
            return Err(LEASE_IS_BROKEN);
        }
        Ok(Lease { end: lease.term.end(self.now), ..lease })
    }

    /// Gives the lease another id. Repeating a change is a success.
    pub(super) fn change(self, id: LeaseId, proposed: LeaseId) -> Result<Lease, Refusal> {
        let lease = self.lease.filter(|_| self.state().locks()).ok_or(LEASE_NOT_PRESENT)?;
        match self.state() {
            State::Breaking if lease.id == id => Err(LEASE_IS_BREAKING_CHANGE),
            State::Leased if lease.id == id || lease.id == proposed => Ok(Lease { id: proposed, ..lease }),
            _ => Err(LEASE_ID_MISMATCH),
        }
    }

    /// Checks that the lease has that id, so that it can be released.
    pub(super) fn release(self, id: LeaseId) -> Result<(), Refusal> {
        self.held_by(id).map(drop)
    }

    /// Breaks the lease after that number of milliseconds, or at its end. Also returns the time until then in whole
    /// seconds, rounded up.
    pub(super) fn break_after(self, period: Option<i64>) -> Result<(Lease, i64), Refusal> {
        let lease = self.lease.ok_or(LEASE_NOT_PRESENT)?;
        let remaining = lease.end.saturating_sub(self.now).max(0);
        let ends_by_itself = if lease.end == i64::MAX { 0 } else { remaining };
        let wait = period.unwrap_or(ends_by_itself).min(remaining);
        let broken = Lease { end: self.now.saturating_add(wait), broken: true, ..lease };
        Ok((broken, wait.div_euclid(1000) + i64::from(wait.rem_euclid(1000) > 0)))
    }
}
