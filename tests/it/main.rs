//! The integration tests: one binary, a module a subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic where it stands")]
#![expect(clippy::cast_precision_loss, reason = "ratios of small counts")]

mod blob_contract;
mod cli;
mod faults;
mod layers;
mod media_v2;
mod mirror;
mod simulation;
mod world;
