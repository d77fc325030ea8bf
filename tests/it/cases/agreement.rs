//! A dry run and `verify` agree about every state, and the run does what they report.

use std::collections::BTreeSet;

use mediamirror::config::policy::{Adopt, GuardLimits, Policy, Share};
use mediamirror::emulator::faults::plan::{Fault, Mangle, Rule};
use mediamirror::emulator::{FaultPlan, NewLocator};
use mediamirror::engine::urls::Urls;
use mediamirror::engine::verify::Verification;
use mediamirror::engine::{Options, Outcome, Problem};
use mediamirror::model::AssetId;
use mediamirror::verdict::Cause;

use super::{EAST, Films, SOURCE, TARGET, WEST, look, night, only, service_id};
use crate::world::{accepting, put};

/// The changes that people made since the last run.
#[derive(Debug, Clone, Copy)]
enum State {
    Untouched,
    LocatorRevoked,
    ManyLocatorsRevoked,
    SourceDeleted,
    Protected,
    ProtectedAndAccepted,
    IdTaken,
    IdTakenAndAccepted,
    ArchivedInTarget,
    ArchivedInTargetAndAccepted,
    ArchivedInSource,
    SourceLost,
    SourceEmpty,
    ForeignRevoked,
    WithholdUnmatched,
    ClockSkew,
    NoRoom,
    ForeignCopy,
    ForeignCopyThatDiffers,
    ListingHalf,
    MovedOutOfScope,
    ManyBlobsChanged,
    BlobOlder,
    ContainerLost,
    PairForgotten,
    NotStreaming,
}

const ALL: [State; 26] = [
    State::Untouched,
    State::LocatorRevoked,
    State::ManyLocatorsRevoked,
    State::SourceDeleted,
    State::Protected,
    State::ProtectedAndAccepted,
    State::IdTaken,
    State::IdTakenAndAccepted,
    State::ArchivedInTarget,
    State::ArchivedInTargetAndAccepted,
    State::ArchivedInSource,
    State::SourceLost,
    State::SourceEmpty,
    State::ForeignRevoked,
    State::WithholdUnmatched,
    State::ClockSkew,
    State::NoRoom,
    State::ForeignCopy,
    State::ForeignCopyThatDiffers,
    State::ListingHalf,
    State::MovedOutOfScope,
    State::ManyBlobsChanged,
    State::BlobOlder,
    State::ContainerLost,
    State::PairForgotten,
    State::NotStreaming,
];

fn with(policy: Policy) -> Options {
    Options { policy, ..Options::default() }
}

/// Brings a mirrored library into a state. Returns the operator's options.
#[expect(clippy::too_many_lines, reason = "one arm for each state")]
async fn bring_into(films: &Films, state: State) -> Options {
    let emulator = &films.world.emulator;
    let asset = |film: usize| look(&films.world, SOURCE, &format!("film{film}")).id;
    let revoke = async |film: usize| films.source().remove_locator(&service_id(films.locator(film))).await.unwrap();
    match state {
        State::Untouched => {}
        State::LocatorRevoked => revoke(0).await,
        State::ManyLocatorsRevoked => {
            for film in 0..4 {
                revoke(film).await;
            }
        }
        State::SourceDeleted => {
            for film in 0..6 {
                films.source().delete_asset(&asset(film)).await.unwrap();
            }
        }
        State::Protected | State::ProtectedAndAccepted => {
            films.source().link_content_key(&asset(0), 0).unwrap();
            if matches!(state, State::ProtectedAndAccepted) {
                return with(accepting(&[Cause::Protected]));
            }
        }
        State::IdTaken | State::IdTakenAndAccepted => {
            let foreign = films.target().add_asset("foreign").await.unwrap();
            let locator = NewLocator {
                guid: Some("0b2e5b1c-7f0a-4d4e-9a55-0123456789ab".to_owned()),
                ..super::locators::in_hours(100)
            };
            films.target().add_locator(&foreign, &locator).unwrap();
            films.source().add_locator(&asset(0), &locator).unwrap();
            if matches!(state, State::IdTakenAndAccepted) {
                return with(accepting(&[Cause::LocatorIdTaken]));
            }
        }
        State::ArchivedInTarget | State::ArchivedInTargetAndAccepted => {
            let (container, blob) = films.blob(TARGET, 0, "mp4");
            assert!(emulator.archive(EAST, &container, &blob));
            if matches!(state, State::ArchivedInTargetAndAccepted) {
                return with(accepting(&[Cause::ArchivedInTarget]));
            }
        }
        State::ArchivedInSource => {
            let (container, blob) = films.blob(SOURCE, 0, "mp4");
            assert!(emulator.put_blob(WEST, &container, &blob, vec![7; 70], None));
            assert!(emulator.archive(WEST, &container, &blob));
        }
        State::SourceLost => assert!(emulator.delete_container(WEST, &films.blob(SOURCE, 0, "mp4").0)),
        State::SourceEmpty => {
            let empty = films.source().add_asset("empty").await.unwrap();
            films.source().add_locator(&empty, &super::locators::in_hours(100)).unwrap();
        }
        State::ForeignRevoked => {
            let from = look(&films.world, SOURCE, "film0").locators.remove(0);
            films.target().remove_locator(&service_id(films.locator(0))).await.unwrap();
            let expiry = from.expiry.unwrap();
            let locator = NewLocator { guid: Some(from.guid), name: from.name, start: from.start, expiry };
            films.target().add_locator(&look(&films.world, TARGET, "film0").id, &locator).unwrap();
            films.good_night().await;
            revoke(0).await;
        }
        State::WithholdUnmatched => {
            return with(Policy { withhold: vec!["flim0".to_owned()], ..Policy::default() });
        }
        State::ClockSkew => {
            revoke(0).await;
            emulator.set_faults(&FaultPlan::new(1).clock_skew(600)).unwrap();
        }
        State::NoRoom => {
            let copy = look(&films.world, TARGET, "film0").id;
            for _ in 0..4 {
                films.target().add_locator(&copy, &super::locators::in_hours(100)).unwrap();
            }
            films.source().add_locator(&asset(0), &super::locators::in_hours(100)).unwrap();
        }
        State::ForeignCopy | State::ForeignCopyThatDiffers => {
            let source = films.world.seed("theirs", &["theirs.ism"]).await;
            let theirs = films.target().add_asset("theirs").await.unwrap();
            films.target().set_alternate_id(&theirs, Some(source.asset.id.as_str())).unwrap();
            let (from, to) = (look(&films.world, SOURCE, "theirs"), look(&films.world, TARGET, "theirs"));
            let byte = if matches!(state, State::ForeignCopy) { b'x' } else { b'z' };
            assert!(emulator.put_blob(EAST, &to.container, "theirs.ism", vec![byte; 1024], None));
            let described = emulator.describe(WEST, &from.container, "theirs.ism").unwrap();
            if matches!(state, State::ForeignCopy) {
                assert!(emulator.set_headers(EAST, &to.container, "theirs.ism", &described.headers));
            }
            return with(Policy { adopt: Adopt::Equal, ..Policy::default() });
        }
        State::ListingHalf => {
            let rule = Rule::new(Fault::Mangle(Mangle::Half)).operation("ListAssets").account("mediawest");
            emulator.set_faults(&FaultPlan { rules: vec![rule], ..FaultPlan::default() }).unwrap();
        }
        State::MovedOutOfScope => {
            films.source().move_locator(&service_id(films.locator(0)), &asset(1)).await.unwrap();
            return only("film1");
        }
        State::ManyBlobsChanged => {
            put(&films.world.pair().source.storage[0], &films.films[0].asset, "film0.mp4", vec![b'n'; 1024]).await;
            let guards = GuardLimits { max_overwrite: Some(Share::Count(0)), ..GuardLimits::default() };
            return with(Policy { guards, ..Policy::default() });
        }
        State::BlobOlder => {
            emulator.set_faults(&FaultPlan::new(1).clock_skew(-7_200)).unwrap();
            let (container, blob) = films.blob(SOURCE, 0, "mp4");
            assert!(emulator.put_blob(WEST, &container, &blob, vec![b'o'; 500], None));
            emulator.set_faults(&FaultPlan::default()).unwrap();
        }
        State::ContainerLost => assert!(emulator.delete_container(EAST, &films.blob(TARGET, 0, "mp4").0)),
        State::PairForgotten => assert!(emulator.delete_container(EAST, "mediamirror-state")),
        State::NotStreaming => films.target().set_streaming(false).unwrap(),
    }
    Options::default()
}

/// The causes of the assets, and whether they are owed.
fn named(problems: &[Problem]) -> BTreeSet<(AssetId, Cause, bool)> {
    problems.iter().map(|problem| (problem.asset.clone(), problem.finding.cause, problem.owed)).collect()
}

/// `urls` examines less than `verify`, and must agree with it about that part.
fn agrees(urls: &Urls, verification: &Verification, state: &str) {
    assert_eq!(urls.findings, verification.findings, "{state}");
    let (less, all) = (named(&urls.problems), named(&verification.problems));
    assert!(less.is_subset(&all), "{state}: {less:?} {all:?}");
    let verdicts = (urls.verdict, verification.verdict);
    let fewer = verdicts.0 == verdicts.1 || less.len() < all.len();
    assert!(fewer && (verdicts.0 == Outcome::Complete || verdicts.1 != Outcome::Complete), "{state}: {verdicts:?}");
    assert!(!urls.differ() || !verification.differences.is_empty(), "{state}: {:?}", urls.pairs);
    for pair in urls.pairs.iter().filter(|pair| pair.target_url.is_none()) {
        let named = |cause| verification.problems.iter().any(|problem| problem.finding.cause == cause);
        assert!(pair.cause.is_none_or(named), "{state}: {pair:?}");
    }
}

#[tokio::test(start_paused = true, crate = "crate::virtual_time")]
async fn a_dry_run_and_verify_report_the_same_causes_and_exit_code_in_every_state() {
    for state in ALL {
        let films = Films::mirrored().await;
        let options = bring_into(&films, state).await;
        for when in ["before the run", "after it"] {
            let dry_run = Options { dry_run: true, ..options.clone() };
            let (dry, _) = night(&films.world, dry_run).await;
            let verification = films.verify_with(&options).await;
            assert_eq!(dry.verdict, verification.verdict, "{state:?} {when}: {dry:?} {verification:?}");
            assert_eq!(dry.findings, verification.findings, "{state:?} {when}");
            // If the whole run is held, it examines no asset.
            let stopped = dry.findings.iter().any(|finding| finding.cause == Cause::StateMissing);
            if !stopped {
                assert_eq!(named(&dry.problems), named(&verification.problems), "{state:?} {when}");
            }
            let skewed = dry.findings.iter().any(|finding| finding.cause == Cause::ClockSkew);
            assert_eq!(skewed, matches!(state, State::ClockSkew), "{state:?} {when}: {:?}", dry.findings);
            agrees(&films.urls_with(&options).await, &verification, &format!("{state:?} {when}"));
            let to_do = dry.assets.mirrored + dry.withdrawn > 0;
            let differs = !verification.differences.is_empty();
            assert!(!to_do || differs, "{state:?} {when}: the run has to do what verify calls equal");
            let (summary, _) = night(&films.world, options.clone()).await;
            assert_eq!((summary.outcome, summary.findings), (dry.verdict, dry.findings), "{state:?} {when}");
            assert_eq!(named(&summary.problems), named(&dry.problems), "{state:?} {when}");
            if summary.outcome == Outcome::Complete {
                assert_eq!(films.verify_with(&options).await.differences, [], "{state:?} {when}");
            }
        }
    }
}
