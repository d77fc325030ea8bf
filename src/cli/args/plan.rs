//! The arguments of `plan` and `apply`.

use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::Args;
use globset::Glob;
use mediamirror::plan::{Kind, Scope};

use super::cleanup::Cleanup;
use super::guards::GuardArgs;
use super::limits::LimitArgs;
use super::notify::NotifyArgs;
use super::pace::PaceArgs;
use super::{First, Method, MirrorArgs, ScopeArgs};

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct PlanArgs {
    /// Write the plan to this file; replaces an existing plan
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) out: Option<PathBuf>,
    /// Show the plan in this file; sends no requests
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) show: Option<PathBuf>,
    /// Which assets.
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// Method of copying blobs; `auto` = the best for each blob
    #[arg(long, hide_short_help = true, value_enum, value_name = "METHOD", default_value_t = Method::Auto)]
    pub(crate) copy_method: Method,
    /// Also plan what `sync --settings` mirrors; only for storage accounts
    #[arg(long)]
    pub(crate) settings: bool,
    /// Print every item, not only those to review (in JSON, not only the first 10,000)
    #[arg(long)]
    pub(crate) all: bool,
    /// What the guards allow.
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// A plan that `mediamirror plan --out` wrote
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How fast.
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Number of assets to process at once; depends on their size, the distance and the rates when not given
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub(crate) assets_in_flight: Option<NonZeroU64>,
    /// Processing order of the assets; the order of the listing when not given
    #[arg(long, hide_short_help = true, value_enum, value_name = "ORDER")]
    pub(crate) order: Option<First>,
    /// Print all lines, not only the first 50 (in JSON, the first 10,000)
    #[arg(long)]
    pub(crate) all: bool,
    /// When it stops.
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    /// What the guards allow.
    #[command(flatten)]
    pub(crate) guards: GuardArgs,
    /// The reports to other programs.
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
}

impl PlanArgs {
    /// The dry run that finds what has to be done.
    pub(crate) fn mirror(&self) -> MirrorArgs {
        MirrorArgs {
            scope: self.scope.clone(),
            dry_run: true,
            copy_method: self.copy_method,
            assets_in_flight: None,
            settings: self.settings,
            order: None,
            all: self.all,
            limits: LimitArgs::default(),
            guards: self.guards.clone(),
            cleanup: Cleanup::None,
            back: None,
        }
    }
}

impl ApplyArgs {
    /// The run that applies a plan, with the plan's scope. `None` if the plan has an invalid glob.
    pub(crate) fn mirror(&self, kind: Kind, scope: &Scope) -> Option<MirrorArgs> {
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::new(text).ok()).collect::<Option<Vec<Glob>>>();
        Some(MirrorArgs {
            scope: ScopeArgs {
                include: globs(&scope.include)?,
                exclude: globs(&scope.exclude)?,
                pace: self.pace.clone(),
            },
            dry_run: false,
            copy_method: scope.copy_method.into(),
            assets_in_flight: self.assets_in_flight,
            settings: scope.settings,
            order: self.order,
            all: self.all,
            limits: self.limits.clone(),
            guards: self.guards.clone(),
            cleanup: Cleanup::None,
            back: if kind == Kind::Reprotect { Some(globs(&scope.prefer)?) } else { None },
        })
    }
}

impl MirrorArgs {
    /// The scope of the run, as a plan stores it.
    pub(crate) fn plan_scope(&self) -> Scope {
        let texts = |globs: &[Glob]| globs.iter().map(|glob| glob.glob().to_owned()).collect();
        Scope {
            include: texts(&self.scope.include),
            exclude: texts(&self.scope.exclude),
            settings: self.settings,
            copy_method: self.copy_method.into(),
            prefer: self.back.as_deref().map(texts).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use mediamirror::model::CopyMethod;

    use super::super::{Cli, Command};
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Command, clap::Error> {
        Cli::try_parse_from(["mediamirror"].iter().chain(arguments)).map(|cli| cli.command)
    }

    #[test]
    fn a_plan_is_applied_with_its_own_scope() {
        let flags = ["--include", "film*", "--exclude", "*draft*", "--copy-method", "blocks", "--settings"];
        let Ok(Command::Plan(plan)) = parsed(&[&["plan", "--out", "p"][..], &flags].concat()) else { panic!() };
        let scope = plan.mirror().plan_scope();
        assert_eq!(
            (scope.include.as_slice(), scope.copy_method),
            (&["film*".to_owned()][..], Some(CopyMethod::Blocks))
        );
        let Ok(Command::Apply(apply)) = parsed(&["apply", "p", "--max-requests", "9"]) else { panic!() };
        let mirror = apply.mirror(Kind::Sync, &scope).unwrap();
        assert!(!mirror.dry_run && mirror.settings);
        assert_eq!(mirror.plan_scope(), scope);
        assert!(apply.mirror(Kind::Sync, &Scope { include: vec!["a[b".to_owned()], ..scope }).is_none());
    }

    #[test]
    fn plan_needs_a_file_to_write_or_to_show() {
        assert!(parsed(&["plan"]).is_err() && parsed(&["plan", "--out", "a", "--show", "b"]).is_err());
        assert!(parsed(&["plan", "--show", "b"]).is_ok() && parsed(&["apply"]).is_err());
    }
}
