//! The changes on the target, with the names of the assets from which something was removed.

use super::super::chart::Chart;
use super::super::document::{AssetReport, Report};
use super::super::units::thousands;

/// Assets that are named.
const NAMED: usize = 50;

/// Changes that remove something for viewers of the target, or announce that.
const TAKEN: [&str; 8] = [
    "locator-withdrawn",
    "locator-moved",
    "retired",
    "copy-to-delete",
    "copy-deleted",
    "blobs-to-delete",
    "blobs-deleted",
    "second-copy-deleted",
];

/// A kind of change.
#[derive(Debug)]
pub(super) struct ChangeRow {
    pub(super) label: String,
    pub(super) count: String,
    pub(super) chart: Chart,
}

/// What was withdrawn, moved, retired or deleted, by name.
#[derive(Debug)]
pub(super) struct Taken<'a> {
    pub(super) named: Vec<TakenAsset<'a>>,
    /// The number of the others.
    pub(super) more: String,
}

/// An asset from which something was removed.
#[derive(Debug)]
pub(super) struct TakenAsset<'a> {
    pub(super) name: &'a str,
    pub(super) what: String,
}

/// All kinds of changes, the most frequent first.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(super) fn rows(report: &Report) -> Vec<ChangeRow> {
    let mut changes: Vec<_> = report.changes.iter().collect();
    changes.sort_by(|a, b| (b.count, &a.change).cmp(&(a.count, &b.change)));
    let most = changes.first().map_or(0, |change| change.count) as f64;
    let row = |change: &&super::super::document::ChangeCount| {
        let (label, tone) = label(&change.change);
        let chart = Chart::share(format!("{} {label}", change.count), (change.count as f64, most), tone);
        ChangeRow { label, count: thousands(change.count), chart }
    };
    changes.iter().map(row).collect()
}

/// A kind of change in words, and its colour.
fn label(change: &str) -> (String, &'static str) {
    let (label, tone) = match change {
        "new" => ("new copies", "good"),
        "blobs" => ("copies with blobs added or copied again", "info"),
        "headers" => ("copies with headers or metadata set", "info"),
        "tags" => ("copies with index tags set", "info"),
        "name" => ("names, descriptions or marks set", "info"),
        "metadata" => ("containers with metadata set", "info"),
        "policies" => ("containers with stored access policies set", "info"),
        "cors" => ("accounts with CORS rules set", "info"),
        "website" => ("accounts with a static website set", "info"),
        "filters" => ("copies or accounts with filters set or deleted", "info"),
        "records" => ("copies with file records set", "info"),
        "locator-made" => ("locators published", "good"),
        "locator-terms" => ("locators with other terms", "info"),
        "locator-moved" => ("locators moved", "warn"),
        "locator-withdrawn" => ("locators withdrawn", "bad"),
        "retired" => ("copies retired: the source has deleted the asset", "bad"),
        "copy-to-delete" => ("retired copies that will be deleted", "warn"),
        "copy-deleted" => ("retired copies deleted", "bad"),
        "blobs-to-delete" => ("copies with blobs that will be deleted", "warn"),
        "blobs-deleted" => ("copies with blobs deleted", "bad"),
        "second-copy-deleted" => ("second copies deleted", "bad"),
        other => return (other.replace('-', " "), "info"),
    };
    (label.to_owned(), tone)
}

impl<'a> Taken<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let mut named: Vec<TakenAsset<'a>> = report.assets.iter().filter_map(taken).collect();
        let more = named.len().saturating_sub(NAMED);
        named.truncate(NAMED);
        let more = if more > 0 {
            format!("and {} more, in the list of assets", thousands(more as u64))
        } else {
            String::new()
        };
        Self { named, more }
    }
}

fn taken(asset: &AssetReport) -> Option<TakenAsset<'_>> {
    let what: Vec<&str> = asset
        .changes
        .iter()
        .filter(|change| TAKEN.contains(&change.change.as_str()))
        .map(|change| change.text.as_str())
        .collect();
    (!what.is_empty()).then(|| TakenAsset { name: &asset.name, what: what.join("; ") })
}
