//! A drill: did the target show that it can take over? Pure.

use super::report::Readiness;
use crate::ledger::Drill;
use crate::play::Depth;

impl Readiness {
    /// The drill that this assessment is, where that part (0 to 1) of what should play has to be ready. Records alone do not pass a
    /// drill: the target has to have answered a probe, and where the probe plays assets, at least one has to have played.
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
