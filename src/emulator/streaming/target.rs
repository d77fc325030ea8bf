//! Parses the path of a request: the locator, the file, and the presentation of a server manifest.

use percent_encoding::percent_decode_str;

use super::fragment_urls::Fragment;
use super::protected::Media;

/// The presentation without its option `filter`, and the names in this option. Spaces between options are allowed, as in
/// the documents.
fn without_filters(asked: &str) -> (String, Vec<String>) {
    let options = asked.strip_suffix(')').and_then(|asked| asked.rsplit_once('('));
    let Some((path, options)) = options.filter(|(_, options)| options.to_ascii_lowercase().contains("filter=")) else {
        return (asked.to_owned(), Vec::new());
    };
    let is_filter = |option: &&str| option.get(..7).is_some_and(|name| name.eq_ignore_ascii_case("filter="));
    let (filters, others): (Vec<&str>, Vec<&str>) = options.split(',').map(str::trim).partition(is_filter);
    let names = filters.iter().flat_map(|option| option[7..].split(';')).map(|name| name.trim().to_owned()).collect();
    (if others.is_empty() { path.to_owned() } else { format!("{path}({})", others.join(",")) }, names)
}

/// What a path requests.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Locator guid, lower case.
    pub(super) guid: String,
    /// Blob name; of the `.ism` if a presentation is requested.
    pub(super) file: String,
    /// The requested presentation of the server manifest, such as `manifest(format=m3u8-aapl)`.
    pub(super) presentation: Option<String>,
    /// The filters of `filter=a;b` in the presentation, which is kept without them.
    pub(super) filters: Vec<String>,
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
        let (presentation, filters) = presentation.map(|asked| without_filters(&asked)).unzip();
        let filters = filters.unwrap_or_default();
        Some(Self { guid: guid.to_ascii_lowercase(), file: file.to_owned(), presentation, filters })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_separated_from_the_presentation() {
        for (asked, presentation, filters) in [
            ("Manifest", "Manifest", &[][..]),
            ("Manifest(filter=a)", "Manifest", &["a"]),
            ("manifest(format=m3u8-aapl,filter=a;B c)", "manifest(format=m3u8-aapl)", &["a", "B c"]),
            ("Manifest(Filter=a, format=mpd-time-csf)", "Manifest(format=mpd-time-csf)", &["a"]),
            (
                "QualityLevels(4)/Manifest(video,format=m3u8-aapl,filter=a)",
                "QualityLevels(4)/Manifest(video,format=m3u8-aapl)",
                &["a"],
            ),
            ("QualityLevels(4)/Fragments(video=0)", "QualityLevels(4)/Fragments(video=0)", &[]),
        ] {
            let target = Target::of(&format!("/GUID/a.ism/{asked}")).unwrap();
            assert_eq!(target.presentation.as_deref(), Some(presentation), "{asked}");
            assert_eq!(target.filters, filters, "{asked}");
        }
    }
}
