//! Chooses the copy method and the block size for the size of a blob.

use crate::model::CopyMethod;

/// The service's limit for Put Blob From URL.
pub const PUT_LIMIT: u64 = 5_000 << 20;

/// One request copies this much in seconds, so a retry is cheap. Larger blobs are copied faster as many blocks in
/// parallel.
pub const PUT_COMFORTABLE: u64 = 256 << 20;

/// The best way to copy a blob of that size (`auto`).
///
/// Within one account, Copy Blob copies only metadata and ends immediately. Between accounts it is best effort: the
/// service may process copies one after the other and guarantees no duration, so the vendor recommends the synchronous
/// copies. Of those, one request is the cheapest if it is short enough to be repeated.
pub fn choose(size: u64, same_account: bool) -> CopyMethod {
    match size {
        _ if same_account => CopyMethod::Async,
        0..=PUT_COMFORTABLE => CopyMethod::Put,
        _ => CopyMethod::Blocks,
    }
}

/// Every block is a paid write. One stream reaches about 60 MB/s, so this block takes a second: long compared with the
/// latency, short enough to repeat.
const SMALLEST_BLOCK: u64 = 64 << 20;
/// The service's limit.
const LARGEST_BLOCK: u64 = 4_000 << 20;
/// The service's limit.
pub(super) const MOST_BLOCKS: u64 = 50_000;
/// Enough blocks for many parallel copies until near the end, but few enough for the request rate: the vendor's own
/// measurements copy 50 GB in blocks of 128 MiB.
const WANTED_BLOCKS: u64 = 400;

/// The number of blocks of a blob of that size.
pub fn blocks(size: u64) -> u64 {
    size.div_ceil(block_size(size))
}

/// The wanted method, or the equivalent one if the blob is too large for it.
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
