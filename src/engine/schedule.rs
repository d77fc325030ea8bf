//! Decides when something is done: slots, queues, batches, and work that waits for other assets.

pub(crate) mod batcher;
pub(crate) mod copy_queue;
pub(crate) mod deletions;
pub(crate) mod in_flight;
pub(crate) mod outages;
pub(crate) mod overwrites;
pub(crate) mod poll;
pub(crate) mod sizes;
pub(crate) mod slots;
