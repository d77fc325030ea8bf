//! In which order the blobs of an asset arrive, so that nothing that a player reads names what is not there yet.
//!
//! Names alone decide. Media segments come before the playlists and manifests that name them, and those in subfolders before the ones
//! in the folders above, which name them in turn.

/// How the names of playlists and manifests of HLS, DASH and Smooth Streaming end.
const SUFFIXES: [&str; 5] = [".m3u8", ".m3u", ".mpd", ".ism", ".ismc"];

/// When a blob is copied, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// What no player parses: segments, images, text tracks.
    Media,
    /// Manifests below those of the last stage.
    Inner,
    /// The manifests that are in the highest folder.
    Top,
}

/// Which manifests a container has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manifests {
    /// Folders above the highest manifest, and above the lowest one.
    depths: Option<(usize, usize)>,
}

impl Manifests {
    pub(crate) fn add(&mut self, name: &str) {
        if is_manifest(name) {
            let depth = depth(name);
            let (top, bottom) = self.depths.unwrap_or((depth, depth));
            self.depths = Some((top.min(depth), bottom.max(depth)));
        }
    }

    /// The stages that have blobs. Each of them walks through the container once.
    pub(crate) fn stages(self) -> &'static [Stage] {
        match self.depths {
            None => &[Stage::Media],
            Some((top, bottom)) if top == bottom => &[Stage::Media, Stage::Top],
            Some(_) => &[Stage::Media, Stage::Inner, Stage::Top],
        }
    }

    /// The stage of a blob.
    pub(crate) fn stage(self, name: &str) -> Stage {
        match self.depths {
            Some((top, _)) if is_manifest(name) => {
                if depth(name) > top {
                    Stage::Inner
                } else {
                    Stage::Top
                }
            }
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

    fn of(names: &[&str]) -> Manifests {
        let mut manifests = Manifests::default();
        for name in names {
            manifests.add(name);
        }
        manifests
    }

    #[test]
    fn manifests_come_after_the_media_and_those_in_subfolders_before_those_above() {
        let names = ["a/master.m3u8", "a/v1/list.M3U8", "a/v1/1.ts", "a/poster.jpg", "a/film.mpd"];
        let manifests = of(&names);
        let stages = names.map(|name| manifests.stage(name));
        assert_eq!(stages, [Stage::Top, Stage::Inner, Stage::Media, Stage::Media, Stage::Top]);
        assert_eq!(manifests.stages(), [Stage::Media, Stage::Inner, Stage::Top]);
        assert_eq!(of(&["film.ism", "film.mp4"]).stages(), [Stage::Media, Stage::Top]);
    }

    #[test]
    fn without_manifests_there_is_one_stage() {
        let manifests = of(&["a.mp4", "m3u8", "ism", "é.mp4", "a.m3u8.bak"]);
        assert_eq!(manifests.stages(), [Stage::Media]);
        assert_eq!(manifests.stage("a.mp4"), Stage::Media);
    }
}
