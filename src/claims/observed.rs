//! Observations about both libraries in addition to their listings. A run makes them once, before it decides.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use crate::model::{AssetId, Filter, FilterChange};
use crate::verdict::Finding;

/// The observations.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// Protected copies, after the target was asked.
    pub(super) protected_copies: OnceLock<HashMap<AssetId, Finding>>,
    /// The answers about filters, until they are compared.
    pub(super) asked: Mutex<Asked>,
    /// The filters of both sides, compared.
    pub(super) filters: OnceLock<Filters>,
}

/// The filters of one side: those of its account, and those of its assets, unless the service does not list these.
pub(super) type Listed = (Vec<Filter>, Option<ByAsset>);

/// What both sides answer; `None`: neither has filters.
pub(super) type Asked = Option<Result<[Listed; 2], Finding>>;

impl Observed {
    /// Nothing but the answers about filters.
    pub(super) fn with(asked: Asked) -> Self {
        Self { asked: Mutex::new(asked), ..Self::default() }
    }
}

/// Filters by asset.
pub(super) type ByAsset = HashMap<AssetId, Vec<Filter>>;

/// The filters of both sides.
#[derive(Debug)]
pub(super) struct Filters {
    /// The changes of the filters of the target's account.
    pub(super) of_account: Vec<FilterChange>,
    /// By asset ids in lower case, because a service may spell an id in another way where another entity refers to it.
    source: HashMap<String, Vec<Filter>>,
    target: HashMap<String, Vec<Filter>>,
}

fn key(asset: &AssetId) -> String {
    asset.as_str().to_ascii_lowercase()
}

impl Filters {
    /// The filters of the assets of both sides.
    pub(super) fn new(of_account: Vec<FilterChange>, source: ByAsset, target: ByAsset) -> Self {
        let by_key = |filters: ByAsset| filters.into_iter().map(|(asset, filters)| (key(&asset), filters)).collect();
        Self { of_account, source: by_key(source), target: by_key(target) }
    }

    /// The changes that make the filters of a copy equal to those of its source.
    pub(super) fn changes(&self, source: &AssetId, copy: Option<&AssetId>) -> Vec<FilterChange> {
        let wanted = self.source.get(&key(source)).map_or(&[][..], Vec::as_slice);
        let there = copy.and_then(|copy| self.target.get(&key(copy))).map_or(&[][..], Vec::as_slice);
        FilterChange::between(wanted, there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FilterRules;

    #[test]
    fn an_asset_id_in_another_spelling_is_the_same_asset() {
        let of = |id: &str| {
            let filter = Filter { id: id.to_owned(), name: "a".to_owned(), rules: FilterRules::default() };
            ByAsset::from([(AssetId::new(id), vec![filter])])
        };
        let filters = Filters::new(Vec::new(), of("nb:cid:UUID:AB"), of("nb:cid:uuid:cd"));
        let [source, copy] = ["nb:cid:UUID:ab", "nb:cid:UUID:cd"].map(AssetId::new);
        assert_eq!(filters.changes(&source, Some(&copy)), []);
        assert_eq!(filters.changes(&source, None).len(), 1);
    }
}
