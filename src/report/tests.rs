use serde_json::json;

use super::page::SHOWN;
use super::*;
use crate::ledger::{Event, Ledger, RunEnd};
use crate::model::{AccountName, AssetId, LocatorId, LocatorKind};
use crate::verdict::{Cause, Change, Finding, Outcome, Withdrawal};

/// A name with a script, the end of an attribute, a forged line, and reversed text.
const HOSTILE: &str = "</style><script>alert(1)</script>\" onload='x' &amp; {{ 7*7 }}\u{1b}[2J\n\u{202e}film";

const RUN: &str = "20261129T020000Z";

fn id(number: usize) -> AssetId {
    AssetId::new(format!("nb:cid:UUID:{number}"))
}

fn end(outcome: Outcome) -> RunEnd {
    let summary = json!({
        "outcome": outcome,
        "assets": { "total": 70, "mirrored": 3, "unchanged": 60, "failed": 7 },
        "blobs": { "copied": 30, "failed": 1 },
        "bytes_copied": 123_456_789,
        "requests": { "media": 10, "blob": 20, "pauses_seconds": 12.0 },
        "elapsed_seconds": 61.5,
        "causes": { "request-refused": 7 },
        "held": 2,
        "held_by": ["withdraw"],
        "traffic": [{ "side": "target", "account": HOSTILE, "plane": "blob-write", "requests": 20, "throttled": 2 }],
        "timeline": { "step_seconds": 1, "bytes": [1, 0, 3], "assets": [1, 1, 1] },
        "latency": { "PutBlobFromUrl": { "count": 20, "p50_milliseconds": 1.5, "p99_milliseconds": 9.0 } },
    });
    let summary = (outcome != Outcome::Failed).then_some(summary);
    let error = (outcome == Outcome::Failed).then(|| format!("no {HOSTILE}"));
    RunEnd { at: "2026-11-29T02:03:00Z".parse().unwrap(), outcome, summary, error }
}

/// The report of a run with these events, after another run.
async fn report(outcome: Option<Outcome>, events: impl IntoIterator<Item = Event>, most: usize) -> Report {
    let ledger = Ledger::in_memory().unwrap();
    ledger.begin_run("earlier", "2026-11-28T02:00:00Z".parse().unwrap()).await.unwrap();
    ledger.end_run("earlier", end(Outcome::Complete)).await.unwrap();
    ledger.begin_run(RUN, "2026-11-29T02:00:00Z".parse().unwrap()).await.unwrap();
    for event in events {
        ledger.event(RUN, event);
    }
    ledger.settled().await.unwrap();
    if let Some(outcome) = outcome {
        ledger.end_run(RUN, end(outcome)).await.unwrap();
    }
    let runs = ledger.runs(usize::MAX).await.unwrap();
    collect(&ledger, (&runs[0], &runs), &AccountName::new("east"), most).await.unwrap()
}

/// An asset for each cause, one for each kind of change, and a finding without an asset.
fn everything() -> Vec<Event> {
    let found = Cause::all().enumerate().map(|(number, cause)| {
        let finding = Finding::new(cause, format!("detail of {cause} {HOSTILE}"));
        Event::found(Some((&id(number), HOSTILE)), &finding, cause.owed())
    });
    let locator = || LocatorId::new("l");
    let kind = LocatorKind::Streaming;
    let changes = [
        Change::New { blobs: 7 },
        Change::Blobs { blobs: 1 },
        Change::Records,
        Change::LocatorMade { id: locator(), kind },
        Change::LocatorWithdrawn { id: locator(), kind, why: Withdrawal::Revoked },
        Change::Retired,
    ];
    let made = changes
        .into_iter()
        .enumerate()
        .map(|(number, change)| Event::changed(&id(1_000 + number), &format!("film {number}"), &change));
    let whole = Event::found(None, &Cause::TargetNotStreaming.into(), true);
    found.chain(made).chain([whole]).collect()
}

/// The text that a reader of the page sees.
fn unescaped(page: &str) -> String {
    page.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}

#[tokio::test]
async fn a_document_that_is_written_and_read_gives_the_same_page() {
    for outcome in Outcome::ALL.map(Some).into_iter().chain([None]) {
        let report = report(outcome, everything(), 10_000).await;
        let read = parse(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(read, report);
        assert_eq!(page(&read), page(&report));
    }
}

#[tokio::test]
async fn every_cause_of_a_run_is_on_its_page_with_its_sentence_and_its_remedy() {
    let report = report(Some(Outcome::Partial), everything(), 10_000).await;
    let page = unescaped(&page(&report));
    for cause in Cause::all() {
        assert!(page.contains(&format!("<code>{cause}</code>")), "{cause}");
        for text in [cause.sentence(), cause.remedy()] {
            assert!(page.contains(&units::sentence(text)), "{cause}: {text}");
        }
        assert!(page.contains(&format!("detail of {cause} ")), "{cause}");
    }
    for change in
        ["new, 7 blobs", "file records", "locator l withdrawn (revoked in the source)", "deleted in the source"]
    {
        assert!(page.contains(change), "{change}");
    }
    let owed = Cause::all().filter(|cause| cause.owed()).count();
    assert!(page.contains(&format!("{owed} assets are not mirrored")), "what is owed comes first");
}

#[tokio::test]
async fn no_name_becomes_markup_or_changes_how_the_page_is_displayed() {
    for outcome in [Outcome::Partial, Outcome::Failed] {
        let mut report = report(Some(outcome), everything(), 10_000).await;
        report.run.id = HOSTILE.to_owned();
        report.run.target = AccountName::new(HOSTILE);
        report.ready = serde_json::from_value(json!({
            "assets": { "total": 3, "ready": 1, "not_ready": 1, "unknown": 1 },
            "recovery_point_seconds": 60,
            "last_drill": { "at": "2026-11-29T12:00:00Z", "passed": false, "total": 3, "ready": 1, "played": 1,
                            "last_passed": "2026-10-29T12:00:00Z" },
            "not_ready": [{ "asset": "a", "name": HOSTILE, "cause": HOSTILE }],
        }))
        .unwrap();
        let page = page(&report);
        assert!(!page.contains("<script") && !page.contains("onload='") && !page.contains("\" onload"), "{page}");
        assert_eq!(page.matches("</style>").count(), 1);
        assert!(!page.chars().any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}')));
        assert!(unescaped(&page).contains(r"{{ 7*7 }}\u{1b}[2J\n\u{202e}film"), "what it was is shown");
        let drill = "The last drill failed at 2026-11-29 12:00:00 UTC: 1 of 3 assets would have played; the last one that \
                     passed was at 2026-10-29 12:00:00 UTC.";
        assert!(page.contains(drill), "{page}");
    }
}

#[tokio::test]
async fn the_policy_of_the_page_allows_only_its_style_sheet() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = page(&report(Some(Outcome::Complete), [], 10).await);
    let style = page.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(style));
    let policy =
        format!("content=\"default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\"");
    assert!(unescaped(&page).contains(&policy), "{policy}");
    for outside in ["http:", "https:", "url(", "@import", "src=", "href=", " style="] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[tokio::test]
async fn the_page_of_a_large_run_is_limited_and_shows_how_much_is_left_out() {
    let changed =
        (0..3_000).map(|number| Event::changed(&id(number), &format!("film {number:04}"), &Change::New { blobs: 1 }));
    let taken = Event::changed(&id(2_999), "film 2999", &Change::Retired);
    let failed = Event::found(Some((&id(3_000), "news")), &Cause::RequestRefused.into(), true);
    let report = report(Some(Outcome::Partial), changed.chain([taken, failed]), 1_500).await;
    assert_eq!((report.assets.len(), report.assets_left_out), (1_500, 1_501));
    let names: Vec<&str> = report.assets.iter().map(|asset| asset.name.as_str()).collect();
    assert_eq!(
        names[..3],
        ["news", "film 2999", "film 0000"],
        "those with a cause first, then those something was taken from"
    );
    assert_eq!(report.assets[1].changes.len(), 2, "all that happened to it");
    assert_eq!(report.changes.iter().map(|change| change.count).sum::<u64>(), 3_001);
    let page = page(&report);
    assert_eq!(page.matches("<details class=\"asset\">").count(), SHOWN);
    assert!(page.contains(&format!("and {} more assets", thousands(3_001 - SHOWN as u64))), "{}", page.len());
}

#[tokio::test]
async fn the_verdict_at_the_top_says_how_the_run_ended() {
    for (outcome, words) in [
        (Some(Outcome::Complete), "Everything in scope is mirrored and verified"),
        (Some(Outcome::Held), "A guard holds changes of 2 assets back"),
        (Some(Outcome::Interrupted), "The run was interrupted"),
        (Some(Outcome::Failed), "The run failed"),
        (None, "The run has not ended"),
    ] {
        let page = page(&report(outcome, [], 10).await);
        let headline = page.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap();
        assert!(headline.contains(words), "{headline}");
        let command = page.contains("mediamirror sync --allow-withdraw 20261129T020000Z");
        assert_eq!(command, outcome == Some(Outcome::Held));
    }
}

#[tokio::test]
async fn a_run_with_deleted_events_is_not_shown_as_one_without_findings() {
    let report = report(Some(Outcome::Partial), [], 10).await;
    assert!(report.events_deleted);
    let page = page(&report);
    assert!(page.contains("The ledger has deleted") && !page.contains("Nothing was found"), "{page}");
}

#[tokio::test]
async fn files_that_are_not_reports_and_newer_reports_are_refused() {
    let good = serde_json::to_value(report(Some(Outcome::Complete), [], 10).await).unwrap();
    let changed = |key: &str, value: serde_json::Value| {
        let mut other = good.clone();
        other[key] = value;
        parse(&other.to_string()).unwrap_err().to_string()
    };
    assert!(changed("format", json!(FORMAT + 1)).contains("this release knows formats up to 1"));
    assert!(changed("message_type", json!("summary")).contains("message_type"));
    assert!(changed("run", json!(7)).contains("it is not a report"));
    assert!(parse("{").is_err() && parse("[]").is_err());
    let mut with_more = good;
    with_more["later"] = json!(1);
    parse(&with_more.to_string()).unwrap();
}
