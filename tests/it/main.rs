//! The integration tests: one binary, a module a subject.

mod blob_contract;
mod cli;
mod layers;
mod mirror;
mod world;
