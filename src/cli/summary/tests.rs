use std::time::Duration;

use mediamirror::engine::{
    AssetCounts, BlobCounts, Charged, DeletedCounts, KeptCounts, LocatorCounts, PendingDeletion, Problem, Reason,
    RequestCounts, Timeline,
};
use mediamirror::model::{AssetId, CopyMethod};
use mediamirror::verdict::{Cause, Class, Finding};

use super::*;
use crate::cli::changes;

/// A summary with one conflict in it.
pub(crate) fn example() -> Summary {
    let mut histogram = Histogram::new(2).unwrap();
    histogram.record(1_500).unwrap();
    Summary {
        limit: None,
        left_out: LeftOut::default(),
        run: "20261129T020000Z".to_owned(),
        outcome: Outcome::Partial,
        verdict: Outcome::Partial,
        findings: Vec::new(),
        withdrawn: 0,
        held: 0,
        held_by: Vec::new(),
        kept: KeptCounts::default(),
        deleted: DeletedCounts::default(),
        pending_deletions: Vec::new(),
        assets: AssetCounts { total: 3, mirrored: 1, unchanged: 1, conflicts: 1, ..AssetCounts::default() },
        blobs: BlobCounts { copied: 4, unchanged: 2, failed: 0 },
        bytes_copied: 4_096,
        copies: vec![MethodCount {
            method: CopyMethod::Put,
            reason: Reason::Small,
            why: "one request is the cheapest".to_owned(),
            blobs: 4,
            bytes: 4_096,
        }],
        locators: LocatorCounts { mirrored: 1, unchanged: 1, failed: 1 },
        requests: RequestCounts { media: 9, blob: 7, ..RequestCounts::default() },
        elapsed: Duration::from_millis(1_234),
        problems: vec![Problem {
            asset: AssetId::new("nb:cid:UUID:1"),
            name: "taken".to_owned(),
            class: Class::Conflict,
            finding: Finding::new(Cause::LocatorIdTaken, "by asset 7"),
            owed: true,
        }],
        causes: BTreeMap::from([(Cause::LocatorIdTaken, 1)]),
        plan: None,
        charged: Charged::default(),
        forecast: None,
        traffic: Vec::new(),
        timeline: Timeline::default(),
        latency: BTreeMap::from([("PutBlobFromUrl", histogram)]),
    }
}

#[test]
fn the_table_names_every_count() {
    let text = text(&example(), &Kept::default(), true);
    let assets =
        "assets   3 in scope: 1 mirrored, 1 unchanged, 0 skipped, 0 failed, 1 conflicts,\n         0 held, 0 not";
    assert!(text.contains(assets), "{text}");
    assert!(text.contains("4 copied (4.0 KiB), 2 unchanged, 0 failed"), "{text}");
    assert!(text.contains("copies   4 (4.0 KiB) by put: one request is the cheapest\n"), "{text}");
}

#[test]
fn a_run_that_did_nothing_is_one_line() {
    let quiet = Summary {
        outcome: Outcome::Complete,
        assets: AssetCounts { total: 1_000, unchanged: 1_000, ..AssetCounts::default() },
        blobs: BlobCounts { unchanged: 20_000, ..BlobCounts::default() },
        bytes_copied: 0,
        copies: Vec::new(),
        locators: LocatorCounts { unchanged: 1_000, ..LocatorCounts::default() },
        requests: RequestCounts { media: 5, blob: 7, ..RequestCounts::default() },
        elapsed: Duration::from_millis(420),
        problems: Vec::new(),
        causes: BTreeMap::new(),
        ..example()
    };
    let text = text(&quiet, &Kept::default(), false);
    assert_eq!(text, "complete: 1,000 assets, nothing to do (12 requests, 0.4 s)\n");
}

#[test]
fn the_total_has_past_and_future_deletions() {
    let pending = PendingDeletion {
        asset: AssetId::new("a"),
        name: "film".to_owned(),
        whole: true,
        blobs: 3,
        bytes: 30,
        on: "2026-12-07T02:00:00.5Z".parse().unwrap(),
    };
    let deleted = DeletedCounts { assets: 1, blobs: 20, bytes: 2_048 };
    let summary = Summary { deleted, pending_deletions: vec![pending], ..example() };
    let joined = |summary: &Summary| {
        let text = text(summary, &Kept::default(), false);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let total = joined(&summary);
    assert!(total.contains("1 asset and 20 blobs deleted (2.0 KiB)"), "{total}");
    assert!(total.contains("3 blobs to be deleted from 2026-12-07T02:00:00Z on"), "{total}");
    let dry = joined(&Summary { outcome: Outcome::DryRun, ..summary });
    assert!(dry.contains("20 blobs to delete"), "{dry}");
}

#[test]
fn the_total_has_the_pauses_that_services_requested() {
    let of = |seconds: u64, pause_limit_reached: bool| {
        let pauses = Duration::from_secs(seconds);
        text(
            &Summary { requests: RequestCounts { pauses, pause_limit_reached, ..example().requests }, ..example() },
            &Kept::default(),
            false,
        )
    };
    assert!(!of(3, false).contains("pauses"), "too little to be said");
    let joined = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined(of(80, false)).contains("1.2 s, a service asked for pauses of 80 s)"));
    assert!(joined(of(900, true)).contains("a service asked for pauses of more than the 900 s that were granted)"));
}

#[test]
fn the_total_in_one_line_has_what_was_done_and_what_was_not() {
    let text = text(&example(), &Kept::default(), false);
    let total = "partial: 3 assets, 1 unchanged, 1 mirrored, 1 conflict, 4 blobs copied (4.0\n    \
                 KiB), 1 locator mirrored, 1 locator failed (16 requests, 1.2 s)\n";
    assert_eq!(text, total, "neither counts nor latency without -v");
}

#[test]
fn the_lines_of_the_assets_come_before_the_total_and_before_the_counts() {
    let kept = || changes::tests::after(false, &changes::tests::example());
    for (verbose, total) in [(false, "partial: 3 assets"), (true, "outcome  partial")] {
        let text = text(&example(), &kept(), verbose);
        let (lines, rest) = text.split_at(text.find(total).unwrap());
        assert!(lines.starts_with("+ trailer  new, 20 blobs\n") && lines.contains("\n! news  source-empty"), "{text}");
        assert_eq!(rest.contains("PutBlobFromUrl"), verbose, "{text}");
    }
}

#[test]
fn a_finding_about_the_whole_run_has_a_line_before_the_total() {
    let summary = Summary { findings: vec![Finding::from(Cause::TargetNotStreaming)], ..example() };
    for verbose in [false, true] {
        let text = text(&summary, &Kept::default(), verbose);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.starts_with(&format!("! {}", summary.findings[0].line(true))), "{text}");
    }
}

#[test]
fn a_held_run_prints_the_option_that_allows_it_and_a_dry_run_does_not() {
    let held_by = vec![Guard::Withdraw, Guard::Shrink];
    let held = Summary { outcome: Outcome::Held, verdict: Outcome::Held, held: 2, held_by, ..example() };
    for verbose in [false, true] {
        let text = text(&held, &Kept::default(), verbose);
        let last = &text[text.rfind("held     ").unwrap()..];
        assert!(last.starts_with("held     2 assets; "), "{text}");
        let last = last.split_whitespace().collect::<Vec<_>>().join(" ");
        let flags = " with --allow-withdraw 20261129T020000Z --allow-shrink 20261129T020000Z";
        assert!(last.ends_with(flags), "{text}");
    }
    let dry = Summary { outcome: Outcome::DryRun, ..held };
    assert!(!text(&dry, &Kept::default(), false).contains("--allow"));
}

#[test]
fn digits_are_grouped_by_three() {
    for (count, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")] {
        assert_eq!(thousands(count), text);
    }
}

#[test]
fn latency_is_shown_by_kind_of_request() {
    let text = text(&example(), &Kept::default(), true);
    let row = text.lines().find(|line| line.contains("PutBlobFromUrl")).expect("a row");
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["PutBlobFromUrl", "1", "1.5", "1.5", "1.5", "1.5"]);
}

#[test]
fn the_json_has_the_documented_shape() {
    let json = serde_json::to_value(example()).unwrap();
    for path in [
        "/outcome",
        "/assets/total",
        "/assets/mirrored",
        "/assets/unchanged",
        "/assets/skipped",
        "/assets/failed",
        "/assets/conflicts",
        "/assets/held",
        "/assets/unchecked",
        "/assets/gone",
        "/blobs/copied",
        "/blobs/unchanged",
        "/blobs/failed",
        "/bytes_copied",
        "/locators/mirrored",
        "/locators/unchanged",
        "/locators/failed",
        "/problems/0/result",
        "/problems/0/code",
        "/problems/0/detail",
        "/causes/locator-id-taken",
        "/requests/media",
        "/requests/blob",
        "/requests/pauses_seconds",
        "/requests/pause_limit_reached",
        "/elapsed_seconds",
    ] {
        assert!(json.pointer(path).is_some(), "{path} is missing in {json}");
    }
}
