//! Assets that are protected in the source, and the `withhold` list. Row 6.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use mediamirror::config::policy::Policy;
use mediamirror::emulator::FaultPlan;
use mediamirror::emulator::faults::plan::{Fault, Refuse, Rule};
use mediamirror::engine::{Options, Outcome};
use mediamirror::model::LocatorKind;
use mediamirror::verdict::{Cause, Change, Finding, Withdrawal};
use tokio::sync::Notify;

use super::{Films, SOURCE, TARGET, assert_plays_alike, look, night, playing, service_id};
use crate::world::accepting;

/// Does a film play on the target?
async fn plays(films: &Films, film: usize) -> bool {
    playing(&films.world, TARGET).await.contains_key(films.locator(film).as_str())
}

/// Row 6.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_with_content_keys_or_delivery_policies_is_not_published() {
    let films = Films::new().await;
    let id = |film: usize| look(&films.world, SOURCE, &format!("film{film}")).id;
    // A common key, an envelope key, a policy without dynamic encryption, a blocking policy, and a policy only for HLS.
    films.source().link_content_key(&id(0), 0).unwrap();
    films.source().link_content_key(&id(1), 4).unwrap();
    films.source().link_delivery_policy(&id(2), 2, 65_535).unwrap();
    films.source().link_delivery_policy(&id(3), 1, 65_535).unwrap();
    films.source().link_content_key(&id(4), 4).unwrap();
    films.source().link_delivery_policy(&id(4), 3, 4).unwrap();
    for _ in 0..2 {
        let (summary, monitor) = films.night().await;
        assert_eq!((summary.outcome, summary.causes.get(&Cause::Protected)), (Outcome::Partial, Some(&5)));
        for film in 0..5 {
            let outcome = monitor.outcome_of(&format!("film{film}")).unwrap();
            assert_eq!(outcome.cause(), Some(Cause::Protected), "film{film}");
        }
        let there: Vec<String> = playing(&films.world, TARGET).await.into_keys().collect();
        assert_eq!(there, [films.locator(5).as_str()]);
        let verification = films.world.verify().await;
        assert_eq!((verification.causes.get(&Cause::Protected), verification.owes()), (Some(&5), true));
    }
}

/// Row 6.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_is_withdrawn_in_the_night_it_becomes_protected_and_published_when_it_is_clear() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    let policy = films.source().link_delivery_policy(&asset, 1, 65_535).unwrap();
    assert!(films.world.verify().await.owes());
    let (summary, monitor) = films.night().await;
    assert_eq!(summary.outcome, Outcome::Partial);
    let withdrawn = Change::LocatorWithdrawn {
        id: films.locator(0).clone(),
        kind: LocatorKind::Streaming,
        why: Withdrawal::Protected,
    };
    assert_eq!(monitor.changes_of("film0"), [withdrawn]);
    assert!(!plays(&films, 0).await);
    films.source().unlink_delivery_policy(&asset, &policy).unwrap();
    films.good_night().await;
    assert!(plays(&films, 0).await);
    films.are_settled().await;
}

/// Row 6. The key is removed between the listing and the request before the withdrawal.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_revoked_locator_is_withdrawn_even_if_the_key_of_its_asset_is_removed_meanwhile() {
    for revoked in [true, false] {
        let mut films = Films::mirrored().await;
        let asset = look(&films.world, SOURCE, "film0").id;
        let key = films.source().link_content_key(&asset, 4).unwrap();
        if revoked {
            films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
        }
        let asked = Arc::new(Notify::new());
        let reached = Arc::clone(&asked);
        // All assets are requested in one batch while the library is listed; before a withdrawal, only this one is
        // requested.
        films.world.intercept(move |request| {
            let url = request.url();
            let asks_for_one = url.path().contains("Assets(") && url.path().ends_with("/ContentKeys");
            asks_for_one.then(|| {
                reached.notify_one();
                tokio::time::sleep(Duration::from_secs(30)).boxed()
            })
        });
        let change = async {
            let in_time = tokio::time::timeout(Duration::from_hours(2), asked.notified()).await;
            assert!(in_time.is_ok(), "nobody asked for the keys of the asset");
            films.source().unlink_content_key(&asset, &key).unwrap();
        };
        let ((summary, _), ()) = futures::join!(films.night(), change);
        assert_eq!(plays(&films, 0).await, !revoked, "{:?}", summary.problems);
        assert_eq!(summary.withdrawn, u64::from(revoked));
        films.world.intercept(|_| None);
        films.good_night().await;
    }
}

/// Row 6.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_asset_that_plays_nowhere_is_not_owed() {
    let films = Films::new().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    films.source().link_content_key(&asset, 0).unwrap();
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    let (summary, _) = films.night().await;
    assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
    assert_plays_alike(&films.world).await;
}

/// Row 6, with the sides exchanged.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_copy_that_is_protected_on_the_target_is_owed_until_it_is_clear_again() {
    let films = Films::mirrored().await;
    let copy = look(&films.world, TARGET, "film0").id;
    let policy = films.target().link_delivery_policy(&copy, 1, 65_535).unwrap();
    for _ in 0..2 {
        let (summary, monitor) = films.night().await;
        assert_eq!(summary.outcome, Outcome::Partial, "{:?}", summary.problems);
        assert_eq!(summary.causes, [(Cause::CopyProtected, 1)].into());
        assert_eq!(monitor.outcome_of("film0").unwrap().cause(), Some(Cause::CopyProtected));
        assert!(monitor.changes_of("film0").is_empty(), "nothing can be done about it");
    }
    let verification = films.world.verify().await;
    assert_eq!((verification.causes.get(&Cause::CopyProtected), verification.owes()), (Some(&1), true));
    films.target().unlink_delivery_policy(&copy, &policy).unwrap();
    films.are_settled().await;
    let key = films.target().link_content_key(&copy, 4).unwrap();
    assert!(films.world.verify().await.owes(), "a key without a policy");
    films.target().unlink_content_key(&copy, &key).unwrap();
    films.good_night().await;
    films.are_settled().await;
}

/// Row 6. Unpublished assets have no viewers, and assets that are protected on both sides have a separate cause.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_protected_copy_that_does_not_play_is_not_owed() {
    let films = Films::mirrored().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    films.good_night().await;
    let unpublished = look(&films.world, TARGET, "film0").id;
    films.target().link_content_key(&unpublished, 4).unwrap();
    films.good_night().await;
    films.target().link_content_key(&look(&films.world, TARGET, "film1").id, 4).unwrap();
    films.source().link_content_key(&look(&films.world, SOURCE, "film1").id, 4).unwrap();
    let (summary, _) = films.night().await;
    assert_eq!(summary.causes, [(Cause::Protected, 1)].into());
}

/// Row 6.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn unreadable_protection_publishes_nothing_and_withdraws_nothing() {
    let films = Films::mirrored().await;
    let (asset, other) = (look(&films.world, SOURCE, "film0").id, look(&films.world, SOURCE, "film1").id);
    films.source().link_content_key(&other, 0).unwrap();
    films.night().await;
    films.source().remove_locator(&service_id(films.locator(0))).await.unwrap();
    films.source().add_locator(&asset, &super::locators::in_hours(48)).unwrap();
    let refuse = Rule::new(Fault::Refuse(Refuse::status(403).code("Forbidden"))).account("mediawest");
    let plan = FaultPlan::new(1).rule(refuse.operation("Batch"));
    films.world.emulator.set_faults(&plan).unwrap();
    let before = playing(&films.world, TARGET).await;
    let (summary, _) = films.night().await;
    assert_eq!(summary.outcome, Outcome::Partial);
    assert!(summary.causes.contains_key(&Cause::ProtectionUnreadable), "{:?}", summary.problems);
    let after = playing(&films.world, TARGET).await;
    assert!(after.keys().all(|guid| before.contains_key(guid)), "nothing was published");
    assert!(plays(&films, 2).await, "nothing else is withdrawn");
    films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
    films.night().await;
    let published = look(&films.world, SOURCE, "film0").locators.remove(0).guid;
    assert!(playing(&films.world, TARGET).await.contains_key(&published));
}

fn withholding(list: &[&str]) -> Options {
    let withhold = list.iter().map(|entry| (*entry).to_owned()).collect();
    Options { policy: Policy { withhold, ..Policy::default() }, ..Options::default() }
}

/// Assets on the `withhold` list are withdrawn immediately, and published again when they are removed from the list.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_name_an_asset_id_and_a_locator_id_are_withheld_at_once_and_published_again_later() {
    for spelling in 0..8 {
        let films = Films::mirrored().await;
        let (asset, locator) = (look(&films.world, SOURCE, "film0").id, films.locator(0).to_string());
        let prefixed = service_id(films.locator(0));
        let guid = asset.rsplit(':').next().unwrap().to_owned();
        let capitals = [&asset, &locator, &prefixed].map(|id| id.to_ascii_uppercase());
        let written = ["film0".to_owned(), asset, guid, locator, prefixed].into_iter().chain(capitals);
        let entry = written.into_iter().nth(spelling).unwrap();
        let entry = entry.as_str();
        let options = withholding(&[entry]);
        let (summary, monitor) = night(&films.world, options.clone()).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{entry}: withheld is not owed: {:?}", summary.problems);
        let withdrawn = Change::LocatorWithdrawn {
            id: films.locator(0).clone(),
            kind: LocatorKind::Streaming,
            why: Withdrawal::Withheld,
        };
        assert_eq!(monitor.changes_of("film0"), [withdrawn], "{entry}");
        assert!(!plays(&films, 0).await, "{entry}");
        let (summary, _) = night(&films.world, options.clone()).await;
        assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 0), "{entry}");
        let verification = films.verify_with(&options).await;
        assert_eq!((verification.differences.len(), verification.owes()), (0, false), "{entry}: {verification:?}");
        films.good_night().await;
        assert!(plays(&films, 0).await, "{entry}: lifted, it is published again");
        films.are_settled().await;
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_that_is_withheld_by_name_stays_withheld_after_a_rename() {
    let films = Films::mirrored().await;
    let asset = look(&films.world, SOURCE, "film0").id;
    night(&films.world, withholding(&["film0"])).await;
    films.source().rename_asset(&asset, Some("film0 (new)")).unwrap();
    for _ in 0..2 {
        let (summary, _) = night(&films.world, withholding(&["film0"])).await;
        assert_eq!(summary.causes.get(&Cause::Withheld), Some(&1));
        assert!(!plays(&films, 0).await);
    }
    films.good_night().await;
    assert!(plays(&films, 0).await);
    films.are_settled().await;
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_entry_that_matches_nothing_is_reported_and_one_that_ever_matched_is_not() {
    let films = Films::mirrored().await;
    let other = "0b2e5b1c-7f0a-4d4e-9a55-0123456789ab";
    let wrong = ["flim0", other, &format!("nb:cid:UUID:{other}"), &format!("nb:lid:UUID:{other}")];
    for entry in wrong {
        let options = withholding(&["film0", entry]);
        let expected = [Finding::new(Cause::WithholdUnmatched, format!("{entry:?}"))];
        let (dry, _) = night(&films.world, Options { dry_run: true, ..options.clone() }).await;
        assert_eq!((dry.verdict, &dry.findings[..]), (Outcome::Partial, &expected[..]));
        let (summary, _) = night(&films.world, options.clone()).await;
        assert_eq!((summary.outcome, &summary.findings[..]), (Outcome::Partial, &expected[..]));
        let verification = films.verify_with(&options).await;
        assert_eq!((&verification.findings[..], verification.owes()), (&expected[..], true));
    }
    let locator = films.locator(1).clone();
    let options = withholding(&["film0", &service_id(&locator)]);
    night(&films.world, options.clone()).await;
    films.source().remove_locator(&service_id(&locator)).await.unwrap();
    films.source().delete_asset(&look(&films.world, SOURCE, "film0").id).await.unwrap();
    for _ in 0..2 {
        let (summary, _) = night(&films.world, options.clone()).await;
        assert_eq!((summary.outcome, summary.findings), (Outcome::Complete, Vec::new()), "{:?}", summary.problems);
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn an_asset_withheld_from_the_start_is_never_published_even_in_a_new_asset_of_that_name() {
    let films = Films::new().await;
    night(&films.world, withholding(&["film0", "film1"])).await;
    assert!(!plays(&films, 0).await && !plays(&films, 1).await && plays(&films, 2).await);
    films.world.seed("film0", &["film0.ism"]).await;
    night(&films.world, withholding(&["film0", "film1"])).await;
    assert_eq!(playing(&films.world, TARGET).await.len(), 4);
}

/// A guard never holds withdrawals because of the `withhold` list.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn everything_that_the_operator_withholds_is_withdrawn_regardless_of_the_guards() {
    let films = Films::mirrored().await;
    let all: Vec<String> = (0..6).map(|film| format!("film{film}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (summary, _) = night(&films.world, withholding(&all)).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 6), "{:?}", summary.problems);
    assert!(playing(&films.world, TARGET).await.is_empty());
}

/// A locator moves from a playing film to a withheld one.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_locator_that_moves_to_a_withheld_asset_is_withdrawn() {
    let films = Films::mirrored().await;
    let withheld = look(&films.world, SOURCE, "film1").id;
    films.source().move_locator(&service_id(films.locator(0)), &withheld).await.unwrap();
    let (summary, _) = night(&films.world, withholding(&["film1"])).await;
    assert_eq!((summary.outcome, summary.withdrawn), (Outcome::Complete, 2), "{:?}", summary.problems);
    assert!(!plays(&films, 0).await && !plays(&films, 1).await);
}

/// An asset that must stop playing and still plays never counts as complete, even if the cause is accepted or not owed.
#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_withdrawal_that_fails_is_reported_although_the_cause_of_its_asset_is_accepted() {
    for protect in [false, true] {
        let films = Films::mirrored().await;
        let mut options = withholding(if protect { &[] } else { &["film0"] });
        options.policy.accept = accepting(&[Cause::Protected]).accept;
        if protect {
            films.source().link_content_key(&look(&films.world, SOURCE, "film0").id, 0).unwrap();
        }
        let refuse = Rule::new(Fault::Refuse(Refuse::status(503).code("ServiceUnavailable"))).account("mediaeast");
        films.world.emulator.set_faults(&FaultPlan::new(1).rule(refuse.operation("{Batch,DeleteLocator}"))).unwrap();
        let (summary, _) = night(&films.world, options.clone()).await;
        assert!(plays(&films, 0).await, "the test needs a withdrawal that fails");
        assert_eq!(summary.outcome, Outcome::Partial, "protected: {protect}: {:?}", summary.problems);
        assert!(summary.causes.contains_key(&Cause::ServiceUnavailable), "{:?}", summary.problems);
        films.world.emulator.set_faults(&FaultPlan::default()).unwrap();
        let (summary, _) = night(&films.world, options).await;
        assert_eq!(summary.outcome, Outcome::Complete, "{:?}", summary.problems);
        assert!(!plays(&films, 0).await);
    }
}
