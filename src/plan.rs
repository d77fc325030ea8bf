//! Plans: the changes that a dry run found, as items in a file that is applied once.
//!
//! A plan is not a script. The run that applies it compares both libraries as every run does, and makes a change only
//! if the plan has the same one: each item has a [`Fingerprint`] of the concrete actions. Changes that the plan does
//! not have are left for the next plan; changed ones are refused by name.
//!
//! The file is JSON, one object per line: a header with the binding of the plan, the items, what was not mirrored, and
//! a trailer with a checksum, so that a million items are written while they are found, and a truncated file is
//! refused. It has names, ids, numbers and fingerprints, and no secrets.

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
