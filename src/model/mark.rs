//! The mark of a copy in its alternate id: the account and the id of its source asset.
//!
//! It survives the loss of all ledgers. It has the copy's own id, so that a clone made by another tool, which also
//! copies the alternate id, is recognised as a clone. The source asset's own alternate id follows it.

use jiff::civil::Date;

use super::{AccountName, AssetId};

/// How every mark begins.
const BEGIN: &str = "mediamirror:";
/// The separator of its fields.
const SEPARATOR: char = ';';

/// The content of a copy's alternate id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The source's media account.
    pub account: AccountName,
    /// The source asset.
    pub source: AssetId,
    /// The id of the copy. `None`: the id was not known when the copy was created.
    pub own: Option<AssetId>,
    /// When the source had deleted the asset.
    pub retired: Option<Date>,
    /// The source asset's own alternate id.
    pub original: Option<String>,
}

impl Mark {
    /// The mark of a copy that does not exist yet.
    pub fn new(account: AccountName, source: AssetId, original: Option<String>) -> Self {
        Self { account, source, own: None, retired: None, original }
    }

    /// Reads an alternate id; `None` if it is not a mark.
    pub fn parse(alternate_id: &str) -> Option<Self> {
        let mut fields = alternate_id.strip_prefix(BEGIN)?.splitn(5, SEPARATOR);
        let mut next = || fields.next();
        let (account, source, own, retired, original) = (next()?, next()?, next()?, next()?, next()?);
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(Self {
            account: AccountName::new(decoded(&some(account)?)),
            source: AssetId::new(decoded(&some(source)?)),
            own: some(own).map(|own| AssetId::new(decoded(&own))),
            retired: if retired.is_empty() { None } else { Some(retired.parse().ok()?) },
            original: some(original),
        })
    }

    /// The prefix of the marks of all copies of an asset.
    pub fn prefix(account: &AccountName, source: &AssetId) -> String {
        format!("{BEGIN}{}{SEPARATOR}{}{SEPARATOR}", encoded(account.as_str()), encoded(source.as_str()))
    }

    /// As an alternate id.
    pub fn text(&self) -> String {
        let own = self.own.as_ref().map(|own| encoded(own.as_str())).unwrap_or_default();
        let retired = self.retired.map(|date| date.to_string()).unwrap_or_default();
        let original = self.original.as_deref().unwrap_or_default();
        format!("{}{own}{SEPARATOR}{retired}{SEPARATOR}{original}", Self::prefix(&self.account, &self.source))
    }

    /// Does it have at most this number of characters when it contains the copy's id? (All ids of an account have the
    /// same length.)
    pub fn fits(&self, most: usize) -> bool {
        let whole = Self { own: Some(self.source.clone()), retired: Some(Date::MAX), ..self.clone() };
        whole.text().chars().count() <= most
    }
}

/// Encodes a field so that it has no separators.
fn encoded(field: &str) -> String {
    field.replace('%', "%25").replace(SEPARATOR, "%3B")
}

fn decoded(field: &str) -> String {
    field.replace("%3B", ";").replace("%25", "%")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark() -> Mark {
        Mark::new(AccountName::new("acct"), AssetId::new("nb:cid:UUID:1"), None)
    }

    #[test]
    fn a_mark_is_read_unchanged_and_starts_with_its_prefix() {
        let full = Mark {
            own: Some(AssetId::new("nb:cid:UUID:2")),
            retired: "2026-11-29".parse().ok(),
            original: Some("a;b;c".to_owned()),
            ..mark()
        };
        for mark in [mark(), full] {
            assert_eq!(Mark::parse(&mark.text()), Some(mark.clone()));
            assert!(mark.text().starts_with(&Mark::prefix(&mark.account, &mark.source)));
        }
        assert_eq!(mark().text(), "mediamirror:acct;nb:cid:UUID:1;;;");
    }

    #[test]
    fn other_alternate_ids_are_not_marks() {
        for text in ["", "nb:cid:UUID:1", "mediamirror:", "mediamirror:a;b", "mediamirror:;b;;;", "mediamirror:a;b;;x;"]
        {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_alternate_id_of_the_source_does_not_fit() {
        let with = |length| Mark { original: Some("ü".repeat(length)), ..mark() };
        assert!(with(3_900).fits(4_000));
        assert!(!with(4_000).fits(4_000));
    }

    proptest! {
        #[test]
        fn any_ids_are_read_unchanged(account in "[a-z0-9%;]{1,9}", source in "[^\u{0}]{1,30}", original in "[^\u{0}]{0,30}") {
            let original = (!original.is_empty()).then_some(original);
            let mark = Mark { own: Some(AssetId::new("o")), ..Mark::new(AccountName::new(account), AssetId::new(source), original) };
            prop_assert_eq!(Mark::parse(&mark.text()), Some(mark));
        }
    }
}
