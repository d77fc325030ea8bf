//! The integration tests: one binary, a module a subject.

#[path = "../contract/blob.rs"]
mod blob_contract;
mod blob_emulator;
mod cli;
#[path = "../contract/config.rs"]
mod config;
mod layers;
mod media_v2;
mod mirror;
mod world;
