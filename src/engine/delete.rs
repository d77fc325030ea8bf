//! Deletes on the target what the source has deleted, after the source has lacked it for all of `delete_after`: retired
//! copies, and blobs of assets that the source still has.
//!
//! Every night each of them is confirmed by its key: the source answers that it does not exist; a listing without it is
//! not enough. Due deletions run after all assets are processed, in a run that saw everything, within the guard, and
//! only if the source lacks the thing and the target has it unchanged when both are asked immediately before. Anything
//! that is not proven to be ours is kept.

pub(crate) mod blobs;
pub(crate) mod copies;
pub(crate) mod judge;
pub(crate) mod second;
