//! The problems and findings of playing or reading both sides.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::policy::Accepted;
use crate::engine::Problem;
use crate::model::Asset;
use crate::verdict::{Cause, Class, Finding};

/// Problems of assets, and findings about the library.
#[derive(Debug, Default, JsonSchema, Serialize)]
pub struct Found {
    /// Problems of assets, in the order of names.
    pub problems: Vec<Problem>,
    /// How many by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Findings that do not concern a single asset.
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

    /// Is anything owed: a difference, or something that could not be checked?
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

    /// Records that nothing is proven, and why.
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
