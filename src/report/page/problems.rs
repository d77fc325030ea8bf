//! The causes with their assets, and all assets with changes or findings.

use super::super::document::{AssetReport, FindingReport, ProblemCount, Report};
use super::super::units::thousands;

/// Assets of a cause that are named with it.
const NAMED: usize = 10;

/// Assets on the page. A thousand of them are about a hundred screens.
pub(in crate::report) const SHOWN: usize = 1_000;

/// A cause, and the first assets that have it.
#[derive(Debug)]
pub(super) struct CauseCard<'a> {
    pub(super) problem: &'a ProblemCount,
    pub(super) tone: &'static str,
    pub(super) badge: String,
    pub(super) count: String,
    pub(super) named: Vec<Named<'a>>,
    /// The number of the others.
    pub(super) more: String,
}

/// An asset that has a cause.
#[derive(Debug)]
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) detail: &'a str,
}

/// Every cause of the run, in the order of the document.
pub(super) fn causes(report: &Report) -> Vec<CauseCard<'_>> {
    report.problems.iter().map(|problem| card(report, problem)).collect()
}

fn card<'a>(report: &'a Report, problem: &'a ProblemCount) -> CauseCard<'a> {
    let of = |asset: &'a AssetReport| {
        asset.findings.iter().find(|finding| finding.code == problem.code).map(|finding| named(asset, finding))
    };
    let named: Vec<Named<'_>> = report.assets.iter().filter_map(of).take(NAMED).collect();
    let more = problem.assets.saturating_sub(named.len() as u64);
    let (tone, badge) = match (problem.owed, problem.result.as_str()) {
        (0, "withheld") => ("quiet", "withheld".to_owned()),
        (0, result) => ("quiet", format!("{result}, accepted or not owed")),
        (_, "held") => ("bad", "held".to_owned()),
        (_, result) => ("warn", result.to_owned()),
    };
    CauseCard {
        problem,
        tone,
        badge,
        count: if problem.assets == 1 { "1 asset".to_owned() } else { format!("{} assets", thousands(problem.assets)) },
        named,
        more: if more > 0 { format!("and {} more", thousands(more)) } else { String::new() },
    }
}

fn named<'a>(asset: &'a AssetReport, finding: &'a FindingReport) -> Named<'a> {
    Named { name: &asset.name, detail: &finding.detail }
}

/// The assets of the page.
#[derive(Debug)]
pub(super) struct Assets<'a> {
    pub(super) shown: &'a [AssetReport],
    /// The number of assets that are not on the page.
    pub(super) more: String,
}

impl<'a> Assets<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let shown = &report.assets[..report.assets.len().min(SHOWN)];
        let more = (report.assets.len() - shown.len()) as u64 + report.assets_left_out;
        Self { shown, more: if more > 0 { thousands(more) } else { String::new() } }
    }
}

/// The line of an asset before it is opened.
pub(super) fn line(asset: &AssetReport) -> String {
    let mut parts: Vec<&str> = asset.findings.iter().map(|finding| finding.code.as_str()).collect();
    parts.extend(asset.changes.iter().map(|change| change.text.as_str()));
    let first: Vec<&str> = parts.iter().copied().take(3).collect();
    let more = parts.len() - first.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", first.join(", "))
}

/// The sign of an asset, and its colour.
pub(super) fn sign(asset: &AssetReport) -> (&'static str, &'static str) {
    let has = |kind: &str| asset.changes.iter().any(|change| change.change == kind);
    match () {
        () if asset.findings.iter().any(|finding| finding.owed) => ("!", "warn"),
        () if !asset.findings.is_empty() => ("!", "quiet"),
        () if has("new") => ("+", "good"),
        () if has("locator-withdrawn") || has("retired") => ("−", "bad"),
        () => ("~", "plain"),
    }
}
