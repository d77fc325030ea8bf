//! The guard against overwriting: a complete copy is overwritten only after the contents of all assets were compared.

use std::sync::Mutex;

use crate::claims::guards::may_overwrite;
use crate::config::policy::Share;
use crate::engine::contents::needs::Survey;
use crate::verdict::{Cause, Finding};

/// Counts compared and changed blobs.
#[derive(Debug, Default)]
pub(crate) struct Overwrites(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Blobs of complete copies that were compared, and those that changed in the source.
    compared: u64,
    changed: u64,
    limit: Option<Share>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Assets are compared; those with changes wait.
    #[default]
    Compare,
    /// Changed blobs are copied.
    Overwrite,
    /// Too much has changed: nothing is copied.
    Hold,
}

/// The decision about an asset whose copy is complete.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judged {
    /// Write.
    Go,
    /// Wait until all assets are compared.
    Wait,
    /// Leave it as it is.
    Hold(Finding),
}

impl Overwrites {
    /// A guard with the operator's limit, if there is one.
    pub(crate) fn new(limit: Option<Share>) -> Self {
        Self(Mutex::new(State { limit, ..State::default() }))
    }

    /// Counts blobs of a complete copy that were compared and have not changed.
    pub(crate) fn compared(&self, blobs: u64) {
        self.lock().compared += blobs;
    }

    /// Decides about an asset with `blobs` blobs; `allowed`: the operator lets it pass.
    pub(crate) fn judge(&self, blobs: u64, survey: &Survey, allowed: bool) -> Judged {
        let mut state = self.lock();
        if state.phase == Phase::Compare {
            state.compared += blobs;
            state.changed += if allowed { 0 } else { survey.changed };
        }
        match (survey.changed, state.phase) {
            (0, _) => Judged::Go,
            _ if allowed => Judged::Go,
            _ if survey.older.is_some() => {
                Judged::Hold(Finding::new(Cause::SourceOlder, survey.older.clone().unwrap_or_default()))
            }
            (_, Phase::Compare) => Judged::Wait,
            (_, Phase::Overwrite) => Judged::Go,
            (changed, Phase::Hold) => {
                let detail =
                    format!("{changed} of its blobs changed; in total {} of {}", state.changed, state.compared);
                Judged::Hold(Finding::new(Cause::HeldByGuard, detail))
            }
        }
    }

    /// All assets are compared: from now on the waiting assets are written, or held.
    pub(crate) fn decide(&self) {
        let mut state = self.lock();
        let may = may_overwrite(state.compared, state.changed, state.limit);
        state.phase = if may { Phase::Overwrite } else { Phase::Hold };
    }

    /// Is everything compared?
    pub(crate) fn is_decided(&self) -> bool {
        self.lock().phase != Phase::Compare
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().expect("no panic while held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(changed: u64) -> Survey {
        Survey { changed, ..Survey::default() }
    }

    #[test]
    fn an_asset_with_changes_waits_until_everything_is_compared() {
        let guard = Overwrites::default();
        guard.compared(1_000);
        assert_eq!(guard.judge(50, &survey(0), false), Judged::Go);
        assert_eq!(guard.judge(50, &survey(50), false), Judged::Wait);
        guard.decide();
        assert_eq!(guard.judge(50, &survey(50), false), Judged::Go);
    }

    #[test]
    fn too_many_changes_are_held_unless_they_are_allowed() {
        for allowed in [false, true] {
            let guard = Overwrites::default();
            assert_eq!(guard.judge(300, &survey(101), allowed) == Judged::Go, allowed);
            guard.decide();
            let judged = guard.judge(300, &survey(101), allowed);
            match judged {
                Judged::Go => assert!(allowed),
                Judged::Hold(finding) => assert!(!allowed && finding.detail.contains("101 of 300"), "{finding}"),
                Judged::Wait => panic!("everything is compared"),
            }
        }
    }

    #[test]
    fn a_source_that_is_older_holds_only_its_asset() {
        let guard = Overwrites::default();
        let older = Survey { changed: 1, older: Some("a.mp4".to_owned()), ..Survey::default() };
        assert!(
            matches!(guard.judge(300, &older, false), Judged::Hold(finding) if finding.cause == Cause::SourceOlder)
        );
        assert_eq!(guard.judge(300, &survey(1), false), Judged::Wait);
    }
}
