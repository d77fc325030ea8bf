//! In what order assets are begun.
//!
//! Any order but the listing's needs all assets before the first is begun; they are kept packed, some seventy bytes each.

mod packed;

use std::cmp::Ordering;

use futures::{StreamExt, TryStreamExt, stream};

use super::catalog::Catalog;
use super::compact::Moment;
use crate::error::Error;
use crate::media::Pages;
use crate::model::Asset;
use packed::Packed;

/// Assets that are unpacked at a time.
const PAGE: usize = 1_000;

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
        self.sorted(pages, |asset| catalog.bytes_of(&asset.id)).await
    }

    async fn sorted(
        self,
        mut pages: Pages<'_, Asset>,
        bytes: impl Fn(&Asset) -> u64,
    ) -> Result<Pages<'static, Asset>, Error> {
        let (mut packed, mut places) = (Packed::default(), Vec::new());
        while let Some(page) = pages.try_next().await? {
            for asset in &page {
                places.push((self.rank(asset, &bytes), packed.push(asset)));
            }
        }
        drop(pages);
        packed.shrink();
        places.shrink_to_fit();
        // Those of one rank stay in the order of the listing: later ones begin further on.
        places.sort_unstable_by(|one, other| self.compare(&packed, *one, *other));
        Ok(stream::try_unfold(0, move |from| {
            let page: Vec<Asset> = places.iter().skip(from).take(PAGE).map(|(_, at)| packed.asset(*at)).collect();
            std::future::ready(Ok((!page.is_empty()).then(|| (page, from + PAGE))))
        })
        .boxed())
    }

    /// A number that is smaller the sooner the asset is to begin.
    fn rank(self, asset: &Asset, bytes: impl Fn(&Asset) -> u64) -> u64 {
        match self {
            Self::Listed | Self::Name => 0,
            Self::Newest => u64::MAX - asset.created.map_or(0, |created| Moment::new(created).ticks()),
            Self::Largest => u64::MAX - bytes(asset),
            Self::Smallest => bytes(asset),
        }
    }

    fn compare(self, packed: &Packed, one: (u64, u64), other: (u64, u64)) -> Ordering {
        let by_name = || packed.with_label(one.1, |a| packed.with_label(other.1, |b| a.cmp(b)));
        let by_rank = if self == Self::Name { by_name() } else { one.0.cmp(&other.0) };
        by_rank.then(one.1.cmp(&other.1))
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

    async fn in_order(order: Order, pages: Vec<Vec<Asset>>, bytes: impl Fn(&Asset) -> u64) -> Vec<Asset> {
        let pages = stream::iter(pages.into_iter().map(Ok)).boxed();
        order.sorted(pages, bytes).await.unwrap().try_concat().await.unwrap()
    }

    #[tokio::test]
    async fn each_order_is_what_its_name_says() {
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
            let pages = vec![vec![asset("b", 2), asset("c", 3)], Vec::new(), vec![asset("a", 1)]];
            let sorted = in_order(order, pages, bytes).await;
            assert_eq!(sorted.iter().map(Asset::label).collect::<String>(), wanted, "{order:?}");
        }
    }

    #[tokio::test]
    async fn assets_of_one_rank_begin_as_listed_and_those_without_a_date_last() {
        let undated = Asset { created: None, ..asset("z", 0) };
        let pages = vec![vec![undated, asset("d", 7), asset("b", 7), asset("c", 7), asset("a", -5)]];
        let sorted = in_order(Order::Newest, pages.clone(), |_| 0).await;
        assert_eq!(sorted.iter().map(Asset::label).collect::<String>(), "dbcaz");
        let sorted = in_order(Order::Largest, pages.clone(), |_| u64::MAX).await;
        assert_eq!(sorted, pages.concat());
    }

    #[tokio::test]
    async fn more_assets_than_a_page_all_come_once() {
        let many: Vec<Asset> = (0..2_500).map(|number| asset(&format!("{:04}", number * 7 % 2_500), number)).collect();
        let sorted = in_order(Order::Name, many.chunks(1_000).map(<[Asset]>::to_vec).collect(), |_| 0).await;
        let names: Vec<String> = sorted.iter().map(|asset| asset.label().to_owned()).collect();
        assert_eq!(names, (0..2_500).map(|number| format!("{number:04}")).collect::<Vec<_>>());
    }
}
