//! What the requests of a run cost, by the configured prices.

use super::document::{Cost, Report};
use super::figures::{ChargedFigures, Figures};
use crate::config::Prices;

impl Report {
    /// Adds what the run cost. A run without a summary has no figures to price.
    #[must_use]
    pub fn priced(self, prices: &Prices) -> Self {
        let cost = Figures::of(self.summary.as_ref()).map(|figures| cost(&figures, prices));
        Self { cost, ..self }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn cost(figures: &Figures, prices: &Prices) -> Cost {
    let ChargedFigures { reads, writes } = figures.charged;
    Cost {
        currency: prices.currency.clone(),
        reads,
        writes,
        gigabytes: figures.bytes_copied as f64 / 1e9,
        price_of_reads: prices.reads,
        price_of_writes: prices.writes,
        price_of_gigabytes: prices.gigabytes,
        amount: prices.of((reads, writes, figures.bytes_copied)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_writes_and_bytes_each_have_their_price() {
        let summary = json!({ "bytes_copied": 3_000_000_000_u64, "charged": { "reads": 40_000, "writes": 30_000 } });
        let prices = Prices { currency: "EUR".to_owned(), reads: 1.0, writes: 10.0, gigabytes: 100.0 };
        let cost = cost(&Figures::of(Some(&summary)).unwrap(), &prices);
        assert_eq!((cost.reads, cost.writes), (40_000, 30_000));
        assert!((cost.amount - (4.0 + 30.0 + 300.0)).abs() < 1e-9, "{cost:?}");
    }
}
