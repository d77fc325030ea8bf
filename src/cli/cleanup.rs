//! `prune` and `dedupe`: runs of `sync` that also delete what the source deleted some time ago, or second copies.

use mediamirror::config::ServiceConfig;

use super::args::cleanup::{Cleanup, DedupeArgs, PruneArgs};
use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::session::Session;
use super::sync::{Task, TaskPlan, run_task};

/// Runs `prune`.
pub(crate) async fn prune(context: &Context, args: PruneArgs) -> Result<ExitCode, CommandFailure> {
    let PruneArgs { older_than, mut mirror } = args;
    mirror.cleanup = Cleanup::Prune(older_than);
    let task =
        Task { args: &mirror, rebuild_ledger: false, only: None, plan: TaskPlan::No, command: "prune".to_owned() };
    run_task(context, task).await
}

/// Runs `dedupe`.
pub(crate) async fn dedupe(context: &Context, args: DedupeArgs) -> Result<ExitCode, CommandFailure> {
    let DedupeArgs { mut mirror } = args;
    mirror.cleanup = Cleanup::Dedupe;
    let task =
        Task { args: &mirror, rebuild_ledger: false, only: None, plan: TaskPlan::No, command: "dedupe".to_owned() };
    run_task(context, task).await
}

impl Cleanup {
    /// Applies the command's options to the policy of the configuration.
    pub(crate) fn apply(self, session: &mut Session) -> Result<(), CommandFailure> {
        let (problem, remedy) = match self {
            Self::Prune(_) if session.config.policy.delete_after.is_none() => (
                "prune: the configuration has no `delete_after`, so no run has asked the source what it has deleted",
                "set `delete_after`, such as \"30d\": each run then asks, and `prune --older-than 7d` can delete earlier",
            ),
            Self::Dedupe if matches!(session.config.source.service, ServiceConfig::Blobs) => {
                ("dedupe: a storage account cannot have two containers of one name", "use it only for media accounts")
            }
            Self::Prune(older_than) => {
                let policy = &mut session.config.policy;
                policy.delete_after = older_than.or(policy.delete_after);
                return Ok(());
            }
            Self::None | Self::Dedupe => return Ok(()),
        };
        Err(CommandFailure::new(ExitCode::Refused, problem, remedy))
    }
}
