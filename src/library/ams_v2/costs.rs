//! How many assets fit into one request, and the cost of a batch.

use crate::library::{Batches, Capacity, Cost, RecordBatch};

/// Assets whose file records are read and written together: one filter has 15 parents (URL length), a page of the
/// answer has fewer than 1,000 rows, and a `$batch` has at most 1,000 operations. So reading and writing need one
/// request each. Then the locators of the same assets follow: a hundred, with up to two operations each, are one
/// `$batch`.
pub(super) const BATCHES: Batches =
    Batches { records: Capacity { items: 15, weight: 999 }, locators: Capacity { items: 15, weight: 100 } };

/// The most rows of a page of file records, and the most operations of a `$batch`.
const ROWS_A_REQUEST: u64 = 1_000;
/// The number of locators in one filter.
const LOCATORS_A_READ: u64 = 20;

/// The requests for reading, writing, and reading again; and the additional ones for existing records.
pub(super) fn records(batch: &RecordBatch) -> Cost {
    // Reads of the source's records, and of the target's after they are written.
    let reads = 2 * (batch.records / ROWS_A_REQUEST + 1);
    let more = [batch.reread, batch.rewritten, batch.created > 0];
    Cost::media(reads + batch.records.div_ceil(ROWS_A_REQUEST) + more.into_iter().map(u64::from).sum::<u64>())
}

/// Writing, and reading back.
pub(super) fn locators(locators: u64) -> Cost {
    Cost::media(1 + locators.div_ceil(LOCATORS_A_READ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_file_records_is_read_written_and_read_again() {
        let cost = |records| self::records(&RecordBatch { assets: 15, records, ..RecordBatch::default() }).media;
        assert_eq!((cost(300), cost(2_500)), (3, 9));
        assert_eq!((locators(1).media, locators(21).media), (2, 3));
    }

    #[test]
    fn existing_records_and_copies_of_other_runs_are_searched() {
        let batch = RecordBatch { assets: 1, records: 1, created: 1, reread: true, rewritten: true };
        assert_eq!(records(&batch), Cost::media(6));
    }
}
