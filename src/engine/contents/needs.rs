//! Decides what each blob of one asset needs, from the listings of both sides and from earlier runs.

use std::sync::Arc;

use crate::claims::{Common, Work};
use crate::engine::contents::compare::{self, Known, Mend, Need, Why};
use crate::engine::contents::digest::{Sealed, same_blobs, same_extent};
use crate::engine::contents::kept::KeptCopy;
use crate::engine::contents::{Contents, compare_names};
use crate::error::Error;
use crate::memory::Turn;
use crate::model::{Blob, IndexTags};
use crate::plan::{Fingerprint, Fingerprints};
use futures::{Stream, TryStreamExt};

/// A blob of the source, its copy, and the change that makes the copy equal.
#[derive(Debug, Clone)]
pub(crate) struct Needed {
    pub(crate) blob: Arc<Blob>,
    pub(crate) copy: Option<Arc<Blob>>,
    pub(crate) need: Need,
}

/// What earlier runs recorded about the copies.
pub(crate) fn known(work: &Work, source: &Contents<'_>, present: &Contents<'_>) -> Known {
    let of_another_tool = work.adopting;
    let of_this = |common: &&Common| same_blobs(&common.target_blobs, &present.digest);
    let source_sealed = work.common.as_ref().filter(of_this).and_then(|common| common.source_seal.as_deref());
    let source_sealed = source_sealed.and_then(Sealed::parse);
    let Some(row) = &work.row else { return Known { of_another_tool, source_sealed, ..Known::default() } };
    let recorded = row.facts.target_digest.as_deref();
    Known {
        same_source: row.facts.source_digest.as_deref().is_some_and(|before| same_blobs(before, &source.digest)),
        verified: work.is_recorded(),
        of_another_tool,
        source_sealed,
        sealed: recorded
            .filter(|seal| same_extent(seal, &present.seal) && !same_blobs(seal, &present.seal))
            .and_then(Sealed::parse),
    }
}

/// The need of each blob of the source, in name order.
pub(crate) fn needs<'a>(
    work: &Work,
    source: &'a Contents<'_>,
    present: &'a Contents<'_>,
) -> impl Stream<Item = Result<Needed, Error>> + Send + 'a {
    let known = known(work, source, present);
    compare_names(source, present, Turn::Copy).try_filter_map(move |(blob, copy)| {
        let needed = blob.map(|blob| {
            let need = compare::need(&blob, copy.as_deref(), &known);
            Needed { blob, copy, need }
        });
        std::future::ready(Ok(needed))
    })
}

/// The blobs whose bytes have to be copied.
pub(crate) fn to_copy<'a>(
    work: &Work,
    source: &'a Contents<'_>,
    present: &'a Contents<'_>,
) -> impl Stream<Item = Result<Arc<Blob>, Error>> + Send + 'a {
    needs(work, source, present)
        .try_filter_map(|needed| async move { Ok(matches!(needed.need, Need::Copy(_)).then(|| needed.into_sent())) })
}

impl Needed {
    /// The blob as it is sent. If the source's index tags could not be read, its copy keeps its tags.
    fn into_sent(self) -> Arc<Blob> {
        match self.copy {
            Some(copy) if copy.properties.tags.is_any() => with_tags_unless_read(self.blob, &copy.properties.tags),
            _ => self.blob,
        }
    }
}

/// The blob, with these tags if its own could not be read.
pub(crate) fn with_tags_unless_read(blob: Arc<Blob>, tags: &IndexTags) -> Arc<Blob> {
    if blob.properties.tags.read().is_some() {
        return blob;
    }
    let mut blob = Arc::unwrap_or_clone(blob);
    blob.properties.tags.clone_from(tags);
    Arc::new(blob)
}

/// A short fingerprint of the action on a blob: which blob of the source replaces which blob of the target.
fn action(blob: &Blob, copy: Option<&Blob>, need: Need) -> Option<Fingerprint> {
    let what = match need {
        Need::Nothing => return None,
        Need::Copy(_) => "copy".to_owned(),
        Need::Mend(Mend { headers, metadata, tags, seal }) => format!("{headers} {metadata} {tags} {seal}"),
    };
    let mut parts = Fingerprints::default().with("name", &blob.name).with("what", what).with("from", &blob.etag);
    parts = parts.with("length", blob.length.to_le_bytes()).with_some("over", copy.map(|copy| &copy.etag));
    // Tags change without a new entity tag.
    for (key, value) in blob.properties.tags.read().into_iter().flatten() {
        parts = parts.with(key, value);
    }
    Some(parts.finish())
}

/// Counts of what the blobs of one asset need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Blobs that are missing on the target.
    pub(crate) missing: u64,
    /// Blobs that changed in the source.
    pub(crate) changed: u64,
    /// The first changed blob that is older than its copy.
    pub(crate) older: Option<String>,
    /// Blobs that another program changed on the target.
    pub(crate) damaged: u64,
    /// Blobs whose headers, metadata or seal are set in place, and blobs whose tags are set in place.
    pub(crate) headers: u64,
    pub(crate) tags: u64,
    /// Blobs of the target that are overwritten.
    pub(crate) overwritten: u64,
    /// The sum of the fingerprints of the actions on all blobs.
    pub(crate) actions: u128,
    /// Blobs on the target that the source does not have, and their bytes.
    pub(crate) kept: Vec<KeptCopy>,
    pub(crate) kept_bytes: u64,
}

impl Survey {
    /// Compares all blobs of both sides.
    pub(crate) async fn of(work: &Work, source: &Contents<'_>, present: &Contents<'_>) -> Result<Self, Error> {
        let known = known(work, source, present);
        let mut survey = Self::default();
        let mut pairs = std::pin::pin!(compare_names(source, present, Turn::Compare));
        while let Some((blob, copy)) = pairs.try_next().await? {
            survey.look(blob.as_deref(), copy.as_deref(), &known);
        }
        Ok(survey)
    }

    /// Compares a blob with its copy. Returns what a blob of the source needs.
    pub(crate) fn look(&mut self, blob: Option<&Blob>, copy: Option<&Blob>, known: &Known) -> Option<Need> {
        if let Some(blob) = blob {
            let need = compare::need(blob, copy, known);
            self.add(blob, need);
            if let Some(action) = action(blob, copy, need) {
                self.actions = self.actions.wrapping_add(action.number());
                self.overwritten += u64::from(matches!(need, Need::Copy(Why::Changed | Why::Older | Why::Damaged)));
            }
            return Some(need);
        }
        if let Some(extra) = copy {
            self.kept_bytes += extra.length;
            self.kept.push(KeptCopy::of(extra));
        }
        None
    }

    fn add(&mut self, blob: &Blob, need: Need) {
        match need {
            Need::Nothing => {}
            Need::Copy(Why::Missing) => self.missing += 1,
            Need::Copy(Why::Changed) => self.changed += 1,
            Need::Copy(Why::Damaged) => self.damaged += 1,
            Need::Copy(Why::Older) => {
                self.changed += 1;
                self.older.get_or_insert_with(|| blob.name.clone());
            }
            Need::Mend(mend) => {
                self.headers += u64::from(mend.headers || mend.metadata || mend.seal);
                self.tags += u64::from(mend.tags);
            }
        }
    }

    /// Blobs that are copied.
    pub(crate) fn copies(&self) -> u64 {
        self.missing + self.changed + self.damaged
    }
}
