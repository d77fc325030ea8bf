//! The order in which the blobs of an asset are copied, so that a playlist or manifest never names a blob that is
//! missing.
//!
//! Only the names decide. Media segments are copied before the playlists and manifests that name them, and manifests in
//! subfolders before those in the folders above, which name them.

use crate::model::{Blob, BlobKind};

/// The suffixes of playlists and manifests of HLS, DASH and Smooth Streaming.
const SUFFIXES: [&str; 5] = [".m3u8", ".m3u", ".mpd", ".ism", ".ismc"];

/// When a blob is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) part: Part,
    /// Is it an append or page blob? Only one method copies these with their type.
    pub(crate) other_kind: bool,
}

/// The role of a blob for a player, in the order of copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Blobs that players do not parse: segments, images, text tracks.
    Media,
    /// Manifests in folders below the top manifests.
    Inner,
    /// The manifests in the highest folder.
    Top,
}

/// The stages in which the blobs of a container are copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    /// The number of folders above the highest manifest, and above the lowest one.
    depths: Option<(usize, usize)>,
    other_kinds: bool,
}

impl Stages {
    pub(crate) fn add(&mut self, blob: &Blob) {
        self.other_kinds |= blob.kind != BlobKind::Block;
        if is_manifest(&blob.name) {
            let depth = depth(&blob.name);
            let (top, bottom) = self.depths.unwrap_or((depth, depth));
            self.depths = Some((top.min(depth), bottom.max(depth)));
        }
    }

    /// The stages that can have blobs, in order. Each of them reads the container once.
    pub(crate) fn all(self) -> Vec<Stage> {
        let inner = self.depths.is_some_and(|(top, bottom)| top < bottom);
        let parts = [(Part::Media, true), (Part::Inner, inner), (Part::Top, self.depths.is_some())];
        let kinds: &[bool] = if self.other_kinds { &[false, true] } else { &[false] };
        let parts = parts.into_iter().filter(|(_, has)| *has);
        parts.flat_map(|(part, _)| kinds.iter().map(move |&other_kind| Stage { part, other_kind })).collect()
    }

    /// The stage of a blob.
    pub(crate) fn of(self, blob: &Blob) -> Stage {
        let part = match self.depths {
            Some((top, _)) if is_manifest(&blob.name) && depth(&blob.name) > top => Part::Inner,
            Some(_) if is_manifest(&blob.name) => Part::Top,
            _ => Part::Media,
        };
        Stage { part, other_kind: blob.kind != BlobKind::Block }
    }
}

fn is_manifest(name: &str) -> bool {
    let ends_with = |suffix: &str| {
        let at = name.len().checked_sub(suffix.len());
        at.and_then(|at| name.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    SUFFIXES.iter().any(|suffix| ends_with(suffix))
}

fn depth(name: &str) -> usize {
    name.bytes().filter(|&byte| byte == b'/').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BlobProperties, IndexTags};

    fn blob(name: &str, kind: BlobKind) -> Blob {
        Blob {
            name: name.to_owned(),
            length: 1,
            etag: "\"0x1\"".to_owned(),
            last_modified: None,
            properties: BlobProperties { tags: IndexTags::default(), ..BlobProperties::default() },
            tier: None,
            kind,
            copy: None,
        }
    }

    fn of(names: &[&str]) -> Stages {
        let mut stages = Stages::default();
        for name in names {
            stages.add(&blob(name, BlobKind::Block));
        }
        stages
    }

    fn parts(stages: Stages) -> Vec<Part> {
        stages.all().into_iter().map(|stage| stage.part).collect()
    }

    #[test]
    fn manifests_come_after_the_media_and_those_in_subfolders_before_those_above() {
        let names = ["a/master.m3u8", "a/v1/list.M3U8", "a/v1/1.ts", "a/poster.jpg", "a/film.mpd"];
        let stages = of(&names);
        let found = names.map(|name| stages.of(&blob(name, BlobKind::Block)).part);
        assert_eq!(found, [Part::Top, Part::Inner, Part::Media, Part::Media, Part::Top]);
        assert_eq!(parts(stages), [Part::Media, Part::Inner, Part::Top]);
        assert_eq!(parts(of(&["film.ism", "film.mp4"])), [Part::Media, Part::Top]);
    }

    #[test]
    fn without_manifests_there_is_one_stage() {
        let stages = of(&["a.mp4", "m3u8", "ism", "é.mp4", "a.m3u8.bak"]);
        assert_eq!(stages.all(), [Stage { part: Part::Media, other_kind: false }]);
        assert_eq!(stages.of(&blob("a.mp4", BlobKind::Block)).part, Part::Media);
    }

    #[test]
    fn a_manifest_comes_after_all_media_of_any_blob_type() {
        let mut stages = of(&["a.ts"]);
        for (name, kind) in [("b.ts", BlobKind::Append), ("live.m3u8", BlobKind::Append)] {
            stages.add(&blob(name, kind));
        }
        let found: Vec<_> = stages.all().into_iter().map(|stage| (stage.part, stage.other_kind)).collect();
        assert_eq!(found, [(Part::Media, false), (Part::Media, true), (Part::Top, false), (Part::Top, true)]);
        assert_eq!(stages.of(&blob("live.m3u8", BlobKind::Append)), stages.all()[3]);
    }
}
