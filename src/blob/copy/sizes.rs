//! By which method a blob of some size is copied best, and in blocks of what size.

use crate::model::CopyMethod;

/// The service's limit for Put Blob From URL.
pub const PUT_LIMIT: u64 = 5_000 << 20;

/// One request copies this much in seconds, and losing it costs no more than as much again; what is larger is faster in
/// blocks, of which many are copied at once.
pub const PUT_COMFORTABLE: u64 = 256 << 20;

/// The best way to copy a blob of that size (`auto`).
///
/// Within one account Copy Blob copies nothing but metadata and is done at once. Between accounts it is best effort: copies
/// may be worked on one after the other, without any promise of time, which is why the vendor advises the copies that are
/// done when they return. Of those, one request is the cheapest as long as it is not too long to be repeated.
pub fn choose(size: u64, same_account: bool) -> CopyMethod {
    match size {
        _ if same_account => CopyMethod::Async,
        0..=PUT_COMFORTABLE => CopyMethod::Put,
        _ => CopyMethod::Blocks,
    }
}

/// Every block is a paid write. At the 60 MB/s that one stream reaches in the field, this one takes a second: long beside its
/// latency, short beside a retry.
const SMALLEST_BLOCK: u64 = 64 << 20;
/// The service's limit.
const LARGEST_BLOCK: u64 = 4_000 << 20;
/// The service's limit.
pub(super) const MOST_BLOCKS: u64 = 50_000;
/// Enough blocks to keep many at work until near the end, few enough that they do not use up the request rate: the vendor's
/// own measurements copy 50 GB in blocks of 128 MiB.
const WANTED_BLOCKS: u64 = 400;

/// Into how many blocks a blob of that size is copied.
pub fn blocks(size: u64) -> u64 {
    size.div_ceil(block_size(size))
}

/// The method asked for, or the one that does the same where the blob is too large for it.
pub fn within_limits(wanted: CopyMethod, size: u64) -> CopyMethod {
    if wanted == CopyMethod::Put && size > PUT_LIMIT { CopyMethod::Blocks } else { wanted }
}

/// The size of a blob's blocks: 64 MiB, doubled until there are few enough of them.
pub(super) fn block_size(length: u64) -> u64 {
    let mut size = SMALLEST_BLOCK;
    while length.div_ceil(size) > WANTED_BLOCKS && size < LARGEST_BLOCK {
        size *= 2;
    }
    size.min(LARGEST_BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_few_but_never_too_many_or_too_large() {
        assert_eq!(block_size(0), 64 << 20);
        assert_eq!(block_size(400 * (64 << 20)), 64 << 20);
        assert_eq!(block_size(400 * (64 << 20) + 1), 128 << 20);
        assert_eq!(block_size(50 << 30), 128 << 20);
        let largest = MOST_BLOCKS * LARGEST_BLOCK;
        assert_eq!(largest.div_ceil(block_size(largest)), MOST_BLOCKS);
    }
}
