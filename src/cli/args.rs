//! The command line: the arguments and their meaning. No behaviour.

pub(crate) mod cleanup;
pub(crate) mod failover;
pub(crate) mod global;
mod guards;
pub(crate) mod limits;
mod mirror;
pub(crate) mod notify;
mod pace;
pub(crate) mod plan;
mod ready;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod urls;
mod verify;

use std::num::NonZeroU64;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use globset::{Glob, GlobSet, GlobSetBuilder};
use mediamirror::config::LimitOverrides;
use mediamirror::engine::Options;

use super::asset::AssetArgs;
use cleanup::{DedupeArgs, PruneArgs};
use failover::{FailoverArgs, ReprotectArgs};
use global::Global;
pub(crate) use mirror::{First, Method, MirrorArgs};
use notify::NotifyArgs;
use pace::PaceArgs;
use plan::{ApplyArgs, PlanArgs};
pub(crate) use ready::ReadyArgs;
use report::ReportArgs;
use runs::RunsArgs;
use urls::UrlsArgs;
pub(crate) use verify::VerifyArgs;

/// Mirror a media library to a second region, at the same URL paths
#[derive(Debug, Parser)]
#[command(name = "mediamirror", version, about, max_term_width = 100)]
#[command(after_help = "`mediamirror manual quick-start` shows the first steps.")]
pub(crate) struct Cli {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The options of every command.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mirror a library between two emulated regions, and check it
    #[cfg(feature = "emulator")]
    Demo(DemoArgs),
    /// Run the tutorial: upload, encode, publish, mirror, play, clean up
    #[cfg(feature = "emulator")]
    Tutorial(TutorialArgs),
    /// Run emulated regions on loopback until interrupted
    #[cfg(feature = "emulator")]
    Emulator(EmulatorArgs),
    /// Mirror the source to the target; later runs copy only changes
    ///
    /// Repeats the changes and the withdrawals of the source on the target. The exit code is 0 if everything in scope is mirrored
    /// and verified, 3 if something is not, and 9 if a person has to decide: a guard holds changes back, the direction is wrong,
    /// or the state is damaged. `mediamirror manual exit-codes` lists all codes.
    Sync(SyncArgs),
    /// Write a plan of what `sync` would do, to review and to apply
    ///
    /// Compares both libraries as `sync` does, writes each action to the file, and shows the actions to review. The exit code is
    /// that of the run that would follow. Work that is still to be done does not change it.
    Plan(PlanArgs),
    /// Apply a plan, and do nothing else
    ///
    /// Compares both libraries again. Refuses and names what has changed since the plan was made, and does the rest. A plan can be
    /// applied once, within 30 days, with the configuration and the ledger that it was made with.
    Apply(ApplyArgs),
    /// Run `sync`, and delete what the source deleted some time ago
    ///
    /// Works like `delete_after` of the configuration, with another time. Deletes only what was missing in the source in every run
    /// during that time, and only in a complete run of the whole library. --dry-run lists what would be deleted, with counts and
    /// bytes.
    Prune(PruneArgs),
    /// Run `sync`, and delete second copies of an asset
    ///
    /// Keeps the copy that is published, or the one with the smallest id. Deletes another copy only if mediamirror made it, it has
    /// no locator, and the kept copy has all of its blobs. --dry-run lists what would be deleted.
    Dedupe(DedupeArgs),
    /// Compare both libraries; change nothing
    ///
    /// The exit code is 9 if `sync` would end with 9, because a person has to decide; else 4 if something differs or is missing;
    /// else 3 if something is not mirrored or could not be checked; else 0.
    Verify(VerifyArgs),
    /// Show which assets would play from the target now
    ///
    /// Changes nothing. The exit code is 0 if at least the share that --require names of the assets that should play is ready,
    /// else 4. An asset whose state is unknown does not count as ready. If the source does not answer, only the ledger and the
    /// target are used: see `mediamirror manual ready`.
    Ready(ReadyArgs),
    /// Print pairs of streaming URLs of source and target
    ///
    /// The exit code is 9 if `sync` would end with 9, because a person has to decide; else 4 if something plays in the source, is
    /// missing on the target, and the next run mirrors it; else 3 if something cannot be mirrored because of a cause; else 0.
    /// Compares only locators: `verify` compares everything. `mediamirror manual switching` explains --format.
    Urls(UrlsArgs),
    /// Manage single assets: upload, encode, publish, list, delete
    Asset(AssetArgs),
    /// Make the target the active side, because viewers now play from it
    ///
    /// Sends requests only to the target. `sync` then ends with 9 and writes nothing. When the source is back,
    /// `mediamirror reprotect` brings the changes of the target back to it, and `mediamirror failover --commit` makes the source
    /// active again. mediamirror never switches by itself. Your CDN or traffic manager sends the viewers to the target:
    /// `mediamirror manual failover` describes all steps. --test is a drill: it switches nothing, also asks the source, prints
    /// what `ready` prints, and ends with 4 if the drill fails.
    Failover(FailoverArgs),
    /// Plan to bring changes of the active target back to the source
    ///
    /// Compares both libraries in the other direction, and writes what changed on the target to a plan. `mediamirror apply`
    /// applies it; nothing else writes to originals. What changed only in the source stays as it is. What changed on both sides
    /// is a conflict (3). The exit code is that of the run that would follow. Work that is still to be done does not change it.
    Reprotect(ReprotectArgs),
    /// Check for what would make a run fail
    ///
    /// Prints one line per check. Writes nothing without --write-test. The exit code is 0 if no check failed, even with warnings,
    /// else the code of the first check that failed.
    Doctor(DoctorArgs),
    /// Show or remove earlier runs, or retry what they did not mirror
    ///
    /// The ledger keeps the last 1,000 runs, and what the last 30 of them changed and found. Only `retry` sends requests.
    Runs(RunsArgs),
    /// Report on a run: result, causes, changes, speed, cost
    ///
    /// Prints a summary, or with --html writes one page that opens offline and needs no script. The page is made only from the
    /// JSON document: `report --json` prints the document, and `report --from` makes the page from it. Sends no requests.
    Report(ReportArgs),
    /// Show or break the lock of the target
    ///
    /// The lock of a killed run expires within two minutes. Break it only if you are sure that the process is dead: a run that is
    /// alive continues to write for up to 20 seconds, at the same time as the next run. The exit code is 6 if a run holds the
    /// lock and the lock was not broken.
    Unlock(UnlockArgs),
    /// Explain a cause by its code, or list all codes
    Explain(ExplainArgs),
    /// Show a page of the manual, or list its topics
    Manual(ManualArgs),
    /// Print the JSON Schema of a command's output, or list all
    Schema(SchemaArgs),
    /// Print the script that completes commands and flags in a shell
    #[command(
        after_help = "For bash: mediamirror completions bash > ~/.local/share/bash-completion/completions/mediamirror"
    )]
    Completions(CompletionsArgs),
    /// Write the help of every command as manual pages, for `man`
    Man(ManArgs),
    /// Write a configuration, or files that run `sync` every night
    Init(InitArgs),
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Move the ledger aside and create a new one from the marks on the target; also create a missing state
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) rebuild_ledger: bool,
    /// How it mirrors.
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
    /// The reports to other programs.
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
}

/// Which assets, and the speed.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Only assets whose name matches this glob (may be repeated)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) include: Vec<Glob>,
    /// Leave out assets whose name matches this glob (may be repeated; has priority over --include)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) exclude: Vec<Glob>,
    /// How fast.
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A code such as locator-id-taken; all of them when not given
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

/// Arguments of `manual`.
#[derive(Debug, Args)]
pub(crate) struct ManualArgs {
    /// A topic such as quick-start; the list of all topics when not given
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Option<String>,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// A name such as sync or runs-list; the list of all names when not given
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder to write to; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Check the permissions to write and to copy: create an asset with blobs on the target and remove it, take the lock
    #[arg(long)]
    pub(crate) write_test: bool,
}

/// Arguments of `unlock`.
#[derive(Debug, Args)]
pub(crate) struct UnlockArgs {
    /// Break the lock; without this flag, only show its holder
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Overwrite files that exist
    #[arg(long)]
    pub(crate) force: bool,
    /// Take the accounts and keys from the appSettings of this App.config
    #[arg(long, value_name = "FILE", conflicts_with = "service")]
    pub(crate) from_app_config: Option<PathBuf>,
    /// The service that keeps both libraries; `ams-v2` when not given
    #[arg(long, value_enum, value_name = "SERVICE")]
    pub(crate) service: Option<Service>,
    /// Write the files that run `sync` every night, next to the existing configuration
    #[arg(long, value_enum, value_name = "SYSTEM", conflicts_with_all = ["from_app_config", "service"])]
    pub(crate) units: Option<Units>,
}

/// What starts a nightly run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Units {
    /// A systemd service and timer
    Systemd,
    /// A job of Kubernetes that runs every night
    K8s,
}

/// The services, as `service` of the configuration names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Azure Media Services v2
    AmsV2,
    /// A storage account whose containers are the assets
    Blobs,
}

/// Arguments of `demo`.
#[cfg(feature = "emulator")]
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Number of assets in the library
    #[arg(long, value_name = "N", default_value = "60")]
    pub(crate) assets: NonZeroU64,
    /// Average number of blobs per asset
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) blobs: NonZeroU64,
}

/// Arguments of `tutorial`.
#[cfg(feature = "emulator")]
#[derive(Debug, Args)]
pub(crate) struct TutorialArgs {
    /// The film to upload; the built-in film when not given
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Name of the encoding preset
    #[arg(long, value_name = "NAME", default_value = "H264 Multiple Bitrate 720p")]
    pub(crate) preset: String,
    /// Keep the assets and their URLs
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Arguments of `emulator`.
#[cfg(feature = "emulator")]
#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Read regions, accounts, ports and limits from this TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Fill the first region with the files in this directory, one folder per asset
    #[arg(long, value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,
    /// Fill the first region with a generated library, such as assets=60,blobs=20,seed=1
    #[arg(long, value_name = "SPEC")]
    pub(crate) generate: Option<String>,
    /// Inject faults by the rules in this TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Write a configuration that mirrors the first region to the second
    #[arg(long, value_name = "FILE")]
    pub(crate) write_config: Option<PathBuf>,
    /// Port of the admin listener; 0 = any free port
    #[arg(long, value_name = "PORT")]
    pub(crate) admin_port: Option<u16>,
    /// First port of the regions' listeners
    ///
    /// Each region takes the next five ports: token, front door, cluster, blob, streaming.
    #[arg(long, value_name = "PORT")]
    pub(crate) base_port: Option<u16>,
}

impl ScopeArgs {
    /// The limits that override the configured ones.
    pub(crate) fn overrides(&self) -> LimitOverrides {
        self.pace.overrides()
    }

    /// The scope as options of the engine.
    pub(crate) fn options(&self) -> Options {
        Options { include: globs(&self.include), exclude: globs(&self.exclude), ..Options::default() }
    }
}

/// A count from the command line; one that does not fit means no limit.
fn count(value: NonZeroU64) -> usize {
    usize::try_from(value.get()).unwrap_or(usize::MAX)
}

/// Parses a glob.
fn glob(text: &str) -> Result<Glob, String> {
    Glob::new(text).map_err(|error| error.kind().to_string())
}

/// Parses a size with or without unit that is not zero.
fn bytes(text: &str) -> Result<NonZeroU64, String> {
    let size: ByteSize = text.parse().map_err(|_| "write a size such as 500GB or 200MiB".to_owned())?;
    NonZeroU64::new(size.as_u64()).ok_or_else(|| "must be more than zero".to_owned())
}

/// One set of several globs; `None` if there are none.
pub(crate) fn globs(globs: &[Glob]) -> Option<GlobSet> {
    if globs.is_empty() {
        return None;
    }
    let mut builder = GlobSetBuilder::new();
    for glob in globs {
        builder.add(glob.clone());
    }
    Some(builder.build().expect("each glob was checked when it was parsed"))
}

#[cfg(test)]
mod tests;
