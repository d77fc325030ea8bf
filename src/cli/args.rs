//! The command line: what may be typed, and what it means. No behaviour.

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

/// Mirrors a whole media library to a second region with server-side copies, at the same URL paths.
#[derive(Debug, Parser)]
#[command(name = "mediamirror", version, about, max_term_width = 100)]
#[command(after_help = "`mediamirror manual quick-start` shows the first steps, `mediamirror manual` lists all pages.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What every command understands.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mirror a library between two emulated regions on this machine, and check the result
    #[cfg(feature = "emulator")]
    Demo(DemoArgs),
    /// Go through the failover-streaming tutorial: upload, encode, publish, mirror, play from both, clean up
    #[cfg(feature = "emulator")]
    Tutorial(TutorialArgs),
    /// Run emulated regions on loopback until interrupted
    #[cfg(feature = "emulator")]
    Emulator(EmulatorArgs),
    /// Mirror the source's library to the target; a second run does only what is missing
    ///
    /// What the source has changed is changed on the target, and what it has withdrawn is withdrawn there. Ends with 0 if
    /// everything in scope is mirrored and verified, with 3 if something is not, and with 9 if a person has to decide: a guard
    /// holds changes back, the direction is wrong, or the state is damaged. `mediamirror manual exit-codes` lists all codes.
    Sync(SyncArgs),
    /// Write what `sync` would do to a file, to look at and to apply
    ///
    /// Compares both libraries as `sync` does, writes each thing to do to the file, and shows what deserves a look. Ends with the
    /// code of the run that would follow, work to be done not counted.
    Plan(PlanArgs),
    /// Do what a plan says, and nothing else
    ///
    /// Compares both libraries again. What has changed after the plan was made is refused by name, and the rest is done. A plan is
    /// applied once, within 30 days, with the configuration and the ledger that it was made with.
    Apply(ApplyArgs),
    /// Run `sync`, and delete what the source deleted some time ago
    ///
    /// Like `delete_after` of the configuration, with another time: only what the source has lacked in every night of it, in a
    /// run that sees everything. --dry-run lists what would be deleted, with counts and bytes.
    Prune(PruneArgs),
    /// Run `sync`, and delete second copies of an asset (cause `two-copies`)
    ///
    /// Keeps the copy that is published, or the one with the smallest id. Deletes another one only if it is mediamirror's, has no
    /// locator, and each of its blobs is in the copy that stays. --dry-run lists what would be deleted.
    Dedupe(DedupeArgs),
    /// Compare both libraries; changes nothing
    ///
    /// Ends with 9 if `sync` would end with 9, because a person has to decide; else with 4 if something differs or is missing;
    /// else with 3 if something is not mirrored or could not be checked; else with 0.
    Verify(VerifyArgs),
    /// Show which assets would play from the target now, also while the source is down; changes nothing
    ///
    /// Ends with 0 if as many of the assets that should play are ready as --require asks for, else with 4. What is not known
    /// never counts as ready. If the source does not answer, the ledger and the target have to do: `mediamirror manual ready`.
    Ready(ReadyArgs),
    /// Print the pairs of streaming URLs, of which only the host name differs
    ///
    /// Ends with 9 if `sync` would end with 9, because a person has to decide; else with 4 if something that plays in the source
    /// is not on the target and the next run makes it; else with 3 if a cause keeps it from being mirrored; else with 0. Only
    /// locators are compared: `verify` compares everything. `mediamirror manual switching` explains --format.
    Urls(UrlsArgs),
    /// Work on single assets: upload, encode, publish, list, remove
    Asset(AssetArgs),
    /// Make the target the active side, because viewers play it now; asks the target alone
    ///
    /// `sync` then ends with 9 and writes nothing. When the source is back, `mediamirror reprotect` brings what changed on the
    /// target back to it, and `mediamirror failover --commit` makes the source active again. Nothing is switched by itself, and
    /// viewers are sent by your CDN or traffic manager: `mediamirror manual failover` has the whole way. --test is a drill: it
    /// switches nothing, also asks the source, prints what `ready` prints, and ends with 4 if the drill did not pass.
    Failover(FailoverArgs),
    /// Plan what is to be brought back from the active target to the source
    ///
    /// Compares both libraries in the other direction, and writes what changed on the target to a plan, which
    /// `mediamirror apply` carries out: it is the only way in which originals are written to. What only the source has changed
    /// stays, and what both have changed is a conflict (3). Ends with the code of the run that would follow, work to be done not
    /// counted.
    Reprotect(ReprotectArgs),
    /// Check both accounts, the state of the target and the ledger, and name what would make a run fail
    ///
    /// Prints one line per check. Writes nothing without --write-test. Ends with 0 if no check failed, even with warnings, else
    /// with the code of the first check that failed.
    Doctor(DoctorArgs),
    /// Show what earlier runs did, retry what they did not mirror, or remove old ones from the ledger
    ///
    /// The ledger keeps the last 1,000 runs, and what the last 30 of them changed and found. Only `retry` sends requests.
    Runs(RunsArgs),
    /// Report a run: the verdict, what is not mirrored and what to do, what changed, speed and cost, beside the last runs
    ///
    /// Prints a summary, or with --html writes one page that opens offline and needs no script. The page is rendered from the
    /// JSON document alone: `report --json` keeps it, `report --from` renders it again. No service is asked.
    Report(ReportArgs),
    /// Show which run holds the lock of the target, or break the lock of a run that is dead
    ///
    /// The lock of a run that was killed ends by itself within two minutes. Break it only if the process that holds it is
    /// surely dead: a run that is alive continues to write for up to 20 seconds, beside the next one. Ends with 6 if a run holds
    /// the lock and the lock was not broken.
    Unlock(UnlockArgs),
    /// Explain a cause by its code, or list all codes
    Explain(ExplainArgs),
    /// Show a page of the manual, or list its topics
    Manual(ManualArgs),
    /// Print the JSON Schema of what a command prints with --output json, or list all
    Schema(SchemaArgs),
    /// Write a commented configuration, or the files that run it every night
    Init(InitArgs),
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// How it mirrors.
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
    /// Move the ledger aside and start a new one from the marks of the target's assets; also start a missing state
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) rebuild_ledger: bool,
    /// What it reports to other programs.
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
}

/// Which assets, and how fast.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Only assets whose name matches this glob (may be repeated)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    pub(crate) include: Vec<Glob>,
    /// No assets whose name matches this glob (may be repeated; wins over --include)
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
    /// The words of a command, such as sync or runs-list; the list of all names when not given
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
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
    /// Take accounts and keys from the appSettings of this App.config
    #[arg(long, value_name = "FILE", conflicts_with = "service")]
    pub(crate) from_app_config: Option<PathBuf>,
    /// The service that keeps both libraries; `ams-v2` when not given
    #[arg(long, value_enum, value_name = "SERVICE")]
    pub(crate) service: Option<Service>,
    /// Write the files that run `sync` every night with the configuration that exists, beside it
    #[arg(long, value_enum, value_name = "SYSTEM", conflicts_with_all = ["from_app_config", "service"])]
    pub(crate) units: Option<Units>,
}

/// What starts a run every night.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Units {
    /// A service and a timer of systemd
    Systemd,
    /// A job of Kubernetes that repeats
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
    /// Assets in the library
    #[arg(long, value_name = "N", default_value = "60")]
    pub(crate) assets: NonZeroU64,
    /// Blobs of an asset, on average
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) blobs: NonZeroU64,
}

/// Arguments of `tutorial`.
#[cfg(feature = "emulator")]
#[derive(Debug, Args)]
pub(crate) struct TutorialArgs {
    /// A film; the built-in one when not given
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// What to encode it with
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
    /// Regions, accounts, ports and limits, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Fill the first region with the files in this directory, one folder an asset
    #[arg(long, value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,
    /// Fill the first region with a made library, such as assets=60,blobs=20,seed=1
    #[arg(long, value_name = "SPEC")]
    pub(crate) generate: Option<String>,
    /// Spoil answers by the rules in this file, in TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) faults: Option<PathBuf>,
    /// Write a configuration that mirrors the first region to the second
    #[arg(long, value_name = "FILE")]
    pub(crate) write_config: Option<PathBuf>,
    /// Port of the admin listener; 0 = any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) admin_port: Option<u16>,
    /// Ports of the regions' listeners from this one up: token, front door, cluster, blob, streaming of the first region,
    /// then of the next
    #[arg(long, value_name = "PORT")]
    pub(crate) base_port: Option<u16>,
}

impl ScopeArgs {
    /// The limits to put over the configured ones.
    pub(crate) fn overrides(&self) -> LimitOverrides {
        self.pace.overrides()
    }

    /// The scope as the engine wants it.
    pub(crate) fn options(&self) -> Options {
        Options { include: globs(&self.include), exclude: globs(&self.exclude), ..Options::default() }
    }
}

/// A count from the command line; what does not fit is no limit at all.
fn count(value: NonZeroU64) -> usize {
    usize::try_from(value.get()).unwrap_or(usize::MAX)
}

/// A glob, checked as it is typed.
fn glob(text: &str) -> Result<Glob, String> {
    Glob::new(text).map_err(|error| error.kind().to_string())
}

/// A size with or without unit, not zero.
fn bytes(text: &str) -> Result<NonZeroU64, String> {
    let size: ByteSize = text.parse()?;
    NonZeroU64::new(size.as_u64()).ok_or_else(|| "must be more than zero".to_owned())
}

/// One set of several globs; `None` of none.
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
