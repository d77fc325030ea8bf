//! `asset …`: commands on single assets of one account. Each subcommand has its own file.

mod browse;
pub(super) mod encode;
mod publish;
mod remove;
pub(super) mod upload;

use clap::{Args, Subcommand, ValueEnum};
use mediamirror::asset::encode::JobReport;
use mediamirror::asset::{Details, Listed, Published, Uploaded};
use mediamirror::error::Error;
use mediamirror::library::authoring::{Job, Processor};
use mediamirror::model::Side;

use super::context::Context;
use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::format::Format;

/// What the subcommands print as JSON.
pub(crate) const FORMATS: [Format; 11] = [
    Format::of::<JobReport>("asset-encode", "an encoding job, with its tasks and outputs"),
    Format::of::<Uploaded>("asset-upload", "the uploaded asset, with its files"),
    Format::of::<Vec<browse::Endpoint>>("asset-endpoints", "the streaming endpoints"),
    Format::either::<JobReport, Vec<Job>>("asset-jobs", "an encoding job, or all of them"),
    Format::of::<Vec<Listed>>("asset-list", "all assets of an account"),
    Format::of::<browse::Pruned>("asset-policies-prune", "unused access policies"),
    Format::of::<Vec<Processor>>("asset-processors", "the encoders of an account"),
    Format::either::<Published, publish::Exposed<'static>>("asset-publish", "a locator with its URLs"),
    Format::of::<Details>("asset-show", "an asset with its files and locators"),
    Format::of::<Vec<publish::Removed>>("asset-unpublish", "the removed locators"),
    Format::of::<Vec<remove::Deletion>>("asset-delete", "the deleted assets"),
];

/// Arguments of `asset`.
#[derive(Debug, Args)]
pub(crate) struct AssetArgs {
    /// Account to use: the source or the target
    #[arg(long, global = true, value_enum, value_name = "SIDE", default_value_t = On::Source)]
    pub(crate) side: On,
    /// The subcommand.
    #[command(subcommand)]
    pub(crate) command: AssetCommand,
}

/// An account of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum On {
    /// The source.
    Source,
    /// The target.
    Target,
}

impl From<On> for Side {
    fn from(on: On) -> Self {
        match on {
            On::Source => Self::Source,
            On::Target => Self::Target,
        }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum AssetCommand {
    /// Upload files into a new asset; the same command resumes an interrupted upload
    Upload(upload::UploadArgs),
    /// Publish an asset and print its streaming URLs, or with --sas its download URLs
    Publish(publish::PublishArgs),
    /// Remove every locator of an asset
    Unpublish(publish::UnpublishArgs),
    /// List all assets
    List,
    /// Show an asset with its files and locators
    Show(browse::ShowArgs),
    /// List the streaming endpoints
    Endpoints,
    /// Delete assets with their blobs, records and locators
    Delete(remove::DeleteArgs),
    /// Remove unused access policies
    #[command(subcommand)]
    Policies(browse::PoliciesCommand),
    /// Encode an asset so that it can be streamed
    Encode(encode::EncodeArgs),
    /// List encoding jobs, or show one
    Jobs(encode::JobsArgs),
    /// List the encoders
    Processors,
}

/// Runs the command.
pub(crate) async fn run(context: &Context, args: &AssetArgs) -> Result<ExitCode, CommandFailure> {
    let side = args.side.into();
    match &args.command {
        AssetCommand::Upload(args) => upload::run(context, side, args).await,
        AssetCommand::Publish(args) => publish::publish_one(context, side, args).await,
        AssetCommand::Unpublish(args) => publish::unpublish_one(context, side, args).await,
        AssetCommand::List => browse::list_all(context, side).await,
        AssetCommand::Show(args) => browse::show_one(context, side, args).await,
        AssetCommand::Endpoints => browse::endpoints(context, side).await,
        AssetCommand::Delete(args) => remove::run(context, side, args).await,
        AssetCommand::Policies(browse::PoliciesCommand::Prune(args)) => {
            browse::prune_policies(context, side, args).await
        }
        AssetCommand::Encode(args) => encode::run(context, side, args).await,
        AssetCommand::Jobs(args) => encode::jobs(context, side, args).await,
        AssetCommand::Processors => encode::processors(context, side).await,
    }
}

/// Why a command on an asset failed. If the request itself cannot be fulfilled, nothing was changed.
pub(crate) fn failed(error: &Error, changed: bool) -> CommandFailure {
    let mut failure = CommandFailure::of(error, changed);
    if failure.code == ExitCode::Partial {
        let refused = matches!(error, Error::Found { .. });
        failure.code = if refused { ExitCode::Refused } else { ExitCode::Unexpected };
    }
    failure
}
