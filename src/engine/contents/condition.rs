//! The condition of a copy, according to its own listing and the ledger: can all of it be read, and is it still in the
//! state in which a run found it equal to its source? The source is not asked.

use futures::TryStreamExt;
use jiff::Timestamp;

use crate::engine::contents::compare::{Need, Why, is_whole};
use crate::engine::contents::digest::{self, Sealed};
use crate::engine::contents::{Contents, compare_names};
use crate::error::Error;
use crate::ledger::AssetRow;
use crate::memory::Turn;
use crate::model::Blob;

/// The first blob of each kind that cannot be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flaws {
    /// It is archived.
    pub(crate) archived: Option<String>,
    /// Its bytes are not complete.
    pub(crate) incomplete: Option<String>,
}

impl Flaws {
    /// Checks a blob.
    pub(crate) fn add(&mut self, blob: &Blob) {
        let note = |first: &mut Option<String>, is_so| {
            if is_so && first.is_none() {
                *first = Some(blob.name.clone());
            }
        };
        note(&mut self.archived, blob.is_archived());
        note(&mut self.incomplete, !is_whole(blob));
    }
}

/// The ledger's proof about a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It has not changed since a run found it equal to its source.
    Same,
    /// It changed since then; the first evidence.
    Altered(String),
    /// The ledger has no record of it.
    Nothing,
}

/// The condition of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The ledger's proof about it.
    pub(crate) proof: Proof,
    /// Its blobs that cannot be read.
    pub(crate) flaws: Flaws,
    /// Its blobs, and their bytes.
    pub(crate) blobs: u64,
    pub(crate) bytes: u64,
}

impl Condition {
    /// The condition of a copy with this content.
    pub(crate) async fn of(copy: &Contents<'_>, row: Option<&AssetRow>) -> Result<Self, Error> {
        let (flaws, blobs, bytes) = (copy.flaws.clone(), copy.count, copy.bytes);
        Ok(Self { proof: proof(copy, row).await?, flaws, blobs, bytes })
    }
}

async fn proof(copy: &Contents<'_>, row: Option<&AssetRow>) -> Result<Proof, Error> {
    let Some((row, recorded)) = row.and_then(|row| Some((row, row.facts.target_digest.as_ref()?))) else {
        return Ok(Proof::Nothing);
    };
    if digest::is_unchanged(recorded, &copy.seal) {
        return Ok(Proof::Same);
    }
    if let Some(blobs) = row.facts.blobs.filter(|blobs| copy.count < *blobs) {
        return Ok(Proof::Altered(format!("{} blobs instead of {blobs}", copy.count)));
    }
    let sealed = Sealed::parse(recorded);
    let nothing = Contents::none(copy.place());
    let mut blobs = compare_names(&nothing, copy, Turn::Compare);
    while let Some((_, blob)) = blobs.try_next().await? {
        if let Some(blob) = blob.filter(|blob| sealed.as_ref().is_none_or(|sealed| sealed.is_altered(blob))) {
            return Ok(Proof::Altered(format!("blob {}", blob.name)));
        }
    }
    Ok(Proof::Altered("a blob is missing, or has other index tags".to_owned()))
}

/// The result for the copy of comparing the blobs of a source asset and its copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// The time of the last proof of the copy, if the last run completed it.
    proven: Option<Timestamp>,
    /// Is the copy unchanged since then?
    is_same: bool,
    /// Does the source have a change that the copy lacks? If so, the earliest time that is known for it.
    pub(crate) pending: bool,
    pub(crate) since: Option<Timestamp>,
    /// The first blob that another program changed or removed on the target.
    pub(crate) damaged: Option<String>,
}

impl Changes {
    /// No changes yet.
    pub(crate) fn since(row: Option<&AssetRow>, proof: &Proof) -> Self {
        let proven = row.filter(|row| row.complete()).map(|row| row.updated);
        Self { proven, is_same: *proof == Proof::Same, ..Self::default() }
    }

    /// Adds the need of a blob of the source.
    pub(crate) fn add(&mut self, blob: &Blob, need: Need) {
        let is_damage = match need {
            Need::Nothing => return,
            Need::Copy(Why::Damaged) => !self.is_same,
            // Blobs that the source had when the copy was proven were on the target then.
            Need::Copy(Why::Missing) => !self.is_same && self.proven.is_none_or(|at| blob.last_modified <= Some(at)),
            Need::Copy(Why::Changed | Why::Older) | Need::Mend(_) => false,
        };
        if is_damage {
            self.damaged.get_or_insert_with(|| blob.name.clone());
        } else {
            self.change(blob.last_modified);
        }
    }

    /// Adds a change of the source at this time. The time may be unknown; it is never earlier than the proof.
    pub(crate) fn change(&mut self, at: Option<Timestamp>) {
        self.pending = true;
        let at = at.max(self.proven);
        self.since = match (self.since, at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}
