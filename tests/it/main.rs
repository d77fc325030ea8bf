//! The integration tests: one binary, a module a subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic where it stands")]

mod blob_contract;
mod budget;
mod cli;
mod layers;
mod media_v2;
mod mirror;
mod world;
