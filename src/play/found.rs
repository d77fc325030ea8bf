//! What a look at both sides found, of assets and of the whole library.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::policy::Accepted;
use crate::engine::Problem;
use crate::model::Asset;
use crate::verdict::{Cause, Class, Finding};

/// What was found.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Found {
    /// By asset, in order of name.
    pub problems: Vec<Problem>,
    /// How many by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// What concerns no single asset.
    pub findings: Vec<Finding>,
    /// Is one of these findings owed, and not accepted?
    #[serde(skip)]
    unproven: bool,
}

impl Found {
    /// Is there a difference that is not accepted?
    pub fn differs(&self) -> bool {
        self.problems.iter().any(|problem| problem.owed && problem.class == Class::Failed)
    }

    /// Is anything owed: a difference, or something that could not be found out?
    pub fn owes(&self) -> bool {
        self.unproven || self.problems.iter().any(|problem| problem.owed)
    }

    pub(super) fn add(&mut self, problem: Problem) {
        *self.causes.entry(problem.finding.cause).or_default() += 1;
        self.problems.push(problem);
    }

    pub(super) fn find(&mut self, asset: &Asset, finding: Finding, accepted: &mut Accepted) {
        self.add(Problem::of(asset, finding, accepted));
    }

    /// Nothing is proven, and why.
    pub(super) fn prove_nothing(&mut self, finding: Finding, accepted: &mut Accepted) {
        self.unproven = !accepted.accepts(finding.cause, "");
        *self.causes.entry(finding.cause).or_default() += 1;
        self.findings.push(finding);
    }

    /// Puts all in order.
    pub(super) fn sort(&mut self) {
        self.problems.sort_by(|a, b| {
            let key =
                |one: &Problem| (one.name.clone(), one.asset.clone(), one.finding.cause, one.finding.detail.clone());
            key(a).cmp(&key(b))
        });
    }
}
