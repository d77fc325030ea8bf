//! The command line: what may be typed, and what it means. No behaviour.

pub(crate) mod global;
mod guards;
pub(crate) mod limits;
pub(crate) mod runs;
pub(crate) mod urls;
mod verify;

use std::num::NonZeroU64;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, ValueEnum};
use globset::{Glob, GlobSet, GlobSetBuilder};
use mediamirror::config::{LimitOverrides, Policy};
use mediamirror::engine::{Options, Order};
use mediamirror::model::CopyMethod;

use super::asset::AssetArgs;
use global::Global;
use guards::GuardArgs;
use limits::LimitArgs;
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
    /// Compare both libraries; changes nothing
    ///
    /// Ends with 9 if `sync` would end with 9, because a person has to decide; else with 4 if something differs or is missing;
    /// else with 3 if something is not mirrored or could not be checked; else with 0.
    Verify(VerifyArgs),
    /// Print the pairs of streaming URLs, of which only the host name differs
    ///
    /// Ends with 9 if `sync` would end with 9, because a person has to decide; else with 4 if something that plays in the source
    /// is not on the target and the next run makes it; else with 3 if a cause keeps it from being mirrored; else with 0. Only
    /// locators are compared: `verify` compares everything. `mediamirror manual switching` explains --format.
    Urls(UrlsArgs),
    /// Work on single assets: upload, encode, publish, list, remove
    Asset(AssetArgs),
    /// Check both accounts, the state of the target and the ledger, and name what would make a run fail
    ///
    /// Prints one line per check. Writes nothing without --write-test. Ends with 0 if no check failed, even with warnings, else
    /// with the code of the first check that failed.
    Doctor(DoctorArgs),
    /// Show what earlier runs did: from the ledger, without a request
    ///
    /// The ledger keeps the last 1,000 runs, and what the last 30 of them changed and found.
    Runs(RunsArgs),
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
    /// Write a commented configuration
    Init(InitArgs),
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags")]
pub(crate) struct SyncArgs {
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Show what would be done, and end with the code of that run; write nothing anywhere
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How blobs are copied; `auto` = the best for each
    #[arg(long, value_enum, value_name = "METHOD", default_value_t = Method::Auto)]
    pub(crate) copy_method: Method,
    /// Assets worked on at once; 64 to 256 when not given, the more the fewer blobs they have
    #[arg(long, value_name = "N")]
    pub(crate) assets_in_flight: Option<NonZeroU64>,
    /// Also mirror stored access policies of containers, CORS rules and the static website; of storage accounts only
    #[arg(long)]
    pub(crate) settings: bool,
    /// Processing order; as they are listed when not given
    #[arg(long, value_enum, value_name = "ORDER")]
    pub(crate) order: Option<First>,
    /// Move the ledger aside and start a new one from the marks of the target's assets; also start a missing state
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) rebuild_ledger: bool,
    /// Print all lines, not only the first 50 (of JSON the first 10,000)
    #[arg(long)]
    pub(crate) all: bool,
    /// When it stops.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// What the guards let through.
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
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
    /// Requests a second to each storage account, for reads and for writes
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_second: Option<NonZeroU64>,
    /// Requests in flight to each storage account, for reads and for writes
    #[arg(long, value_name = "N")]
    pub(crate) max_in_flight: Option<NonZeroU64>,
    /// Bytes a second that copies move and `verify --bytes` reads on each side, such as 200MB or 1GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    pub(crate) bytes_per_second: Option<NonZeroU64>,
    /// Asynchronous copies pending at once in each storage account
    #[arg(long, value_name = "N")]
    pub(crate) pending_copies: Option<NonZeroU64>,
}

/// How blobs are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// The best for each blob.
    Auto,
    /// Copy Blob, polled.
    Async,
    /// Put Blob From URL.
    Put,
    /// Put Block From URL, then Put Block List.
    Blocks,
}

/// Processing order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum First {
    /// The last made.
    Newest,
    /// The most bytes, so that a huge asset is not the tail of the run.
    Largest,
    /// The fewest bytes, so that many assets are complete early.
    Smallest,
    /// By name.
    Name,
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
        LimitOverrides {
            requests_per_second: self.requests_per_second,
            in_flight: self.max_in_flight.map(count),
            bytes_per_second: self.bytes_per_second,
            pending_copies: self.pending_copies.map(count),
        }
    }

    /// The scope as the engine wants it.
    pub(crate) fn options(&self) -> Options {
        Options { include: globs(&self.include), exclude: globs(&self.exclude), ..Options::default() }
    }
}

impl SyncArgs {
    /// Everything as the engine wants it.
    pub(crate) fn options(&self, policy: &Policy) -> Options {
        let mut options = self.scope.options();
        options.policy = policy.clone();
        options.allow = self.guards.allow();
        options.rebuild = self.rebuild_ledger;
        options.dry_run = self.dry_run;
        options.settings = self.settings;
        options.copy_method = self.copy_method.into();
        options.order = self.order.map_or(Order::Listed, Order::from);
        if let Some(assets) = self.assets_in_flight {
            options.assets_in_flight = Some(count(assets));
        }
        options
    }
}

impl From<Method> for Option<CopyMethod> {
    fn from(method: Method) -> Self {
        match method {
            Method::Auto => None,
            Method::Async => Some(CopyMethod::Async),
            Method::Put => Some(CopyMethod::Put),
            Method::Blocks => Some(CopyMethod::Blocks),
        }
    }
}

impl From<First> for Order {
    fn from(first: First) -> Self {
        match first {
            First::Newest => Self::Newest,
            First::Largest => Self::Largest,
            First::Smallest => Self::Smallest,
            First::Name => Self::Name,
        }
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
fn globs(globs: &[Glob]) -> Option<GlobSet> {
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
