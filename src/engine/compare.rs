//! When is a blob on the target the same as on the source?

use std::collections::BTreeMap;

use crate::model::{Blob, BlobProperties, CopyStatus};

/// What differs between a source blob and its copy, as far as both listings show; `None` = nothing.
///
/// The access tier is not compared: it is a matter of cost, and accounts differ in what they offer.
pub(crate) fn difference(source: &Blob, target: &Blob) -> Option<String> {
    if let Some(copy) = &target.copy
        && copy.status != CopyStatus::Success
    {
        return Some(format!("its copy is {}", status_word(copy.status)));
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
        .or_else(|| (s.tags != t.tags).then(|| "index tags".to_owned()))
}

/// May a blob found on the target be taken for a copy of the source blob as it is now, without a record of the copy?
///
/// Equal checksums settle it. Without them the copy must be younger than the source blob's last change: every copy is
/// bound to the entity tag it was planned with, so what arrived after the last change is that change. Clocks of the two
/// services are taken to agree to the second; a tie counts as changed.
pub(crate) fn is_current(source: &Blob, target: &Blob) -> bool {
    if difference(source, target).is_some() {
        return false;
    }
    let checksum = source.properties.content_md5.is_some();
    checksum || matches!((source.last_modified, target.last_modified), (Some(s), Some(t)) if t > s)
}

/// What is wrong with the copy of a source blob, if anything is.
pub(crate) fn fault(source: &Blob, target: Option<&Blob>) -> Option<String> {
    match target {
        None => Some("missing on the target".to_owned()),
        Some(copy) => difference(source, copy),
    }
}

fn headers(properties: &BlobProperties) -> [(&'static str, Option<&str>); 5] {
    [
        ("Content-Type", properties.content_type.as_deref()),
        ("Content-Encoding", properties.content_encoding.as_deref()),
        ("Content-Language", properties.content_language.as_deref()),
        ("Content-Disposition", properties.content_disposition.as_deref()),
        ("Cache-Control", properties.cache_control.as_deref()),
    ]
}

/// Metadata names compare without case: they travel as header names.
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
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::CopyState;

    fn blob(length: u64) -> Blob {
        Blob {
            name: "a.mp4".into(),
            length,
            etag: "\"1\"".into(),
            last_modified: Some(Timestamp::from_second(100).unwrap()),
            properties: BlobProperties { content_type: Some("video/mp4".into()), ..BlobProperties::default() },
            tier: Some("Hot".into()),
            block_blob: true,
            copy: None,
        }
    }

    #[test]
    fn equal_blobs_do_not_differ_whatever_their_etag_and_tier() {
        let target = Blob { etag: "\"2\"".into(), tier: Some("Cool".into()), ..blob(7) };
        assert_eq!(difference(&blob(7), &target), None);
    }

    #[test]
    fn each_difference_is_named() {
        let mut target = blob(7);
        target.length = 5;
        assert_eq!(difference(&blob(7), &target).unwrap(), "length 5 instead of 7");
        let mut target = blob(7);
        target.properties.content_type = None;
        assert_eq!(difference(&blob(7), &target).unwrap(), "Content-Type nothing instead of \"video/mp4\"");
        let mut target = blob(7);
        target.properties.metadata.insert("k".into(), "v".into());
        assert_eq!(difference(&blob(7), &target).unwrap(), "metadata");
        let mut target = blob(7);
        target.properties.tags.insert("k".into(), "v".into());
        assert_eq!(difference(&blob(7), &target).unwrap(), "index tags");
        let mut target = blob(7);
        target.copy =
            Some(CopyState { id: "1".into(), status: CopyStatus::Pending, progress: None, description: None });
        assert_eq!(difference(&blob(7), &target).unwrap(), "its copy is still pending");
    }

    #[test]
    fn metadata_names_compare_without_case() {
        let (mut source, mut target) = (blob(7), blob(7));
        source.properties.metadata.insert("Author".into(), "x".into());
        target.properties.metadata.insert("author".into(), "x".into());
        assert_eq!(difference(&source, &target), None);
    }

    #[test]
    fn without_a_checksum_only_a_younger_copy_is_current() {
        let at = |second| Some(Timestamp::from_second(second).unwrap());
        assert!(is_current(&blob(7), &Blob { last_modified: at(101), ..blob(7) }));
        assert!(!is_current(&blob(7), &Blob { last_modified: at(100), ..blob(7) }));
        let mut source = blob(7);
        source.properties.content_md5 = Some(vec![1; 16]);
        let mut target = source.clone();
        target.last_modified = at(1);
        assert!(is_current(&source, &target));
        target.properties.content_md5 = Some(vec![2; 16]);
        assert!(!is_current(&source, &target));
    }
}
