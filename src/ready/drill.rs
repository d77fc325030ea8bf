//! A drill: decides whether the target can take over. Pure.

use super::report::Readiness;
use crate::ledger::Drill;
use crate::play::Depth;

impl Readiness {
    /// The result of a drill that requires that share (0 to 1) of the assets that should play to be ready. Records are
    /// not enough to pass: the target must have answered a probe, and if the probe plays assets, at least one must have
    /// played.
    pub fn drill(&self, part: f64) -> Drill {
        let passed = self.reaches(part) && self.was_played();
        Drill {
            at: self.at,
            passed,
            total: self.assets.total,
            ready: self.assets.ready,
            played: self.probes.as_ref().map_or(0, |probes| probes.plays),
            last_passed: if passed {
                Some(self.at)
            } else {
                self.last_drill.as_ref().and_then(|last| last.last_passed)
            },
        }
    }

    fn was_played(&self) -> bool {
        match &self.probes {
            Some(probes) if probes.depth == Depth::Endpoint => self.endpoint.may_play(),
            Some(probes) => probes.plays > 0,
            None => false,
        }
    }
}
