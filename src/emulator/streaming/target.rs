//! Parses the path of a request: the locator, the file, and the presentation of a server manifest.

use percent_encoding::percent_decode_str;

use super::fragment_urls::Fragment;
use super::protected::Media;

/// What a path requests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Locator guid, lower case.
    pub(super) guid: String,
    /// Blob name; of the `.ism` if a presentation is requested.
    pub(super) file: String,
    /// The requested presentation of the server manifest, such as `manifest(format=m3u8-aapl)`.
    pub(super) presentation: Option<String>,
}

impl Target {
    pub(super) fn of(path: &str) -> Option<Self> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let (guid, file) = path.strip_prefix('/')?.split_once('/')?;
        if guid.is_empty() || file.is_empty() {
            return None;
        }
        // Lower-casing ASCII keeps all offsets, so they are valid in the original name.
        let (file, presentation) = match file.to_ascii_lowercase().find(".ism/") {
            Some(at) => (&file[..at + 4], Some(file[at + 5..].to_owned())),
            None => (file, None),
        };
        Some(Self { guid: guid.to_ascii_lowercase(), file: file.to_owned(), presentation })
    }

    /// Folder of the file, with its slash.
    pub(super) fn folder(&self) -> &str {
        self.file.rfind('/').map_or("", |at| &self.file[..=at])
    }

    /// The operation's name for the statistics.
    pub(super) fn operation(&self) -> &'static str {
        match self.presentation.as_deref() {
            None => "GetFile",
            Some(asked) if Fragment::of(asked).is_some() => "GetFragment",
            Some(asked) if asked.to_ascii_lowercase().starts_with("qualitylevels(") => "GetPlaylist",
            Some(asked) if Media::of(asked).is_some() => "GetFile",
            Some(_) => "GetManifest",
        }
    }
}
