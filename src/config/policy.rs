//! The decisions of the operator: which causes are accepted, what is withheld, whether copies of other tools are
//! adopted, and how much one run may withdraw or overwrite.
//!
//! `accept` only changes the exit code. It never changes what is published.

mod written;

use std::str::FromStr;

use globset::GlobSet;
use jiff::{SignedDuration, Span, SpanRelativeTo};

use crate::verdict::Cause;

pub(super) use written::{AcceptFile, GuardsFile, policy};

/// The decisions of the operator. By default, no cause is accepted, nothing is withheld or adopted, and the guards have
/// their own limits.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Causes that do not change the exit code.
    pub accept: Vec<Accept>,
    /// Names, asset ids and locator ids of the source that must not be published.
    pub withhold: Vec<String>,
    /// What happens to copies that other tools made.
    pub adopt: Adopt,
    /// Limits of the guards.
    pub guards: GuardLimits,
    /// How long an asset or a blob must be missing in the source before the target's copy is deleted; `None` = it is
    /// kept.
    pub delete_after: Option<Age>,
}

/// A cause that does not change the exit code, within its scope.
#[derive(Debug, Clone)]
pub struct Accept {
    /// The cause.
    pub cause: Cause,
    /// Only for assets with a name that one of these globs matches; `None` = any name.
    pub names: Option<GlobSet>,
    /// The most assets in a run; `None` = any number.
    pub most: Option<u64>,
}

impl Accept {
    /// Does it cover this cause of an asset with this name?
    fn covers(&self, cause: Cause, name: &str) -> bool {
        self.cause == cause && self.names.as_ref().is_none_or(|names| names.is_match(name))
    }
}

/// What happens to assets of the target that another tool made for the same source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Adopt {
    /// They stay foreign.
    #[default]
    No,
    /// Equal ones become ours; different ones are listed.
    Equal,
    /// Different ones are overwritten and become ours, too.
    Overwrite,
}

/// Limits of the guards; `None` = the guard's own default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GuardLimits {
    /// Assets that stop playing on the target within seven days.
    pub max_withdraw: Option<Share>,
    /// Copies whose source asset does not exist any more.
    pub max_shrink: Option<Share>,
    /// Blobs of complete copies that are overwritten.
    pub max_overwrite: Option<Share>,
    /// Blobs of the target that are deleted.
    pub max_delete: Option<Share>,
}

impl GuardLimits {
    /// These limits (of the command line) if they are set, otherwise the configured ones.
    #[must_use]
    pub fn over(self, configured: Self) -> Self {
        Self {
            max_withdraw: self.max_withdraw.or(configured.max_withdraw),
            max_shrink: self.max_shrink.or(configured.max_shrink),
            max_overwrite: self.max_overwrite.or(configured.max_overwrite),
            max_delete: self.max_delete.or(configured.max_delete),
        }
    }
}

/// A part of a number of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// A number of them.
    Count(u64),
    /// A percentage, at most 100.
    Percent(u8),
}

/// Why a text is not a [`Share`]. It does not contain the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a whole number such as 20, or a percentage from 0% to 100%")]
pub struct ShareError;

impl FromStr for Share {
    type Err = ShareError;

    /// Reads `20` or `10%`.
    fn from_str(text: &str) -> Result<Self, ShareError> {
        match text.trim().strip_suffix('%') {
            None => text.trim().parse().map(Self::Count).map_err(|_| ShareError),
            Some(percent) => match percent.trim_end().parse() {
                Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
                _ => Err(ShareError),
            },
        }
    }
}

/// A time of at least one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age(SignedDuration);

impl Age {
    /// As a duration.
    pub fn duration(self) -> SignedDuration {
        self.0
    }
}

/// Why a text is not an [`Age`]. It does not contain the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a time of at least one day, such as 7d, 36h or 2w")]
pub struct AgeError;

impl FromStr for Age {
    type Err = AgeError;

    /// Reads `7d`, `36h` or `2w`.
    fn from_str(text: &str) -> Result<Self, AgeError> {
        let span: Span = text.trim().parse().map_err(|_| AgeError)?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| AgeError)?;
        if duration >= SignedDuration::from_hours(24) { Ok(Self(duration)) } else { Err(AgeError) }
    }
}

/// Held runs that the operator allows once, by the id that the held run printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    /// The run whose withdrawals are allowed.
    pub withdraw: Option<String>,
    /// The run whose source had shrunk.
    pub shrink: Option<String>,
    /// The run whose overwriting is allowed.
    pub overwrite: Option<String>,
    /// The run whose deletions are allowed.
    pub delete: Option<String>,
}

/// Decides for each finding whether the operator has accepted it, and counts for each `most`.
#[derive(Debug, Clone, Default)]
pub struct Accepted {
    unlimited: Vec<Accept>,
    /// Each with the number of assets that it may still cover.
    limited: Vec<(Accept, u64)>,
}

impl Accepted {
    /// Nothing is counted yet.
    pub fn new(accept: &[Accept]) -> Self {
        let mut accepted = Self::default();
        for entry in accept {
            match entry.most {
                None => accepted.unlimited.push(entry.clone()),
                Some(most) => accepted.limited.push((entry.clone(), most)),
            }
        }
        accepted
    }

    /// Would [`Self::accepts`] return true? It does not count.
    pub fn covers(&self, cause: Cause, name: &str) -> bool {
        let limited = self.limited.iter().filter(|(_, left)| *left > 0).map(|(entry, _)| entry);
        self.unlimited.iter().chain(limited).any(|entry| entry.covers(cause, name))
    }

    /// Is this cause of an asset with this name accepted? Must be called once per asset and run.
    pub fn accepts(&mut self, cause: Cause, name: &str) -> bool {
        // Entries without a limit come first, because they need no count.
        if self.unlimited.iter().any(|entry| entry.covers(cause, name)) {
            return true;
        }
        let room = self.limited.iter_mut().find(|(entry, left)| *left > 0 && entry.covers(cause, name));
        room.map(|(_, left)| *left -= 1).is_some()
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobSetBuilder};

    use super::*;

    fn accept(cause: Cause, names: &[&str], most: Option<u64>) -> Accept {
        let globs = names.iter().fold(GlobSetBuilder::new(), |mut globs, name| {
            globs.add(Glob::new(name).unwrap());
            globs
        });
        let names = (!names.is_empty()).then(|| globs.build().unwrap());
        Accept { cause, names, most }
    }

    #[test]
    fn nothing_is_accepted_by_default() {
        assert!(!Accepted::new(&[]).accepts(Cause::SourceEmpty, "film"));
    }

    #[test]
    fn an_entry_without_scope_accepts_only_its_cause_for_every_name() {
        let mut accepted = Accepted::new(&[accept(Cause::SourceEmpty, &[], None)]);
        assert!((0..1_000).all(|n| accepted.accepts(Cause::SourceEmpty, &format!("film {n}"))));
        assert!(!accepted.accepts(Cause::SourceLost, "film 1"));
    }

    #[test]
    fn names_limit_an_entry_to_the_assets_that_a_glob_matches() {
        let mut accepted = Accepted::new(&[accept(Cause::Protected, &["trailer-*", "clip-?"], None)]);
        assert!(accepted.accepts(Cause::Protected, "trailer-1") && accepted.accepts(Cause::Protected, "clip-2"));
        assert!(!accepted.accepts(Cause::Protected, "film"));
    }

    #[test]
    fn most_counts_only_covered_assets_and_the_next_one_is_not_accepted() {
        let mut accepted = Accepted::new(&[accept(Cause::Protected, &["trailer-*"], Some(2))]);
        let mut ask = |cause, name| accepted.accepts(cause, name);
        assert!(ask(Cause::Protected, "trailer-1"));
        assert!(!ask(Cause::Protected, "film") && !ask(Cause::SourceEmpty, "trailer-2"));
        assert!(ask(Cause::Protected, "trailer-2"));
        assert!(!ask(Cause::Protected, "trailer-3"));
    }

    #[test]
    fn an_entry_without_a_limit_does_not_use_up_a_limited_one() {
        let limited = accept(Cause::Protected, &[], Some(1));
        let unlimited = accept(Cause::Protected, &["trailer-*"], None);
        let mut accepted = Accepted::new(&[limited, unlimited]);
        assert!(accepted.accepts(Cause::Protected, "trailer-1") && accepted.accepts(Cause::Protected, "trailer-2"));
        assert!(accepted.accepts(Cause::Protected, "film 1"));
        assert!(!accepted.accepts(Cause::Protected, "film 2"));
    }

    #[test]
    fn a_share_is_a_number_or_a_percentage() {
        for (text, share) in [
            ("0", Share::Count(0)),
            (" 20 ", Share::Count(20)),
            ("10%", Share::Percent(10)),
            ("100 %", Share::Percent(100)),
            ("0%", Share::Percent(0)),
        ] {
            assert_eq!(text.parse(), Ok(share), "{text:?}");
        }
        for wrong in ["", "%", "101%", "-1", "1.5%", "ten", "10%%", "1e3", "18446744073709551616"] {
            assert_eq!(wrong.parse::<Share>(), Err(ShareError), "{wrong:?}");
        }
    }

    #[test]
    fn an_age_is_a_day_or_more() {
        for (text, hours) in [("7d", 168), (" 36h ", 36), ("2w", 336), ("1d", 24), ("1d 12h", 36)] {
            assert_eq!(text.parse::<Age>().map(Age::duration), Ok(SignedDuration::from_hours(hours)), "{text:?}");
        }
        for wrong in ["", "7", "23h", "0d", "-7d", "1 month", "1y", "soon"] {
            assert_eq!(wrong.parse::<Age>(), Err(AgeError), "{wrong:?}");
        }
    }

    #[test]
    fn a_limit_of_the_command_line_replaces_only_the_same_limit() {
        let configured = GuardLimits {
            max_withdraw: Some(Share::Count(5)),
            max_shrink: Some(Share::Percent(30)),
            max_overwrite: None,
            max_delete: Some(Share::Count(9)),
        };
        let typed = GuardLimits { max_withdraw: Some(Share::Percent(2)), ..GuardLimits::default() };
        let limits = typed.over(configured);
        assert_eq!(limits, GuardLimits { max_withdraw: Some(Share::Percent(2)), ..configured });
    }
}
