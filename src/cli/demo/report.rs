//! The report of the demonstration, with its unexpected results.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use bytesize::ByteSize;
use mediamirror::emulator::StatsSnapshot;
use mediamirror::emulator::stats::Plane;
use mediamirror::engine::verify::Verification;
use mediamirror::engine::{Problem, Summary};
use mediamirror::verdict::Class;
use schemars::JsonSchema;
use serde::Serialize;

use super::playback::Playback;
use crate::cli::summary;
use crate::cli::wrap::wrapped;

/// Pairs of URLs shown; the rest is counted.
const SHOWN_PAIRS: usize = 3;

/// Requests as the emulator counted them.
#[derive(Debug, Clone, Copy, PartialEq, JsonSchema, Serialize)]
pub(crate) struct Cost {
    /// Requests to the blob services.
    blob_requests: u64,
    /// Requests to the media and token services.
    media_requests: u64,
    /// Requests to the blob services per copied blob.
    blob_requests_per_blob: f64,
    /// Requests to the media and token services per asset in scope.
    media_requests_per_asset: f64,
}

impl Cost {
    /// The requests to the emulator during a run.
    pub(crate) fn of(stats: &StatsSnapshot, summary: &Summary) -> Self {
        let count = |wanted: &[Plane]| {
            stats.requests.iter().filter(|row| wanted.contains(&row.plane)).map(|row| row.count).sum::<u64>()
        };
        let (blob, media) = (count(&[Plane::Blob]), count(&[Plane::Media, Plane::Token]));
        Self {
            blob_requests: blob,
            media_requests: media,
            blob_requests_per_blob: ratio(blob, summary.blobs.copied),
            media_requests_per_asset: ratio(media, summary.assets.total),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a demonstration are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Everything the demonstration showed.
#[derive(Debug, JsonSchema, Serialize)]
pub(crate) struct Report {
    /// The first run.
    first: Summary,
    /// What it cost.
    cost: Cost,
    /// The comparison of both libraries after it.
    verification: Verification,
    /// Every URL and the answers of both regions.
    playback: Vec<Playback>,
    /// The second run, which had nothing to do.
    second: Summary,
    /// Unexpected results.
    pub(crate) surprises: Vec<String>,
}

impl Report {
    /// Makes the report and finds unexpected results.
    pub(crate) fn new(
        first: Summary,
        verification: Verification,
        playback: Vec<Playback>,
        second: Summary,
        cost: Cost,
    ) -> Self {
        let surprises = surprises(&first, &verification, &playback, &second);
        Self { first, cost, verification, playback, second, surprises }
    }

    /// The report as text.
    pub(crate) fn text(&self, latency: bool) -> String {
        let mut text = String::new();
        self.mirror_part(&mut text);
        self.playback_part(&mut text);
        self.second_part(&mut text);
        if latency {
            let _ = writeln!(text, "\n{}", summary::latency_table(&self.first.latency));
        }
        for surprise in &self.surprises {
            let _ = writeln!(text, "\nUNEXPECTED: {surprise}");
        }
        text
    }

    fn mirror_part(&self, text: &mut String) {
        let (run, cost) = (&self.first, &self.cost);
        let _ = writeln!(text, "Mirrored region A to region B in {:.1} s", run.elapsed.as_secs_f64());
        let _ = writeln!(text, "  assets    {} of {}", run.assets.mirrored, run.assets.total);
        let _ = writeln!(text, "  blobs     {} ({})", run.blobs.copied, ByteSize(run.bytes_copied));
        let _ = writeln!(text, "  locators  {}", run.locators.mirrored);
        let _ = writeln!(
            text,
            "  requests  {:.2} a blob ({}; a large blob is copied in blocks, a request each), {:.2} an asset to the media \
             services ({})",
            cost.blob_requests_per_blob, cost.blob_requests, cost.media_requests_per_asset, cost.media_requests,
        );
        let counts = &self.verification.assets;
        let _ = writeln!(
            text,
            "  compared  {} assets the same, {} different, {} missing",
            counts.same, counts.different, counts.missing
        );
    }

    fn playback_part(&self, text: &mut String) {
        let playing: Vec<&Playback> = self.playback.iter().filter(|playback| playback.plays()).collect();
        let _ = writeln!(
            text,
            "\nOf {} streaming URLs, {} play in both regions, byte for byte the same",
            self.playback.len(),
            playing.len()
        );
        for playback in playing.iter().take(SHOWN_PAIRS) {
            let target = playback.urls.target_url.as_deref().unwrap_or_default();
            let _ = writeln!(text, "  A {}\n  B {target}", playback.urls.source_url);
        }
        if playing.len() > SHOWN_PAIRS {
            let _ = writeln!(text, "  … and {} more pairs; only the host name differs", playing.len() - SHOWN_PAIRS);
        }
        if !self.first.problems.is_empty() {
            text.push_str("\nNot mirrored, and why\n");
        }
        for problem in &self.first.problems {
            text.push_str(&wrapped("  ", &format!("{}: {}", problem.name, problem.finding.line(true))));
        }
        let silent: Vec<&Playback> = self.playback.iter().filter(|playback| !playback.plays()).collect();
        if !silent.is_empty() {
            text.push_str("\nURLs that do not play in B, and why\n");
        }
        for playback in silent {
            text.push_str(&wrapped("  ", &format!("{}: {}", playback.urls.asset, playback.why())));
        }
    }

    fn second_part(&self, text: &mut String) {
        let run = &self.second;
        let _ = writeln!(
            text,
            "\nMirrored again in {:.1} s: {} blobs copied, {} assets and {} locators made",
            run.elapsed.as_secs_f64(),
            run.blobs.copied,
            run.assets.mirrored,
            run.locators.mirrored,
        );
    }
}

/// Unexpected results. The awkward assets cause refusals and conflicts on purpose.
fn surprises(first: &Summary, verification: &Verification, playback: &[Playback], second: &Summary) -> Vec<String> {
    let mut surprises = Vec::new();
    // Consequences of a reported problem are not reported again.
    let reported: BTreeSet<&str> = first.problems.iter().map(|problem| problem.asset.as_str()).collect();
    let names: BTreeSet<&str> = first.problems.iter().map(|problem| problem.name.as_str()).collect();
    for problem in first.problems.iter().filter(|problem| !is_expected(problem)) {
        surprises.push(format!("first run: {}: {}", problem.name, problem.finding.line(true)));
    }
    for problem in second.problems.iter().filter(|problem| !reported.contains(problem.asset.as_str())) {
        surprises.push(format!("second run: {}: {}", problem.name, problem.finding.line(true)));
    }
    if first.assets.mirrored == 0 {
        surprises.push("nothing was mirrored".to_owned());
    }
    for difference in verification.differences.iter().filter(|one| !reported.contains(one.asset.as_str())) {
        surprises.push(format!("{}: {}: {}", difference.name, difference.item, difference.what));
    }
    for one in playback.iter().filter(|one| !one.same_answer() && !names.contains(one.urls.asset.as_str())) {
        surprises.push(format!("{}: A {}, B {}", one.urls.source_url, one.source, one.target));
    }
    if !playback.iter().any(Playback::plays) {
        surprises.push("no streaming URL plays in both regions".to_owned());
    }
    let made = second.blobs.copied + second.assets.mirrored + second.locators.mirrored;
    if made > 0 {
        surprises.push(format!("the second run made or copied {made} things that already existed"));
    }
    surprises
}

/// Is it a problem of an awkward asset? Their names come from the library's recipe.
fn is_expected(problem: &Problem) -> bool {
    problem.name.starts_with("awkward") && matches!(problem.class, Class::Skipped | Class::Conflict)
}

#[cfg(test)]
mod tests {
    use mediamirror::engine::urls::UrlPair;
    use mediamirror::engine::verify::Difference;
    use mediamirror::engine::{AssetCounts, BlobCounts, LocatorCounts};
    use mediamirror::model::{AssetId, LocatorId};
    use mediamirror::verdict::{Cause, Finding};

    use super::super::playback::Answer;
    use super::*;

    fn awkward(mut summary: Summary) -> Summary {
        summary.problems[0].name = "awkward-taken".to_owned();
        summary
    }

    fn first() -> Summary {
        awkward(summary::tests::example())
    }

    fn second() -> Summary {
        Summary {
            assets: AssetCounts { total: 3, unchanged: 2, conflicts: 1, ..AssetCounts::default() },
            blobs: BlobCounts { unchanged: 6, ..BlobCounts::default() },
            locators: LocatorCounts { unchanged: 2, failed: 1, mirrored: 0 },
            ..awkward(summary::tests::example())
        }
    }

    fn playback(name: &str, source: Answer, target: Answer) -> Playback {
        let urls = UrlPair {
            asset: name.to_owned(),
            locator_id: LocatorId::new("l"),
            container: None,
            expires: jiff::Timestamp::UNIX_EPOCH,
            source_url: "http://a/l/x.ism/manifest".to_owned(),
            target_url: Some("http://b/l/x.ism/manifest".to_owned()),
            cause: None,
        };
        Playback { urls, source, target, same: true }
    }

    fn good() -> Vec<Playback> {
        vec![playback("fine", Answer::Plays, Answer::Plays)]
    }

    fn differing(asset: &str) -> Verification {
        let difference = Difference {
            asset: AssetId::new(asset),
            name: "awkward-taken".to_owned(),
            item: "locator".to_owned(),
            what: "missing on the target".to_owned(),
        };
        let mut verification = Verification::default();
        verification.differences.push(difference);
        verification
    }

    #[test]
    fn conflicts_and_their_consequences_are_no_surprise() {
        let mut playback = good();
        playback.push(self::playback("awkward-taken", Answer::Plays, Answer::Refused(404, String::new())));
        playback.push(self::playback(
            "expired",
            Answer::Refused(410, String::new()),
            Answer::Refused(410, String::new()),
        ));
        let found = surprises(&first(), &differing("nb:cid:UUID:1"), &playback, &second());
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_refused_ordinary_asset_is_a_surprise() {
        let mut run = first();
        run.problems[0].name = "news 1".to_owned();
        assert_eq!(surprises(&run, &Verification::default(), &good(), &second()).len(), 1);
    }

    #[test]
    fn a_failed_asset_is_a_surprise() {
        let mut run = first();
        run.problems[0].class = Class::Failed;
        run.problems[0].finding = Finding::new(Cause::ServiceUnavailable, "broken");
        let found = surprises(&run, &Verification::default(), &good(), &second());
        assert!(found.iter().any(|surprise| surprise.contains("broken")), "{found:?}");
    }

    #[test]
    fn a_difference_in_a_mirrored_asset_is_a_surprise() {
        assert_eq!(surprises(&first(), &differing("nb:cid:UUID:2"), &good(), &second()).len(), 1);
    }

    #[test]
    fn a_url_that_plays_in_only_one_region_is_a_surprise() {
        let mut playback = good();
        playback.push(self::playback("fine", Answer::Plays, Answer::Refused(404, String::new())));
        assert_eq!(surprises(&first(), &Verification::default(), &playback, &second()).len(), 1);
    }

    #[test]
    fn changes_in_the_second_run_are_a_surprise() {
        let found = surprises(&first(), &Verification::default(), &good(), &first());
        assert!(found[0].contains("second run"), "{found:?}");
    }

    #[test]
    fn a_demonstration_without_results_is_a_surprise() {
        let mut run = first();
        run.assets.mirrored = 0;
        assert_eq!(surprises(&run, &Verification::default(), &[], &second()).len(), 2);
    }

    #[test]
    fn the_text_shows_pairs_and_reasons() {
        let cost = Cost::of(&StatsSnapshot { requests: vec![], concurrency: 0, max_concurrency: 0 }, &first());
        let text = Report::new(first(), Verification::default(), good(), second(), cost).text(false);
        assert!(text.contains("A http://a/l/x.ism/manifest\n  B http://b/l/x.ism/manifest"), "{text}");
        assert!(text.contains("awkward-taken: locator-id-taken: its locator id is already used"), "{text}");
    }
}
