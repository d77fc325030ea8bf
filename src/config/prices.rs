//! The configured prices of requests. No price is built in, because prices differ by region, redundancy and contract.

use serde::Deserialize;
use toml::Spanned;

use super::problem::{Document, Problems};

/// What requests cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    /// The currency, as it is shown.
    pub currency: String,
    /// 10,000 reads of a storage account.
    pub reads: f64,
    /// 10,000 writes of a storage account.
    pub writes: f64,
    /// A gigabyte (10^9 bytes) that leaves the region of the source.
    pub gigabytes: f64,
}

/// `[prices]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PricesFile {
    currency: Option<Spanned<String>>,
    reads: Option<Spanned<f64>>,
    writes: Option<Spanned<f64>>,
    gigabytes: Option<Spanned<f64>>,
}

/// Checks the prices. All of them are required, because a missing one would make the sum too low.
pub(super) fn prices(
    written: Option<&Spanned<PricesFile>>,
    document: &Document<'_>,
    problems: &mut Problems,
) -> Option<Prices> {
    let written = written?;
    let PricesFile { currency, reads, writes, gigabytes } = written.get_ref();
    let mut missing = |key: &str| {
        let problem = format!("`prices.{key}` is missing");
        problems.push(document.error(&written.span(), &problem, "write all of currency, reads, writes and gigabytes"));
    };
    for (key, there) in [
        ("currency", currency.is_some()),
        ("reads", reads.is_some()),
        ("writes", writes.is_some()),
        ("gigabytes", gigabytes.is_some()),
    ] {
        if !there {
            missing(key);
        }
    }
    let mut price = |price: &Option<Spanned<f64>>| {
        let price = price.as_ref()?;
        let is_price = price.get_ref().is_finite() && *price.get_ref() >= 0.0;
        if !is_price {
            problems.push(document.error_at_key(&price.span(), "not a price", "write a number such as 0.0044, or 0"));
        }
        is_price.then_some(*price.get_ref())
    };
    let (reads, writes, gigabytes) = (price(reads), price(writes), price(gigabytes));
    let currency = currency.as_ref()?.get_ref().trim().to_owned();
    Some(Prices { currency, reads: reads?, writes: writes?, gigabytes: gigabytes? })
}

impl Prices {
    /// The cost of a number of reads, writes and bytes.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn of(&self, (reads, writes, bytes): (u64, u64, u64)) -> f64 {
        let requests = reads as f64 * self.reads + writes as f64 * self.writes;
        requests / 10_000.0 + bytes as f64 / 1e9 * self.gigabytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ConfigErrors, file};
    use super::*;

    const SIDES: &str = "[source]\nservice = \"blobs\"\n[[source.storage]]\naccount = \"west\"\nkey = { env = \"PATH\" }\n\
        [target]\nservice = \"blobs\"\n[[target.storage]]\naccount = \"east\"\nkey = { env = \"PATH\" }\n";

    fn read(written: &str) -> Result<Prices, ConfigErrors> {
        let text = format!("[prices]\n{written}\n{SIDES}");
        let (document, mut problems) = (Document::new(&text, "mirror.toml".as_ref()), Problems::default());
        let read = file::read(&document, &mut problems).expect("it is TOML");
        let prices = prices(read.general.prices.as_ref(), &document, &mut problems);
        problems.finish(prices)
    }

    #[test]
    fn prices_are_read_and_summed_up() {
        let prices = read("currency = \"EUR\"\nreads = 0.005\nwrites = 0.05\ngigabytes = 0.02").unwrap();
        assert_eq!(prices.currency, "EUR");
        assert!((prices.of((20_000, 10_000, 5_000_000_000)) - 0.16).abs() < 1e-9);
    }

    #[test]
    fn a_missing_price_and_one_below_zero_are_refused_by_name() {
        let errors = read("currency = \"EUR\"\nreads = -1\ngigabytes = 0").unwrap_err().to_string();
        assert!(
            errors.contains("`prices.writes` is missing") && errors.contains("`prices.reads`: not a price"),
            "{errors}"
        );
    }
}
