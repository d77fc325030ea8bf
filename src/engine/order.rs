//! In what order assets are begun.

use futures::{StreamExt, TryStreamExt, stream};

use super::catalog::Catalog;
use crate::error::Error;
use crate::media::Pages;
use crate::model::Asset;

/// In what order assets are begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// As they are listed: nothing has to be known before the first is begun.
    #[default]
    Listed,
    /// The newest first.
    Newest,
    /// Those of the most bytes first, by their file records: a huge one does not begin when all others are done.
    Largest,
    /// Those of the fewest bytes first, by their file records: many assets are complete early.
    Smallest,
    /// By name.
    Name,
}

impl Order {
    /// Are the sizes of all assets needed?
    pub(crate) fn by_size(self) -> bool {
        matches!(self, Self::Largest | Self::Smallest)
    }

    /// The assets in this order. All of them are listed first, unless it is the order of the listing.
    pub(crate) async fn of<'a>(self, pages: Pages<'a, Asset>, catalog: &Catalog) -> Result<Pages<'a, Asset>, Error> {
        if self == Self::Listed {
            return Ok(pages);
        }
        let mut assets: Vec<Asset> = pages.try_concat().await?;
        self.sort(&mut assets, |asset| catalog.bytes_of(&asset.id));
        Ok(stream::iter([Ok(assets)]).boxed())
    }

    fn sort(self, assets: &mut [Asset], bytes: impl Fn(&Asset) -> u64) {
        match self {
            Self::Listed => {}
            Self::Newest => assets.sort_by_key(|asset| std::cmp::Reverse(asset.created)),
            Self::Largest => assets.sort_by_cached_key(|asset| std::cmp::Reverse(bytes(asset))),
            Self::Smallest => assets.sort_by_cached_key(bytes),
            Self::Name => assets.sort_by(|a, b| a.label().cmp(b.label())),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{AssetEncryption, AssetId};

    fn asset(name: &str, created: i64) -> Asset {
        Asset {
            id: AssetId::new(name),
            name: Some(name.to_owned()),
            alternate_id: None,
            created: Timestamp::from_second(created).ok(),
            encryption: AssetEncryption::None,
            storage_account: None,
            container: None,
        }
    }

    #[test]
    fn each_order_is_what_its_name_says() {
        let bytes = |asset: &Asset| match asset.label() {
            "a" => 5,
            "b" => 50,
            _ => 1,
        };
        for (order, wanted) in [
            (Order::Listed, "bca"),
            (Order::Newest, "cba"),
            (Order::Largest, "bac"),
            (Order::Smallest, "cab"),
            (Order::Name, "abc"),
        ] {
            let mut assets = [asset("b", 2), asset("c", 3), asset("a", 1)];
            order.sort(&mut assets, bytes);
            assert_eq!(assets.iter().map(Asset::label).collect::<String>(), wanted, "{order:?}");
        }
    }
}
