use std::path::PathBuf;

use jiff::Timestamp;

use super::*;
use crate::model::{AccountName, AssetId, LocatorId, LocatorKind};
use crate::plan::{Action, Binding, Fingerprints, Kind, LedgerAt, Outlook, PlanFile, Scope};
use crate::verdict::{Change, Outcome, Withdrawal};

fn header() -> Header {
    let binding = Binding {
        version: "1.2.3".to_owned(),
        source: AccountName::new("west"),
        target: AccountName::new("east"),
        configuration: Fingerprints::default().finish(),
        ledger: LedgerAt { id: None, serial: 0 },
    };
    let (id, made) = ("p1".to_owned(), Timestamp::UNIX_EPOCH);
    Header { format: FORMAT, id, kind: Kind::Sync, made, binding, scope: Scope::default() }
}

fn items() -> Vec<Item> {
    let fingerprint = |part: &str| Fingerprints::default().with("a", part).finish();
    let expiry = Timestamp::UNIX_EPOCH;
    let id = LocatorId::new("l1");
    let terms = Change::LocatorTerms { id: id.clone(), kind: LocatorKind::Streaming, expiry, longer: true };
    let withdrawn = Change::LocatorWithdrawn { id: id.clone(), kind: LocatorKind::Public, why: Withdrawal::Revoked };
    let film = Item {
        copied: 3,
        overwritten: 1,
        bytes: 9,
        ..Item::new(
            Action::Mirror,
            &AssetId::new("a"),
            "film\n{",
            vec![Change::Blobs { blobs: 3 }, terms],
            fingerprint("1"),
        )
    };
    let new = Item::new(Action::Mirror, &AssetId::new("b"), "new", vec![Change::New { blobs: 0 }], fingerprint("2"));
    let locator = Item {
        locator: Some(id),
        ..Item::new(Action::Withdraw, &AssetId::new("a"), "film", vec![withdrawn], fingerprint("3"))
    };
    let gone = Item::new(Action::Retire, &AssetId::new("c"), "gone", vec![Change::Retired], fingerprint("4"));
    vec![film, new, locator, gone]
}

fn written(place: &tempfile::TempDir) -> PathBuf {
    let path = place.path().join("night.plan");
    let file = PlanFile::begin(&path, &header()).unwrap();
    for item in items() {
        file.item(&item);
    }
    let why = NotMirrored {
        asset: Some(AssetId::new("d")),
        name: Some("d".to_owned()),
        code: "source-empty".to_owned(),
        detail: "https://h/c?sv=2020&sig=abcdefgh".to_owned(),
        owed: true,
    };
    let outlook = Outlook { media_requests: 1, seconds: 1.5, ..Outlook::default() };
    file.finish([why], Outcome::Partial, outlook).unwrap();
    path
}

fn try_read(path: &Path) -> Result<Read, PlanError> {
    read(path, |_| {}, |_| {})
}

#[test]
fn a_plan_is_read_unchanged_and_only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let path = written(&place);
    let (mut seen, mut why) = (Vec::new(), Vec::new());
    let plan = read(&path, |item| seen.push(item), |one| why.push(one)).unwrap();
    assert_eq!((plan.header, seen), (header(), items()));
    let totals = plan.trailer.totals;
    assert_eq!((totals.items, totals.new, totals.changed, totals.retired), (4, 1, 1, 1));
    assert_eq!((totals.locators_changed, totals.locators_withdrawn, totals.overwritten), (1, 1, 1));
    assert_eq!((why.len(), plan.trailer.verdict, plan.planned.counts().items), (1, Outcome::Partial, 4));
    assert!(!why[0].detail.contains("abcdefgh"), "a signature is in the plan: {}", why[0].detail);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1, "the draft is gone");
}

#[test]
fn a_plan_that_was_truncated_anywhere_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = written(&place);
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let refused = try_read(&path).unwrap_err();
        assert!(matches!(refused, PlanError::Damaged { .. } | PlanError::NotAPlan { .. }), "{length}: {refused}");
    }
    std::fs::write(&path, &whole).unwrap();
    try_read(&path).unwrap();
}

#[test]
fn a_plan_that_was_edited_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = written(&place);
    let whole = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let without = |left: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != left).map(|(_, line)| format!("{line}\n"));
        kept.collect::<String>()
    };
    let mut edited: Vec<String> = (0..lines.len()).map(without).collect();
    edited.push(whole.replacen("\"bytes\":9", "\"bytes\":8", 1));
    edited.push(whole.replacen("film", "fi1m", 1));
    edited.push(whole.replacen("\"kind\":\"sync\"", "\"kind\":\"reprotect\"", 1));
    edited.push(format!("{whole}{}\n", lines[1]));
    for text in edited {
        std::fs::write(&path, &text).unwrap();
        assert!(try_read(&path).is_err(), "{text}");
    }
}

#[test]
fn a_plan_of_another_format_is_named() {
    let place = tempfile::tempdir().unwrap();
    let path = written(&place);
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replacen("\"format\":1", "\"format\":2", 1)).unwrap();
    assert!(matches!(try_read(&path), Err(PlanError::UnknownFormat { found: 2, .. })));
}

#[test]
fn a_new_plan_removes_an_old_one_first_and_replaces_no_other_file() {
    let place = tempfile::tempdir().unwrap();
    let path = written(&place);
    let file = PlanFile::begin(&path, &header()).unwrap();
    assert!(!path.exists(), "the old plan could be applied in place of one that fails");
    drop(file);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "a plan that fails leaves nothing");
    std::fs::write(&path, "something else\n").unwrap();
    assert!(matches!(PlanFile::begin(&path, &header()), Err(PlanError::NotAPlan { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "something else\n");
}
