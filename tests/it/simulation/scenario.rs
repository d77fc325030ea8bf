//! Everything that a seed decides: the library, the services, the options, the faults, and the kills.

use std::time::Duration;

use fastrand::Rng;
use mediamirror::emulator::faults::plan::{
    CopyFate, Echo, Fault, FaultPlan, Hang, Mangle, Pretence, Redirect, Refuse, ResetAt, Rule, Slow, SourceFate,
    WrongLength,
};
use mediamirror::emulator::stats::Plane;
use mediamirror::emulator::{Generate, Settings, Sizes};
use mediamirror::engine::Options;
use mediamirror::model::CopyMethod;
use mediamirror::verdict::Cause;

use crate::credentials::FORMS;
use crate::world::accepting;

/// One of several.
fn one_of<T: Clone>(dice: &mut Rng, choices: &[T]) -> T {
    choices[dice.usize(..choices.len())].clone()
}

/// A small library: errors are in the steps, not in the numbers.
pub(super) fn library(dice: &mut Rng) -> Generate {
    Generate {
        assets: dice.u32(1..=6),
        blobs: dice.u32(1..=6),
        seed: dice.u64(..),
        sizes: if dice.bool() { Sizes::Small } else { Sizes::Real },
        awkward: dice.u8(..4) == 0,
        real: false,
        published: true,
        protected: 0,
    }
}

/// Slow services, so that kills can interrupt requests.
pub(super) fn settings(dice: &mut Rng) -> Settings {
    let mut settings = Settings::default();
    for region in &mut settings.regions {
        region.media.latency_ms = dice.u64(1..80);
        region.media.refuse_batch = dice.u8(..10) == 0;
        region.media.random_container_names = dice.u8(..4) == 0;
        let limits = &mut region.storage[0].limits;
        limits.latency_ms = dice.u64(1..80);
        limits.async_copy_min_ms = one_of(dice, &[0, 50, 5_000, 60_000]);
        limits.copy_bytes_per_second = one_of(dice, &[0, 10_000_000, 500_000_000]);
    }
    settings
}

/// The options of the program.
pub(super) fn options(dice: &mut Rng) -> Options {
    let methods = [None, None, Some(CopyMethod::Put), Some(CopyMethod::Blocks), Some(CopyMethod::Async)];
    Options {
        copy_method: one_of(dice, &methods),
        assets_in_flight: Some(dice.usize(1..=8)),
        // Causes that an awkward library has on purpose.
        policy: accepting(&[Cause::SourceEmpty, Cause::StorageEncrypted]),
        ..Options::default()
    }
}

/// When the program is killed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Death {
    /// It is not killed.
    None,
    /// Before the n-th request.
    AtRequest(u64),
    /// After so long.
    After(Duration),
}

impl Death {
    pub(super) fn roll(dice: &mut Rng) -> Self {
        match dice.u8(..4) {
            0 => Self::None,
            1 => Self::After(Duration::from_millis(1 << dice.u32(4..18))),
            _ => Self::AtRequest(dice.u64(1..120)),
        }
    }
}

/// Writes that can be acknowledged without taking effect. Put Blob is not among them: the state of the pair is written
/// with its checksum, which the service compares before it answers.
const PRETENDED: [&str; 5] = [
    "{PutBlobFromUrl,CopyBlob}",
    "{PutBlobFromUrl,PutBlockFromUrl,PutBlockList,CopyBlob}",
    "{Batch,Create*,Update*}",
    "Batch",
    "{[A-OQ-Z]*,PutBl*[lt]}",
];

/// The storage account of the copies.
const COPIES_ACCOUNT: &str = "storeeast";

/// A fault rule, and the most additional copies for each of its faults.
pub(super) struct Trouble {
    pub(super) rule: Rule,
    /// Must the whole asset possibly be copied again, and not only one blob?
    pub(super) costs_asset: bool,
    /// The library itself changes.
    pub(super) changes_source: bool,
    /// Can the source seem to have less than it does?
    pub(super) hides: bool,
}

impl Trouble {
    /// Can the listing of a copy be without the last write?
    pub(super) fn shows_old_copies(&self) -> bool {
        self.rule.fault == Fault::Stale && self.rule.account == COPIES_ACCOUNT
    }
}

/// The faults in one life of the program.
pub(super) struct Troubles {
    pub(super) plan: FaultPlan,
    pub(super) list: Vec<Trouble>,
}

impl Troubles {
    pub(super) fn roll(dice: &mut Rng) -> Self {
        let list: Vec<Trouble> = (0..dice.u8(..4)).map(|_| trouble(dice)).collect();
        let mut plan = FaultPlan::new(dice.u64(..)).clock_skew(one_of(dice, &[0, 0, 0, 600, -600]));
        plan.rules = list.iter().map(|trouble| trouble.rule.clone()).collect();
        Self { plan, list }
    }
}

fn trouble(dice: &mut Rng) -> Trouble {
    let mut costs_asset = false;
    let mut changes_source = false;
    let mut hides = false;
    let rule = match dice.u8(..20) {
        0 | 1 => {
            let busy = Fault::Refuse(busy(dice));
            anywhere(dice, busy).probability(0.3 * dice.f64())
        }
        2 => {
            let at = one_of(dice, &[ResetAt::Before, ResetAt::Headers, ResetAt::Body]);
            anywhere(dice, Fault::Reset(at)).probability(0.1 * dice.f64())
        }
        3 | 4 => anywhere(dice, Fault::LostAnswer).probability(0.1 * dice.f64()),
        5 => {
            let length = dice.u64(..500);
            let fault = one_of(
                dice,
                &[
                    Fault::Truncate(length),
                    Fault::Slow(Slow { bytes: 200, every_ms: 500 }),
                    Fault::ContentLength(WrongLength::Longer),
                    Fault::ContentLength(WrongLength::Shorter),
                ],
            );
            anywhere(dice, fault).probability(0.1 * dice.f64())
        }
        6 => {
            let hang = one_of(dice, &[Hang::Before, Hang::After]);
            anywhere(dice, Fault::Hang(hang)).nth(dice.u64(1..60))
        }
        7 => {
            let status = one_of(dice, &[301, 302, 307, 308]);
            let to = "http://elsewhere.example".to_owned();
            anywhere(dice, Fault::Redirect(Redirect { status, to })).nth(dice.u64(1..60))
        }
        8 => {
            costs_asset = true;
            mangled(dice)
        }
        9 => {
            costs_asset = true;
            let rule = Rule::new(Fault::Stale).operation("{ListBlobs,GetBlobProperties}").account(COPIES_ACCOUNT);
            rule.probability(0.5 * dice.f64())
        }
        10 => {
            let fate = one_of(dice, &[CopyFate::Pending, CopyFate::Failed, CopyFate::Aborted]);
            Rule::new(Fault::Copy(fate)).operation("CopyBlob").times(dice.u64(1..4))
        }
        11 => {
            (costs_asset, changes_source) = (true, true);
            let fate = one_of(
                dice,
                &[SourceFate::Changed, SourceFate::Changed, SourceFate::Deleted, SourceFate::ContainerDeleted],
            );
            Rule::new(Fault::Source(fate)).nth(dice.u64(1..12))
        }
        12 => Rule::new(Fault::TokenLifetimeS(dice.u64(1..8))).plane(Plane::Token),
        13 => {
            let down = Fault::Refuse(Refuse::status(one_of(dice, &[500, 503])));
            Rule::new(down).plane(Plane::Token).until_s(f64::from(dice.u32(1..90)))
        }
        14 | 15 => {
            costs_asset = true;
            let how = one_of(dice, &[Pretence::Nothing, Pretence::Nothing, Pretence::Truncated]);
            let rule = Rule::new(Fault::Pretend(how)).operation(one_of(dice, &PRETENDED)).account("*east");
            rule.probability(0.5 * dice.f64())
        }
        16 => {
            let rule = Rule::new(Fault::Stale).operation("{List*,Get*}").account("media*");
            rule.probability(0.5 * dice.f64()).times(1)
        }
        17 => {
            (costs_asset, hides) = (true, true);
            let short = [(Mangle::Empty, "{ListAssets,ListBlobs}"), (Mangle::Half, "ListAssets")];
            let (how, operation) = one_of(dice, &short);
            Rule::new(Fault::Mangle(how)).operation(operation).nth(dice.u64(1..20))
        }
        18 => {
            let (status, form) = (one_of(dice, &[400, 403, 409, 500, 503]), one_of(dice, &FORMS));
            anywhere(dice, Fault::Echo(Echo { status, form })).probability(0.2 * dice.f64())
        }
        _ => {
            let refuse = one_of(
                dice,
                &[
                    Refuse::status(403).code("AuthorizationPermissionMismatch"),
                    Refuse::status(403).code("CannotVerifyCopySource").source(403, "AuthenticationFailed"),
                    Refuse::status(503).code("CannotVerifyCopySource").source(503, "ServerBusy"),
                ],
            );
            Rule::new(Fault::Refuse(refuse))
                .operation("{PutBlobFromUrl,PutBlockFromUrl,CopyBlob}")
                .from(dice.u64(1..40))
        }
    };
    Trouble { rule, costs_asset, changes_source, hides }
}

/// A busy or failing service, with one of the known answers.
fn busy(dice: &mut Rng) -> Refuse {
    let mut refuse = Refuse::status(one_of(dice, &[503, 503, 429, 500, 502, 504]));
    if dice.bool() {
        refuse = refuse.code(one_of(dice, &["ServerBusy", "OperationTimedOut", "InternalError"]));
    }
    match one_of(dice, &["", "", "0", "2", "100000", "-5", "soon", "date+20", "date-20"]) {
        "" => refuse,
        value => refuse.retry_after(value),
    }
}

/// An unreadable or wrong page.
fn mangled(dice: &mut Rng) -> Rule {
    let how = one_of(
        dice,
        &[
            Mangle::Cut,
            Mangle::Html,
            Mangle::Bomb,
            Mangle::Deep,
            Mangle::DuplicateKeys,
            Mangle::WrongTypes,
            Mangle::MarkerLoop,
            Mangle::Duplicates,
            Mangle::Unsorted,
        ],
    );
    Rule::new(Fault::Mangle(how)).operation("{List*,Get*,AcsToken}").nth(dice.u64(1..20))
}

/// A fault in one plane, or in one account, or everywhere.
fn anywhere(dice: &mut Rng, fault: Fault) -> Rule {
    let rule = Rule::new(fault);
    match dice.u8(..5) {
        0 => rule,
        1 => rule.plane(Plane::Media),
        2 => rule.plane(Plane::Blob),
        3 => rule.account("*west"),
        _ => rule.account("*east"),
    }
}
