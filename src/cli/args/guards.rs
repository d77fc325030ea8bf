//! The flags of the guards: how much a run may withdraw or overwrite, and which held run is allowed.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use mediamirror::config::policy::{Allow, GuardLimits, Share};

/// What the guards allow.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Guards")]
pub(crate) struct GuardArgs {
    /// Allow once the withdrawals that were held in the run with this id; the run printed its id
    #[arg(long, hide_short_help = true, value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) allow_withdraw: Option<String>,
    /// Allow once what was held in the run with this id because the source shrank
    #[arg(long, hide_short_help = true, value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) allow_shrink: Option<String>,
    /// Allow once the overwrites that were held in the run with this id
    #[arg(long, hide_short_help = true, value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) allow_overwrite: Option<String>,
    /// Allow once the deletions that were held in the run with this id
    #[arg(long, hide_short_help = true, value_name = "RUN", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) allow_delete: Option<String>,
    /// Assets that may stop playing within seven days [default: 10%, at least 20; half of a small library]
    #[arg(long, hide_short_help = true, value_name = "N|N%")]
    pub(crate) max_withdraw: Option<Share>,
    /// Copies whose source asset may be gone [default: 20%, at least 3]
    #[arg(long, hide_short_help = true, value_name = "N|N%")]
    pub(crate) max_shrink: Option<Share>,
    /// Blobs of complete copies that may be overwritten [default: 20%, at least 100]
    #[arg(long, hide_short_help = true, value_name = "N|N%")]
    pub(crate) max_overwrite: Option<Share>,
    /// Blobs of the target that may be deleted, see `delete_after` [default: 20%, at least 100]
    #[arg(long, hide_short_help = true, value_name = "N|N%")]
    pub(crate) max_delete: Option<Share>,
}

impl GuardArgs {
    /// The limits that override the configured ones.
    pub(crate) fn limits(&self) -> GuardLimits {
        GuardLimits {
            max_withdraw: self.max_withdraw,
            max_shrink: self.max_shrink,
            max_overwrite: self.max_overwrite,
            max_delete: self.max_delete,
        }
    }

    /// The options that let held runs through, as they were given.
    pub(crate) fn allow_flags(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let given = [
            ("--allow-withdraw", &self.allow_withdraw),
            ("--allow-shrink", &self.allow_shrink),
            ("--allow-overwrite", &self.allow_overwrite),
            ("--allow-delete", &self.allow_delete),
        ];
        given.into_iter().filter_map(|(flag, run)| Some((flag, run.as_deref()?)))
    }

    /// The held runs that are let through.
    pub(crate) fn allow(&self) -> Allow {
        Allow {
            withdraw: self.allow_withdraw.clone(),
            shrink: self.allow_shrink.clone(),
            overwrite: self.allow_overwrite.clone(),
            delete: self.allow_delete.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        guards: GuardArgs,
    }

    fn sync(arguments: &[&str]) -> Result<GuardArgs, clap::Error> {
        Typed::try_parse_from(["sync"].iter().chain(arguments)).map(|typed| typed.guards)
    }

    #[test]
    fn a_held_run_is_allowed_by_its_id_one_kind_at_a_time() {
        let args = sync(&["--allow-withdraw", "run-7", "--allow-overwrite", "run-9"]).unwrap();
        let (withdraw, overwrite) = (Some("run-7".to_owned()), Some("run-9".to_owned()));
        assert_eq!(args.allow(), Allow { withdraw, overwrite, ..Allow::default() });
        let flags: Vec<_> = args.allow_flags().collect();
        assert_eq!(flags, [("--allow-withdraw", "run-7"), ("--allow-overwrite", "run-9")]);
        assert_eq!(sync(&["--allow-shrink", "x"]).unwrap().allow().shrink.as_deref(), Some("x"));
        assert_eq!(sync(&[]).unwrap().allow(), Allow::default());
        for flag in ["--allow-withdraw", "--allow-shrink", "--allow-overwrite", "--allow-delete"] {
            assert!(sync(&[flag, ""]).is_err() && sync(&[flag]).is_err(), "{flag} needs a run");
        }
    }

    #[test]
    fn limits_of_the_guards_are_numbers_or_percentages() {
        let args = sync(&["--max-withdraw", "3", "--max-shrink", "25%", "--max-overwrite", "0", "--max-delete", "5%"])
            .unwrap();
        let expected = GuardLimits {
            max_withdraw: Some(Share::Count(3)),
            max_shrink: Some(Share::Percent(25)),
            max_overwrite: Some(Share::Count(0)),
            max_delete: Some(Share::Percent(5)),
        };
        assert_eq!(args.limits(), expected);
        let refused = sync(&["--max-withdraw", "101%"]).unwrap_err().to_string();
        assert!(refused.contains("--max-withdraw") && refused.contains("from 0% to 100%"), "{refused}");
    }
}
