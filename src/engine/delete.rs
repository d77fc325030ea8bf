//! Deletes on the target what the source has deleted, when it has lacked it for the whole time of `delete_after`: retired copies,
//! and blobs of assets that the source still has.
//!
//! Every night each of them is confirmed by its key: an answer that it is not there, never the silence of a listing. What
//! is due is deleted after all assets are processed, in a run that saw everything, within the guard, and only if the source
//! lacks it and the target has it unchanged when both are asked right before. What cannot be proven to be ours is kept.

pub(crate) mod blobs;
pub(crate) mod copies;
pub(crate) mod judge;
pub(crate) mod second;
