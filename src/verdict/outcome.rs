//! The outcome of a run.

/// The outcome of a run, or its expected outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, schemars::JsonSchema, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything in scope is mirrored and verified.
    #[default]
    Complete,
    /// It completed, but some assets could not be mirrored.
    Partial,
    /// A guard holds changes: a person must decide.
    Held,
    /// It was asked to stop; the next run resumes it.
    Interrupted,
    /// It was a dry run and changed nothing.
    DryRun,
    /// It ended with an error, and has no summary.
    Failed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] =
        [Self::Complete, Self::Partial, Self::Held, Self::Interrupted, Self::DryRun, Self::Failed];

    /// Its code, as in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Held => "held",
            Self::Interrupted => "interrupted",
            Self::DryRun => "dry-run",
            Self::Failed => "failed",
        }
    }

    /// The outcome with that code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_code_is_the_same_as_in_json() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.code());
            assert_eq!(Outcome::of_code(outcome.code()), Some(outcome));
        }
        assert_eq!(Outcome::of_code("lost"), None);
    }
}
