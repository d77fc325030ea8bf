//! Why a plan cannot be written, read or applied.

use jiff::Timestamp;

/// Why a plan cannot be written, read or applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A file cannot be read or written.
    #[error("failed to {attempted} plan {path}: {reason}")]
    File {
        /// What was tried.
        attempted: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        reason: String,
    },
    /// The file is something else.
    #[error("{path} is not a plan of mediamirror")]
    NotAPlan {
        /// The file.
        path: String,
    },
    /// The file was truncated or changed after it was written.
    #[error("plan {path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// Another release wrote it.
    #[error("plan {path} has format {found}; this version knows format {known}")]
    UnknownFormat {
        /// The file.
        path: String,
        /// Its format.
        found: u64,
        /// The format that this program knows.
        known: u32,
    },
    /// It was made for something else.
    #[error("the plan is for {what} {planned}, and this run has {now}")]
    Other {
        /// What is different.
        what: &'static str,
        /// What the plan has.
        planned: String,
        /// What the run has.
        now: String,
    },
    /// The configuration has changed since the plan was made.
    #[error("the configuration was changed after the plan was made")]
    OtherConfiguration,
    /// It was made with another ledger.
    #[error("the plan was made with another ledger")]
    OtherLedger,
    /// An earlier state of the ledger was restored.
    #[error("the plan was made after run number {planned} of the ledger, whose last run now has number {now}")]
    OlderLedger {
        /// The last run when the plan was made.
        planned: u64,
        /// The last run now.
        now: u64,
    },
    /// It is too old.
    #[error("the plan was made at {made:.0}, more than 30 days ago")]
    TooOld {
        /// When it was made.
        made: Timestamp,
    },
    /// It was applied before.
    #[error("plan {id} was applied before, at {at:.0}")]
    Used {
        /// Its id.
        id: String,
        /// When.
        at: Timestamp,
    },
}

impl PlanError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::File { .. } => "check the path and its permissions",
            Self::NotAPlan { .. } => "name a file that `mediamirror plan --out` wrote, or another file for a new plan",
            Self::UnknownFormat { .. } | Self::Other { .. } => {
                "apply the plan with the program and the configuration that it was made with, or make a new plan"
            }
            Self::OtherLedger | Self::OlderLedger { .. } => {
                "apply the plan with the ledger that it was made with, or make a new plan"
            }
            Self::Damaged { .. } | Self::OtherConfiguration | Self::TooOld { .. } | Self::Used { .. } => {
                "make a new plan with `mediamirror plan --out`, or `mediamirror reprotect --out` for the way back"
            }
        }
    }
}
