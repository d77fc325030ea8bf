//! The integration tests: one binary, a module a subject.

mod blob_contract;
mod cli;
mod layers;
mod media_v2;
mod mirror;
mod world;
