//! The active fault plan, and the requests that get its faults.
//!
//! A plan can be set at any time. Its seed and the requests alone determine which requests get faults.

pub mod plan;
mod read;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use globset::GlobMatcher;
use tokio::time::Instant;

use self::plan::{Fault, FaultPlan, Rule, TaskFailure};
use super::stats::Plane;

/// The plan in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Is there any rule? It is checked for every request.
    armed: AtomicBool,
    active: Mutex<Active>,
}

/// A plan and its progress.
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

/// The attributes of a request that rules match.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) account: String,
    pub(crate) plane: Plane,
    pub(crate) operation: &'static str,
    pub(crate) path: String,
}

/// A rule that strikes.
#[derive(Debug)]
pub(crate) struct Strike {
    pub(crate) fault: Fault,
    /// The seed of generated content; it is different for each fault.
    pub(crate) seed: u64,
}

impl Faults {
    /// Replaces the plan by another checked one; counts start again.
    pub(super) fn set(&self, plan: &FaultPlan) {
        let mut active = self.lock();
        *active = Active::of(plan);
        self.armed.store(!active.rules.is_empty(), Ordering::Release);
    }

    /// Is there any rule?
    pub(super) fn armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    /// How often each rule caused its fault since the plan was set.
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

    /// The fault of a request, if it gets one. Every rule counts the request.
    pub(crate) fn strike(&self, asked: &Asked) -> Option<Strike> {
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
            // Each rule has its own random numbers, so that another rule does not change its results.
            dice: fastrand::Rng::with_seed(plan.seed ^ (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            rule: rule.clone(),
            counted: 0,
            struck: 0,
        };
        let rules = (0..).zip(&plan.rules).map(ready).collect();
        Self { set: Some(Instant::now()), seed: plan.seed, rules }
    }

    /// All rules count the request; the first one that applies decides.
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
        // Drawn for every request, so that the results of other matchers do not change the next random number.
        let drawn = rule.probability.is_none_or(|probability| self.dice.f64() < probability);
        drawn
            && rule.nth.is_none_or(|nth| n == nth)
            && rule.every.is_none_or(|every| n.is_multiple_of(every))
            && rule.from.is_none_or(|from| n >= from)
            && rule.to.is_none_or(|to| n <= to)
            && rule.times.is_none_or(|times| self.struck < times)
    }
}
