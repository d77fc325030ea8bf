//! Compares a blob on the source with its copy and decides how to make them equal. These functions are pure.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::engine::contents::digest::Sealed;
use crate::model::{Blob, BlobKind, BlobProperties, CopyStatus};

/// The type that a service assigns to a blob without one.
const DEFAULT_TYPE: &str = "application/octet-stream";
/// A source blob that is older than its copy by more than this was restored to an earlier state. The clocks of two
/// services differ less: storage accounts refuse requests whose clock differs by more than fifteen minutes.
const OLDER: SignedDuration = SignedDuration::from_mins(15);

/// What earlier runs recorded about the copies on the target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// They were copied from the current state of the source's blobs: every copy is bound to the entity tag of its
    /// source.
    pub(crate) same_source: bool,
    /// A run verified that all of them are equal to their sources.
    pub(crate) verified: bool,
    /// Another tool made them: copies that are younger than the source's blobs then prove nothing.
    pub(crate) of_another_tool: bool,
    /// The target's blobs have changed since they were sealed in this state.
    pub(crate) sealed: Option<Sealed>,
    /// A run in the other direction made the present source from the target's blobs, which were in this state.
    pub(crate) source_sealed: Option<Sealed>,
}

/// The change that makes a blob on the target equal to the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: they are equal.
    Nothing,
    /// Copy the bytes.
    Copy(Why),
    /// Set these in place.
    Mend(Mend),
}

/// Why the bytes have to be copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// It does not exist, or its copy did not complete.
    Missing,
    /// The source has changed.
    Changed,
    /// The source has changed, and its blob is older than the blob that was copied.
    Older,
    /// Another program changed it on the target.
    Damaged,
}

/// What can be set without copying the bytes again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is set by a request of its own")]
pub(crate) struct Mend {
    pub(crate) headers: bool,
    pub(crate) metadata: bool,
    pub(crate) tags: bool,
    /// The source's blob is sealed, and its copy is not.
    pub(crate) seal: bool,
}

impl Mend {
    fn between(source: &Blob, copy: &Blob) -> Self {
        let (s, t) = (&source.properties, &copy.properties);
        // A checksum that only the copy has is not a difference.
        Self {
            headers: headers(s) != headers(t),
            metadata: folded(&s.metadata) != folded(&t.metadata),
            tags: s.tags.differ(&t.tags),
            seal: source.kind.is_sealed() && copy.kind == BlobKind::Append,
        }
    }

    /// Does it explain a new entity tag? Changes of tags and seals do not change the entity tag.
    fn is_visible(self) -> bool {
        self.headers || self.metadata
    }

    fn is_any(self) -> bool {
        self.is_visible() || self.tags || self.seal
    }
}

/// The change that makes the copy equal to its source.
pub(crate) fn need(source: &Blob, copy: Option<&Blob>, known: &Known) -> Need {
    let Some(copy) = copy.filter(|copy| is_whole(copy)) else { return Need::Copy(Why::Missing) };
    let altered = known.sealed.as_ref().is_some_and(|sealed| sealed.is_altered(copy));
    let mend = Mend::between(source, copy);
    let (s, t) = (&source.properties, &copy.properties);
    // A blob that is sealed only on the target cannot be unsealed.
    let other_bytes = !source.kind.is_type_of(copy.kind)
        || (copy.kind.is_sealed() && !source.kind.is_sealed())
        || source.length != copy.length
        || (s.content_md5.is_some() && s.content_md5 != t.content_md5);
    if other_bytes {
        return Need::Copy(if altered || known.same_source { Why::Damaged } else { changed(source, copy) });
    }
    if altered && !(mend.is_visible() && known.same_source) {
        // The length and the checksum are equal, so the listing cannot show a difference of the bytes. A difference of
        // headers explains the change, unless the source may have changed its headers.
        return Need::Copy(Why::Damaged);
    }
    let is_copy = known.source_sealed.as_ref().is_some_and(|sealed| !sealed.is_altered(source));
    let proven = known.same_source || is_copy || (is_younger(copy, source) && !known.of_another_tool);
    if s.content_md5.is_none() && !proven {
        // A visible difference explains the source's new entity tag, if the bytes were equal before.
        if !(known.verified && mend.is_visible()) {
            return Need::Copy(changed(source, copy));
        }
    }
    if mend.is_any() { Need::Mend(mend) } else { Need::Nothing }
}

fn changed(source: &Blob, copy: &Blob) -> Why {
    match (source.last_modified, copy.last_modified) {
        (Some(source), Some(copy)) if copy.duration_since(source) > OLDER => Why::Older,
        _ => Why::Changed,
    }
}

/// Every copy is bound to the entity tag it was planned with, so a copy that is younger than the source's last change
/// contains that change. Equal times count as changed: services report times in whole seconds.
fn is_younger(copy: &Blob, source: &Blob) -> bool {
    matches!((source.last_modified, copy.last_modified), (Some(source), Some(copy)) if copy > source)
}

/// Did its copy complete?
pub(crate) fn is_whole(copy: &Blob) -> bool {
    copy.copy.as_ref().is_none_or(|copy| copy.status == CopyStatus::Success)
}

/// The difference between a source blob and its copy, as far as both listings show it; `None`: no difference.
///
/// The access tier is not compared: it concerns cost, and accounts offer different tiers.
pub(crate) fn difference(source: &Blob, target: &Blob) -> Option<String> {
    if let Some(copy) = &target.copy
        && copy.status != CopyStatus::Success
    {
        return Some(format!("its copy is {}", status_word(copy.status)));
    }
    if !source.kind.is_type_of(target.kind) {
        return Some(format!("{} instead of {}", target.kind.name(), source.kind.name()));
    }
    if source.kind != target.kind {
        return Some(if source.kind.is_sealed() { "not sealed" } else { "sealed" }.to_owned());
    }
    if source.length != target.length {
        return Some(format!("length {} instead of {}", target.length, source.length));
    }
    let (s, t) = (&source.properties, &target.properties);
    if s.content_md5.is_some() && s.content_md5 != t.content_md5 {
        return Some("Content-MD5".to_owned());
    }
    headers(s)
        .into_iter()
        .zip(headers(t))
        .find(|((_, source), (_, target))| source != target)
        .map(|((name, source), (_, target))| format!("{name} {} instead of {}", shown(target), shown(source)))
        .or_else(|| (folded(&s.metadata) != folded(&t.metadata)).then(|| "metadata".to_owned()))
        .or_else(|| s.tags.differ(&t.tags).then(|| "index tags".to_owned()))
}

/// The fault of the copy of a source blob immediately after it was copied or updated, if there is one.
pub(crate) fn fault(source: &Blob, target: Option<&Blob>) -> Option<String> {
    match target {
        None => Some("missing on the target".to_owned()),
        Some(copy) => difference(source, copy),
    }
}

fn headers(properties: &BlobProperties) -> [(&'static str, Option<&str>); 5] {
    [
        ("Content-Type", properties.content_type.as_deref().filter(|kind| *kind != DEFAULT_TYPE)),
        ("Content-Encoding", properties.content_encoding.as_deref()),
        ("Content-Language", properties.content_language.as_deref()),
        ("Content-Disposition", properties.content_disposition.as_deref()),
        ("Cache-Control", properties.cache_control.as_deref()),
    ]
}

/// Metadata names are compared without case, because they are sent as header names.
fn folded(metadata: &BTreeMap<String, String>) -> BTreeMap<String, &str> {
    metadata.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str())).collect()
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
}

fn status_word(status: CopyStatus) -> &'static str {
    match status {
        CopyStatus::Pending => "still pending",
        CopyStatus::Success => "complete",
        CopyStatus::Failed => "failed",
        CopyStatus::Aborted => "aborted",
    }
}

#[cfg(test)]
mod tests;
