//! What a run changed and what it could not mirror, by asset: collected from its events, and shown as one line per
//! asset.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use mediamirror::model::AssetId;
use mediamirror::monitor::{AssetOutcome, RunEvent};
use mediamirror::plan::PlanFile;
use mediamirror::verdict::{Change, Class, Finding};
use schemars::JsonSchema;
use serde::Serialize;

use super::plain;
use super::wrap::wrapped;

/// Lines that are kept for text output without --all: a few screens.
const FIRST: usize = 50;
/// Assets that are kept for JSON output without --all: 250 bytes each, so that the memory of a first run does not grow
/// with a million assets.
const FIRST_OF_JSON: usize = 10_000;
/// The changes of one asset.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub(crate) struct Changed {
    /// Source id.
    asset: AssetId,
    /// Name to show.
    name: String,
    /// The changes.
    changes: Vec<Change>,
}

/// An asset that is not mirrored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NotMirrored {
    name: String,
    finding: Finding,
}

/// Collects what a run reports: the first assets, or all of them.
#[derive(Debug)]
pub(crate) struct Changes {
    limit: usize,
    /// Is the output JSON? Then the problems of the summary already have what is not mirrored.
    json: bool,
    kept: Mutex<Kept>,
    /// The file to which a dry run writes its plan.
    plan: Option<Arc<PlanFile>>,
}

/// The collected events.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    changed: Vec<Changed>,
    not_mirrored: Vec<NotMirrored>,
    /// Assets beyond the limit.
    more: u64,
    /// The number of those that were changed.
    more_changed: u64,
}

impl Changes {
    /// Keeps the first assets, more of them for JSON; with `all`, every one.
    pub(crate) fn new(all: bool, json: bool) -> Self {
        let limit = match (all, json) {
            (true, _) => usize::MAX,
            (false, true) => FIRST_OF_JSON,
            (false, false) => FIRST,
        };
        Self { limit, json, kept: Mutex::default(), plan: None }
    }

    /// Also writes what a dry run plans to that file.
    pub(crate) fn with_plan(self, plan: Option<&Arc<PlanFile>>) -> Self {
        Self { plan: plan.cloned(), ..self }
    }

    /// Collects the changes of an event.
    pub(crate) fn see(&self, event: &RunEvent) {
        match event {
            RunEvent::Changed { asset, name, changes } => {
                let named = changes.iter().any(Change::takes_away);
                let kept = || Changed { asset: asset.clone(), name: name.clone(), changes: changes.clone() };
                if !self.keep(named, |all| all.changed.push(kept())) {
                    self.kept.lock().expect("no panic while held").more_changed += 1;
                }
            }
            RunEvent::AssetFinished { name, outcome: AssetOutcome::Not(finding), .. } if !self.json => {
                let named = finding.class() == Class::Held;
                let (name, finding) = (name.clone(), finding.clone());
                self.keep(named, |kept| kept.not_mirrored.push(NotMirrored { name, finding }));
            }
            RunEvent::Planned(item) => {
                if let Some(plan) = &self.plan {
                    plan.item(item);
                }
            }
            _ => {}
        }
    }

    /// The events collected so far.
    pub(crate) fn take(&self) -> Kept {
        std::mem::take(&mut *self.kept.lock().expect("no panic while held"))
    }

    /// Keeps one asset if there is room for it, or if it must be `named` in any case. Returns whether it was kept.
    fn keep(&self, named: bool, add: impl FnOnce(&mut Kept)) -> bool {
        let mut kept = self.kept.lock().expect("no panic while held");
        let room = named || kept.len() < self.limit;
        if room {
            add(&mut kept);
        } else {
            kept.more += 1;
        }
        room
    }
}

impl Kept {
    fn len(&self) -> usize {
        self.changed.len() + self.not_mirrored.len()
    }

    /// Changed assets that are not kept.
    pub(crate) fn more_changed(&self) -> u64 {
        self.more_changed
    }

    /// Every kept changed asset, in the order of names.
    pub(crate) fn changed(&self) -> Vec<&Changed> {
        let mut changed: Vec<&Changed> = self.changed.iter().collect();
        changed.sort_by(|a, b| (&a.name, &a.asset).cmp(&(&b.name, &b.asset)));
        changed
    }

    /// One line per asset: new, changed and withdrawn assets, then those that are not mirrored.
    pub(crate) fn text(&self) -> String {
        let changed = self.changed.iter().map(|changed| (symbol(&changed.changes), &changed.name, reason(changed)));
        let not_mirrored = self.not_mirrored.iter();
        let not_mirrored = not_mirrored.map(|not| (Symbol::NotMirrored, &not.name, not.finding.line(true)));
        let mut lines: Vec<_> = changed.chain(not_mirrored).collect();
        lines.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        let mut text = String::new();
        for (symbol, name, reason) in lines {
            let start = format!("{} {}  ", symbol.as_char(), plain::line(name));
            text.push_str(&wrapped(&start, &plain::line(&reason)));
        }
        if self.more > 0 {
            let _ = writeln!(text, "  … and {} more; `--all` prints all of them", self.more);
        }
        text
    }
}

/// The start of a line, in the order of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Symbol {
    New,
    Changed,
    Withdrawn,
    NotMirrored,
}

impl Symbol {
    fn as_char(self) -> char {
        match self {
            Self::New => '+',
            Self::Changed => '~',
            Self::Withdrawn => '-',
            Self::NotMirrored => '!',
        }
    }
}

fn symbol(changes: &[Change]) -> Symbol {
    if changes.iter().any(|change| matches!(change, Change::New { .. })) {
        Symbol::New
    } else if !changes.is_empty() && changes.iter().all(Change::takes_away) {
        Symbol::Withdrawn
    } else {
        Symbol::Changed
    }
}

/// The changes of one asset. The publication of a new copy is not mentioned.
fn reason(changed: &Changed) -> String {
    let new = symbol(&changed.changes) == Symbol::New;
    let shown = changed.changes.iter().filter(|change| !new || !matches!(change, Change::LocatorMade { .. }));
    shown.map(Change::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
pub(crate) mod tests {
    use console::measure_text_width;
    use mediamirror::model::{LocatorId, LocatorKind};
    use mediamirror::verdict::{Cause, Withdrawal};

    use super::*;
    use crate::cli::wrap::{COLUMNS, INDENT};

    fn changed(name: &str, changes: Vec<Change>) -> RunEvent {
        RunEvent::Changed { asset: AssetId::new(format!("id of {name}")), name: name.to_owned(), changes }
    }

    fn not_mirrored(name: &str, finding: impl Into<Finding>) -> RunEvent {
        let outcome = AssetOutcome::Not(finding.into());
        RunEvent::AssetFinished { asset: AssetId::new(name), name: name.to_owned(), outcome }
    }

    fn withdrawn(id: &str) -> Change {
        Change::LocatorWithdrawn { id: LocatorId::new(id), kind: LocatorKind::Streaming, why: Withdrawal::Revoked }
    }

    pub(crate) fn after(all: bool, events: &[RunEvent]) -> Kept {
        let changes = Changes::new(all, false);
        for event in events {
            changes.see(event);
        }
        changes.take()
    }

    #[test]
    fn json_keeps_ten_thousand_assets_and_all_withdrawn_ones_and_counts_the_others() {
        let changes = Changes::new(false, true);
        for _ in 0..=FIRST_OF_JSON {
            changes.see(&not_mirrored("news", Cause::SourceEmpty));
            changes.see(&changed("film", vec![Change::New { blobs: 1 }]));
        }
        changes.see(&changed("series", vec![withdrawn("1")]));
        let kept = changes.take();
        assert_eq!((kept.changed().len(), kept.more_changed()), (FIRST_OF_JSON + 1, 1));
    }

    /// One change of each kind of line.
    pub(crate) fn example() -> Vec<RunEvent> {
        let made = Change::LocatorMade { id: LocatorId::new("1"), kind: LocatorKind::Streaming };
        let terms = Change::LocatorTerms {
            kind: LocatorKind::Streaming,
            id: LocatorId::new("2"),
            expiry: "2027-03-01T00:00:00Z".parse().unwrap(),
            longer: true,
        };
        vec![
            not_mirrored("news", Finding::new(Cause::SourceEmpty, "")),
            changed("film", vec![withdrawn("3")]),
            changed("series", vec![Change::Blobs { blobs: 1 }, Change::Tags { blobs: 2 }]),
            changed("trailer", vec![Change::New { blobs: 20 }, made]),
            changed("clip", vec![terms]),
        ]
    }

    #[test]
    fn each_asset_has_a_line_with_its_symbol_its_name_and_the_reason() {
        assert_eq!(
            after(false, &example()).text(),
            "+ trailer  new, 20 blobs\n\
             ~ clip  locator 2 extended to 2027-03-01T00:00:00Z\n\
             ~ series  1 blob, tags of 2 blobs\n\
             - film  locator 3 withdrawn (revoked in the source)\n\
             ! news  source-empty: it has no blobs and was never mirrored; upload the blobs\n    \
             or delete the asset in the source\n"
        );
    }

    #[test]
    fn an_asset_that_still_plays_is_changed_and_not_withdrawn() {
        let made = Change::LocatorMade { id: LocatorId::new("2"), kind: LocatorKind::Streaming };
        let kept = after(false, &[changed("film", vec![withdrawn("1"), made])]);
        let text = kept.text();
        assert!(text.starts_with("~ film  locator 1 withdrawn (revoked in the source), locator 2 published"), "{text}");
        let retired = after(false, &[changed("film", vec![withdrawn("1"), Change::Retired])]).text();
        assert!(retired.starts_with("- film  locator 1 withdrawn"), "{retired}");
    }

    #[test]
    fn the_first_fifty_assets_are_kept_and_the_others_are_counted() {
        let many = |count: usize| -> Vec<RunEvent> {
            (0..count).map(|n| changed(&format!("film {n:03}"), vec![Change::Name])).collect()
        };
        let text = after(false, &many(62)).text();
        assert_eq!(text.lines().count(), 51);
        assert!(text.ends_with("  … and 12 more; `--all` prints all of them\n"), "{text}");
        assert_eq!(after(false, &many(50)).text().lines().count(), 50);
        let all = after(true, &many(62));
        assert_eq!((all.text().lines().count(), all.changed().len()), (62, 62));
    }

    #[test]
    fn withdrawn_retired_and_held_assets_are_named_even_after_the_first_fifty() {
        let mut events: Vec<_> = (0..60).map(|n| changed(&format!("film {n}"), vec![Change::Name])).collect();
        events.push(changed("revoked", vec![withdrawn("1")]));
        events.push(changed("deleted", vec![Change::Retired]));
        events.push(not_mirrored("held", Cause::HeldByGuard));
        events.push(not_mirrored("empty", Cause::SourceEmpty));
        let text = after(false, &events).text();
        for named in ["- revoked  ", "- deleted  ", "! held  "] {
            assert!(text.contains(named), "{named} is missing in {text}");
        }
        assert!(!text.contains("! empty") && text.contains("… and 11 more"), "{text}");
    }

    #[test]
    fn an_unchanged_asset_has_no_line() {
        let unchanged = |outcome| RunEvent::AssetFinished { asset: AssetId::new("a"), name: "a".to_owned(), outcome };
        let kept = after(false, &[unchanged(AssetOutcome::Unchanged), unchanged(AssetOutcome::Mirrored)]);
        assert_eq!((kept.len(), kept.text()), (0, String::new()));
    }

    #[test]
    fn names_and_reasons_cannot_move_the_cursor_or_forge_a_line() {
        let finding = Finding::new(Cause::RequestRefused, "no\n+ forged  new");
        let text = after(false, &[not_mirrored("a\u{1b}[2J\nb", finding)]).text();
        assert!(text.starts_with("! a\\u{1b}[2J\\nb  request-refused: "), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with(INDENT)), "{text}");
    }

    #[test]
    fn lines_have_at_most_eighty_columns_if_words_allow_it() {
        let finding = Finding::new(Cause::LocatorIdTaken, "by 漢字漢字 and by somebody else's asset of a long name");
        for name in
            ["a", "a name of some length that leaves little room for its reason", "漢字漢字漢字漢字漢字漢字漢字"]
        {
            let text = after(false, &[not_mirrored(name, finding.clone())]).text();
            assert!(text.lines().count() > 1, "{text}");
            for line in text.lines() {
                assert!(measure_text_width(line) <= COLUMNS, "{line}");
            }
        }
        let long = "n".repeat(100);
        let text = after(false, &[changed(&long, vec![Change::Name])]).text();
        assert_eq!(text, format!("~ {long}\n    name\n"));
    }

    #[test]
    fn a_change_as_json_names_its_asset_and_its_kinds() {
        let kept = after(true, &example());
        let json = serde_json::to_value(kept.changed()).unwrap();
        assert_eq!(json.as_array().map(Vec::len), Some(4), "what is not mirrored is among the problems: {json}");
        assert_eq!(json[1]["name"], "film");
        assert_eq!(json[3]["asset"], "id of trailer");
        assert_eq!(json[3]["changes"][0], serde_json::json!({ "change": "new", "blobs": 20 }));
        assert_eq!(json[1]["changes"][0]["why"], "revoked");
    }
}
