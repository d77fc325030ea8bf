//! Plans: what a dry run found is to be done, item by item, in a file that is applied once.
//!
//! A plan is not a script. The run that applies it compares both libraries as every run does, and does what it would do anyway
//! if the plan has the same thing: each item has a [`Fingerprint`] of the concrete actions. What the plan lacks is left for the
//! next plan; what has changed since is refused by name; nothing is done that was not planned.
//!
//! The file is JSON, one object a line: a header that binds the plan, the items, what was not mirrored, and a trailer with a
//! checksum, so that a million items are written as they are found, and a cut file is refused. It holds names, ids, numbers
//! and fingerprints, and no secret.

mod document;
mod error;
mod fingerprint;
mod item;
mod planned;
mod read;
mod write;

pub use document::{Binding, Header, Kind, LedgerAt, Line, Money, NotMirrored, Outlook, Scope, Totals, Trailer};
pub use error::PlanError;
pub use fingerprint::{Fingerprint, Fingerprints};
pub use item::{Action, Item};
pub use planned::{Counts, Planned, Ruling};
pub use read::{Read, read};
pub use write::PlanFile;
