//! Decides which record may follow which. It is pure: no file, no clock.
//!
//! A *round* is one pass over an asset's steps. The first round starts with [`Step::CreateTarget`]; when the target
//! asset is known, every round starts with [`Step::CopyBlobs`], no matter how the previous round ended.

use std::fmt;

use super::{Status, Step};

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 5] =
        [Self::CreateTarget, Self::CopyBlobs, Self::Verify, Self::RegisterFiles, Self::PublishLocators];

    /// The step's name in the file and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CreateTarget => "create-target",
            Self::CopyBlobs => "copy-blobs",
            Self::Verify => "verify",
            Self::RegisterFiles => "register-files",
            Self::PublishLocators => "publish-locators",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == name)
    }

    fn before(self) -> Option<Self> {
        Self::ALL.into_iter().take_while(|step| *step < self).last()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Started, Self::Succeeded, Self::Failed];

    /// The status's name in the file and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the order of steps depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The last step recorded and its status.
    pub(super) last: Option<(Step, Status)>,
    /// Was the target asset known before this record?
    pub(super) target_known: bool,
}

/// May `step` be recorded as `status`? `target_given`: the record itself names the target asset.
///
/// - `CreateTarget` may be started only while no target is known;
/// - `CopyBlobs` may be started whenever the target is known (a new round, an adopted target, a resumed run);
/// - a later step may be started when the step before it succeeded last, or when it was itself the last one recorded;
/// - a step may end only when it is the last one recorded and was started; `CreateTarget` succeeds only with a target.
pub(super) fn check(now: Position, step: Step, status: Status, target_given: bool) -> Result<(), &'static str> {
    let target_known = now.target_known || target_given;
    match (status, step) {
        (Status::Started, Step::CreateTarget) if now.target_known => Err("the target asset is known already"),
        (Status::Started, Step::CreateTarget) => Ok(()),
        (Status::Started, Step::CopyBlobs) if target_known => Ok(()),
        (Status::Started, Step::CopyBlobs) => Err("the target asset is not known"),
        (Status::Started, _) => match now.last {
            Some((last, _)) if last == step => Ok(()),
            Some((last, Status::Succeeded)) if step.before() == Some(last) => Ok(()),
            _ => Err("the step before it has not succeeded in this round"),
        },
        (Status::Succeeded | Status::Failed, _) if now.last != Some((step, Status::Started)) => {
            Err("the step was not started")
        }
        (Status::Succeeded, Step::CreateTarget) if !target_known => Err("it names no target asset"),
        (Status::Succeeded | Status::Failed, _) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Status::{Failed, Started, Succeeded};
    use Step::{CopyBlobs, CreateTarget, PublishLocators, RegisterFiles, Verify};

    fn allowed(last: Option<(Step, Status)>, target_known: bool, step: Step, status: Status, given: bool) -> bool {
        check(Position { last, target_known }, step, status, given).is_ok()
    }

    #[test]
    fn every_name_is_read_unchanged() {
        for step in Step::ALL {
            assert_eq!(Step::parse(step.as_str()), Some(step));
        }
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!((Step::parse("x"), Status::parse("x")), (None, None));
    }

    #[test]
    fn transitions_follow_the_table() {
        // last record, target known, step, status, target in the record, allowed
        let table = [
            (None, false, CreateTarget, Started, false, true),
            (None, false, CreateTarget, Succeeded, true, false),
            (None, false, CopyBlobs, Started, false, false),
            (None, false, CopyBlobs, Started, true, true),
            (None, false, Verify, Started, false, false),
            (Some((CreateTarget, Started)), false, CreateTarget, Started, false, true),
            (Some((CreateTarget, Started)), false, CreateTarget, Succeeded, true, true),
            (Some((CreateTarget, Started)), false, CreateTarget, Succeeded, false, false),
            (Some((CreateTarget, Started)), false, CreateTarget, Failed, false, true),
            (Some((CreateTarget, Started)), false, CopyBlobs, Started, true, true),
            (Some((CreateTarget, Failed)), false, CreateTarget, Started, false, true),
            (Some((CreateTarget, Failed)), false, CopyBlobs, Started, false, false),
            (Some((CreateTarget, Succeeded)), true, CreateTarget, Started, false, false),
            (Some((CreateTarget, Succeeded)), true, CopyBlobs, Started, false, true),
            (Some((CreateTarget, Succeeded)), true, CopyBlobs, Succeeded, false, false),
            (Some((CreateTarget, Succeeded)), true, Verify, Started, false, false),
            (Some((CopyBlobs, Started)), true, CopyBlobs, Started, false, true),
            (Some((CopyBlobs, Started)), true, Verify, Started, false, false),
            (Some((CopyBlobs, Succeeded)), true, CopyBlobs, Succeeded, false, false),
            (Some((CopyBlobs, Succeeded)), true, Verify, Started, false, true),
            (Some((CopyBlobs, Succeeded)), true, RegisterFiles, Started, false, false),
            (Some((CopyBlobs, Failed)), true, Verify, Started, false, false),
            (Some((CopyBlobs, Failed)), true, CopyBlobs, Started, false, true),
            (Some((Verify, Failed)), true, Verify, Started, false, true),
            (Some((Verify, Failed)), true, CopyBlobs, Started, false, true),
            (Some((Verify, Started)), true, PublishLocators, Succeeded, false, false),
            (Some((Verify, Succeeded)), true, PublishLocators, Started, false, false),
            (Some((RegisterFiles, Succeeded)), true, PublishLocators, Started, false, true),
            (Some((RegisterFiles, Succeeded)), true, Verify, Started, false, false),
            (Some((PublishLocators, Started)), true, PublishLocators, Started, false, true),
            (Some((PublishLocators, Succeeded)), true, PublishLocators, Started, false, true),
            (Some((PublishLocators, Succeeded)), true, CopyBlobs, Started, false, true),
            (Some((PublishLocators, Succeeded)), true, RegisterFiles, Started, false, false),
            (Some((PublishLocators, Failed)), true, CopyBlobs, Started, false, true),
        ];
        for (last, known, step, status, given, expected) in table {
            assert_eq!(allowed(last, known, step, status, given), expected, "{last:?} then {step} {status}");
        }
    }

    fn any_record() -> impl Strategy<Value = (Step, Status, bool)> {
        (prop::sample::select(&Step::ALL[..]), prop::sample::select(&Status::ALL[..]), any::<bool>())
    }

    proptest! {
        #[test]
        fn locators_are_never_published_in_a_round_whose_earlier_steps_did_not_succeed(
            records in prop::collection::vec(any_record(), 0..200)
        ) {
            let mut now = Position { last: None, target_known: false };
            let mut done: Vec<Step> = Vec::new();
            for (step, status, given) in records {
                if check(now, step, status, given).is_err() {
                    continue;
                }
                if status == Started && matches!(step, CreateTarget | CopyBlobs) {
                    done.clear();
                }
                if status == Succeeded {
                    prop_assert_eq!(now.last, Some((step, Started)));
                    done.push(step);
                }
                now = Position { last: Some((step, status)), target_known: now.target_known || given };
                if step > CopyBlobs {
                    prop_assert!(now.target_known);
                    for earlier in Step::ALL.into_iter().filter(|earlier| *earlier > CreateTarget && *earlier < step) {
                        prop_assert!(done.contains(&earlier), "{} without {}", step, earlier);
                    }
                }
            }
        }
    }
}
