//! Where answers are spoiled on purpose: every request passes here before its service sees it.
//!
//! A plan may be set at any time. Which requests it strikes follows from its seed and from the requests alone. A request
//! that never reaches its service because of a fault is counted here, under the status it was answered with; 0 = none.

mod inflict;
mod mangle;
pub mod plan;
mod read;
mod stale;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::http::request::Parts;
use globset::GlobMatcher;
use percent_encoding::percent_decode_str;
use tokio::time::Instant;

pub(super) use self::inflict::Cut;
use self::plan::{Fault, FaultPlan, Rule, TaskFailure};
use super::http::{Request, Response};
use super::stats::Plane;
use super::world::{Route, World};
use super::{blob, media_v2, streaming};

/// The plan in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Is there any rule? Asked for every request.
    armed: AtomicBool,
    active: Mutex<Active>,
    earlier: stale::Earlier,
}

/// A plan and how far it is.
#[derive(Debug, Default)]
struct Active {
    set: Option<Instant>,
    seed: u64,
    rules: Vec<ActiveRule>,
}

/// A rule ready to match, and its counts.
#[derive(Debug)]
struct ActiveRule {
    rule: Rule,
    account: GlobMatcher,
    operation: GlobMatcher,
    name: GlobMatcher,
    dice: fastrand::Rng,
    counted: u64,
    struck: u64,
}

/// The operation of an encoding task, which is no request.
const ENCODE_TASK: &str = "EncodeTask";

/// What is asked, as rules see it.
#[derive(Debug, Clone)]
struct Asked {
    account: String,
    plane: Plane,
    operation: &'static str,
    path: String,
}

/// A rule that strikes.
#[derive(Debug)]
struct Strike {
    fault: Fault,
    /// Where made-up content comes from: differs from strike to strike.
    seed: u64,
}

impl Faults {
    /// Puts a plan that was checked in the place of the one before; counts start again.
    pub(super) fn set(&self, plan: &FaultPlan) {
        let mut active = self.lock();
        *active = Active::of(plan);
        self.earlier.arm(plan.rules.iter().any(|rule| rule.fault == Fault::Stale));
        self.armed.store(!active.rules.is_empty(), Ordering::Release);
    }

    /// Is any rule in force?
    pub(super) fn armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    /// How often each rule struck since the plan was set.
    pub(super) fn strikes(&self) -> Vec<u64> {
        self.lock().rules.iter().map(|rule| rule.struck).collect()
    }

    /// The error with which a starting encoding task fails, if a rule applies to it.
    pub(super) fn of_task(&self, account: &str, job: &str, preset: &str) -> Option<TaskFailure> {
        let asked = Asked {
            account: account.to_owned(),
            plane: Plane::Media,
            operation: ENCODE_TASK,
            path: format!("/{job}/{preset}"),
        };
        match self.strike(&asked)?.fault {
            Fault::Encode(failure) => Some(failure),
            _ => None,
        }
    }

    fn strike(&self, asked: &Asked) -> Option<Strike> {
        self.lock().strike(asked)
    }

    fn lock(&self) -> MutexGuard<'_, Active> {
        self.active.lock().expect("no rule panics while it is looked at")
    }
}

impl Active {
    fn of(plan: &FaultPlan) -> Self {
        let glob = |text: &str| read::glob(text).expect("a plan is checked before it is set");
        let ready = |(index, rule): (u64, &Rule)| ActiveRule {
            account: glob(&rule.account),
            operation: glob(&rule.operation),
            name: glob(&rule.name),
            // Each rule draws from a stream of its own, so that adding one does not change what the others do.
            dice: fastrand::Rng::with_seed(plan.seed ^ (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            rule: rule.clone(),
            counted: 0,
            struck: 0,
        };
        let rules = (0..).zip(&plan.rules).map(ready).collect();
        Self { set: Some(Instant::now()), seed: plan.seed, rules }
    }

    /// All rules count the request; the first that strikes decides.
    fn strike(&mut self, asked: &Asked) -> Option<Strike> {
        let since = self.set.map_or(Duration::ZERO, |set| set.elapsed()).as_secs_f64();
        let mut first = None;
        for (index, rule) in self.rules.iter_mut().enumerate() {
            if rule.sees(asked, since) && rule.strikes() && first.is_none() {
                rule.struck += 1;
                first = Some((index, rule.struck));
            }
        }
        let (index, struck) = first?;
        let seed = self.seed ^ (index as u64).rotate_left(32) ^ struck.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Some(Strike { fault: self.rules[index].rule.fault.clone(), seed })
    }
}

impl ActiveRule {
    fn sees(&self, asked: &Asked, since: f64) -> bool {
        matches!(self.rule.fault, Fault::Encode(_)) == (asked.operation == ENCODE_TASK)
            && self.rule.plane.is_none_or(|plane| plane == asked.plane)
            && self.rule.after_s.is_none_or(|after| since >= after)
            && self.rule.until_s.is_none_or(|until| since <= until)
            && self.account.is_match(&asked.account)
            && self.operation.is_match(asked.operation)
            && self.name.is_match(&asked.path)
    }

    /// Counts a request and returns whether the fault applies to it.
    fn strikes(&mut self) -> bool {
        self.counted += 1;
        let (rule, n) = (&self.rule, self.counted);
        // Drawn for every request, so that what the other matchers say does not change what is drawn for the next one.
        let drawn = rule.probability.is_none_or(|probability| self.dice.f64() < probability);
        drawn
            && rule.nth.is_none_or(|nth| n == nth)
            && rule.every.is_none_or(|every| n.is_multiple_of(every))
            && rule.from.is_none_or(|from| n >= from)
            && rule.to.is_none_or(|to| n <= to)
            && rule.times.is_none_or(|times| self.struck < times)
    }
}

impl Asked {
    fn of(world: &World, route: Route, parts: &Parts) -> Self {
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
        let media = |region: usize| world.regions[region].settings.account.clone();
        let (account, plane, operation) = match route {
            Route::Token(region) => (media(region), Plane::Token, media_v2::token_operation(parts.uri.path())),
            Route::Front(region) => (media(region), Plane::Media, "FrontDoor"),
            Route::Cluster(region) => (media(region), Plane::Media, media_v2::operation_of(parts)),
            Route::Streaming(region) => (media(region), Plane::Streaming, streaming::operation_of(parts.uri.path())),
            Route::Blob(_) => {
                let account = path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
                (account, Plane::Blob, blob::operation_of(parts))
            }
            Route::Admin => (String::new(), Plane::Media, "Unknown"),
        };
        Self { account, plane, operation, path }
    }

    /// Is it a copy from a URL?
    fn copies(&self) -> bool {
        matches!(self.operation, "PutBlobFromUrl" | "PutBlockFromUrl" | "CopyBlob" | "CopyFromUrl")
    }
}

/// Answers a request while a plan is in force.
pub(super) async fn answer(world: &Arc<World>, route: Route, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = Asked::of(world, route, &parts);
    let strike = world.faults.strike(&asked);
    let request = Request::from_parts(parts, body);
    world.faults.earlier.before(world, route, &asked, request.method());
    match strike {
        None => world.serve(route, request).await,
        Some(strike) => inflict::inflict(world, route, request, &asked, strike).await,
    }
}
