//! In which order the blobs of an asset arrive, so that nothing that a player reads names what is not there yet.
//!
//! Names alone decide. Media segments come before the playlists and manifests that name them, and those in subfolders before the ones
//! in the folders above, which name them in turn.

use crate::model::{Blob, BlobKind};

/// How the names of playlists and manifests of HLS, DASH and Smooth Streaming end.
const SUFFIXES: [&str; 5] = [".m3u8", ".m3u", ".mpd", ".ism", ".ismc"];

/// When a blob is copied, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Append and page blobs, which only one method copies as what they are.
    OtherKinds,
    /// What no player parses: segments, images, text tracks.
    Media,
    /// Manifests below those of the last stage.
    Inner,
    /// The manifests that are in the highest folder.
    Top,
}

/// The stages in which the blobs of a container are copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Stages {
    /// Folders above the highest manifest, and above the lowest one.
    depths: Option<(usize, usize)>,
    other_kinds: bool,
}

impl Stages {
    pub(crate) fn add(&mut self, blob: &Blob) {
        if blob.kind != BlobKind::Block {
            self.other_kinds = true;
        } else if is_manifest(&blob.name) {
            let depth = depth(&blob.name);
            let (top, bottom) = self.depths.unwrap_or((depth, depth));
            self.depths = Some((top.min(depth), bottom.max(depth)));
        }
    }

    /// Those that have blobs. Each of them walks through the container once.
    pub(crate) fn all(self) -> Vec<Stage> {
        let inner = self.depths.is_some_and(|(top, bottom)| top < bottom);
        let has = [
            (Stage::OtherKinds, self.other_kinds),
            (Stage::Media, true),
            (Stage::Inner, inner),
            (Stage::Top, self.depths.is_some()),
        ];
        has.into_iter().filter(|(_, has)| *has).map(|(stage, _)| stage).collect()
    }

    /// The stage of a blob.
    pub(crate) fn of(self, blob: &Blob) -> Stage {
        match self.depths {
            _ if blob.kind != BlobKind::Block => Stage::OtherKinds,
            Some((top, _)) if is_manifest(&blob.name) && depth(&blob.name) > top => Stage::Inner,
            Some(_) if is_manifest(&blob.name) => Stage::Top,
            _ => Stage::Media,
        }
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

    #[test]
    fn manifests_come_after_the_media_and_those_in_subfolders_before_those_above() {
        let names = ["a/master.m3u8", "a/v1/list.M3U8", "a/v1/1.ts", "a/poster.jpg", "a/film.mpd"];
        let stages = of(&names);
        let found = names.map(|name| stages.of(&blob(name, BlobKind::Block)));
        assert_eq!(found, [Stage::Top, Stage::Inner, Stage::Media, Stage::Media, Stage::Top]);
        assert_eq!(stages.all(), [Stage::Media, Stage::Inner, Stage::Top]);
        assert_eq!(of(&["film.ism", "film.mp4"]).all(), [Stage::Media, Stage::Top]);
    }

    #[test]
    fn without_manifests_there_is_one_stage() {
        let stages = of(&["a.mp4", "m3u8", "ism", "é.mp4", "a.m3u8.bak"]);
        assert_eq!(stages.all(), [Stage::Media]);
        assert_eq!(stages.of(&blob("a.mp4", BlobKind::Block)), Stage::Media);
    }

    #[test]
    fn append_and_page_blobs_have_a_stage_of_their_own_whatever_their_names_are() {
        let mut stages = of(&["a.ts"]);
        stages.add(&blob("live.m3u8", BlobKind::Append));
        assert_eq!(stages.all(), [Stage::OtherKinds, Stage::Media]);
        assert_eq!(stages.of(&blob("live.m3u8", BlobKind::Append)), Stage::OtherKinds);
    }
}
