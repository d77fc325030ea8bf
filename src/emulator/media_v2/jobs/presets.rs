//! Presets of the encoders: which renditions a task makes from its input, and how they are named.

/// One file a preset makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rendition {
    pub(super) width: u16,
    pub(super) height: u16,
    /// Of the video, in kilobits per second.
    pub(super) kbps: u32,
}

/// What a preset makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preset {
    pub(super) renditions: &'static [Rendition],
    /// The file names contain the audio bitrate, as in the automatic ladder.
    names_sound: bool,
}

/// The audio bitrate of every rendition; the documented presets have stereo AAC of 128 kbit/s.
pub(super) const AUDIO_KBPS: u32 = 128;

const fn rendition(width: u16, height: u16, kbps: u32) -> Rendition {
    Rendition { width, height, kbps }
}

/// The documented ladder of `H264 Multiple Bitrate 1080p`; that of 720p has all except the first two.
const LADDER: [Rendition; 8] = [
    rendition(1920, 1080, 6000),
    rendition(1920, 1080, 4700),
    rendition(1280, 720, 3400),
    rendition(960, 540, 2250),
    rendition(960, 540, 1500),
    rendition(640, 360, 1000),
    rendition(640, 360, 650),
    rendition(320, 180, 400),
];
/// The renditions of `Adaptive Streaming`, which are the same for any input here.
const AUTOMATIC: [Rendition; 3] = [rendition(1920, 1080, 4500), rendition(960, 540, 1500), rendition(640, 360, 700)];
const SINGLE_1080: [Rendition; 1] = [rendition(1920, 1080, 6750)];
const SINGLE_720: [Rendition; 1] = [rendition(1280, 720, 4500)];

/// The documented presets `H264 Multiple Bitrate …`. Except for 720p and 1080p, they make the files of 720p here.
const MULTIPLE: [&str; 12] = [
    "1080p",
    "1080p Audio 5.1",
    "16x9 SD",
    "16x9 SD Audio 5.1",
    "16x9 for iOS",
    "4K",
    "4K Audio 5.1",
    "4x3 SD",
    "4x3 SD Audio 5.1",
    "4x3 for iOS",
    "720p",
    "720p Audio 5.1",
];
/// The documented presets `H264 Single Bitrate …`.
const SINGLE: [&str; 13] = [
    "1080p",
    "1080p Audio 5.1",
    "16x9 SD",
    "16x9 SD Audio 5.1",
    "4K",
    "4K Audio 5.1",
    "4x3 SD",
    "4x3 SD Audio 5.1",
    "720p",
    "720p Audio 5.1",
    "720p for Android",
    "High Quality SD for Android",
    "Low Quality SD for Android",
];

impl Preset {
    /// The preset of a task's configuration: a name, or a custom preset in JSON or XML, whose content is ignored.
    /// `None` = no encoder has a preset of that name.
    pub(super) fn of(configuration: &str) -> Option<Self> {
        let name = configuration.trim();
        let own = name.starts_with(['{', '<', '\u{feff}']);
        if name == "Adaptive Streaming" {
            return Some(Self { renditions: &AUTOMATIC, names_sound: true });
        }
        let multiple = name.strip_prefix("H264 Multiple Bitrate ").filter(|of| MULTIPLE.contains(of));
        let single = name.strip_prefix("H264 Single Bitrate ").filter(|of| SINGLE.contains(of));
        let renditions: &'static [Rendition] = match (multiple, single) {
            (Some(of), _) if of.starts_with("1080p") => &LADDER,
            (_, Some(of)) if of.starts_with("1080p") => &SINGLE_1080,
            (_, Some(_)) => &SINGLE_720,
            (Some(_), _) => &LADDER[2..],
            _ if own => &LADDER[2..],
            _ => return None,
        };
        Some(Self { renditions, names_sound: false })
    }

    /// The name of a rendition's file.
    pub(super) fn file_name(self, base: &str, rendition: Rendition) -> String {
        let Rendition { width, height, kbps } = rendition;
        let sound = if self.names_sound { "AACAudio_" } else { "" };
        format!("{base}_{width}x{height}_{sound}{kbps}.mp4")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preset_of_the_tutorial_makes_six_files_named_by_size_and_bitrate() {
        let preset = Preset::of("H264 Multiple Bitrate 720p").unwrap();
        let names: Vec<_> = preset.renditions.iter().map(|r| preset.file_name("film", *r)).collect();
        assert_eq!(names.len(), 6);
        assert_eq!((names[0].as_str(), names[5].as_str()), ("film_1280x720_3400.mp4", "film_320x180_400.mp4"));
    }

    #[test]
    fn all_preset_names_and_custom_presets_are_accepted_but_not_any_text() {
        assert_eq!(Preset::of("H264 Multiple Bitrate 1080p").unwrap().renditions.len(), 8);
        assert_eq!(Preset::of("H264 Single Bitrate 720p").unwrap().renditions.len(), 1);
        assert!(Preset::of("{\"Version\": 1.0}").is_some() && Preset::of("<?xml version=\"1.0\"?><Preset/>").is_some());
        assert!(
            Preset::of("H264 Multiple Bitrate 9000p").is_none()
                && Preset::of("H265 Everything").is_none()
                && Preset::of("").is_none()
        );
        let automatic = Preset::of("Adaptive Streaming").unwrap();
        assert_eq!(automatic.file_name("f", automatic.renditions[0]), "f_1920x1080_AACAudio_4500.mp4");
    }
}
