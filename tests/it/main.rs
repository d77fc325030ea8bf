//! The integration tests: one binary, with one module per subject.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue must panic at that line")]
#![expect(clippy::cast_precision_loss, reason = "ratios of small counts")]

#[path = "../contract/old_api.rs"]
mod api_version;
mod asset;
mod asset_encode;
#[path = "../contract/blob.rs"]
mod blob_contract;
mod blob_emulator;
mod blob_library;
mod budget;
mod cases;
mod cli;
#[path = "../contract/config.rs"]
mod config;
mod container;
mod contract_rows;
mod credentials;
mod faults;
mod guarantees;
mod history;
mod large_blobs;
mod layers;
mod limits;
mod media_v2;
mod mirror;
mod names;
mod nights;
mod old_api;
mod order;
mod outside;
mod play;
mod ready;
mod reprotect;
mod scenarios;
mod schemas;
mod seeds;
mod sign_in;
mod simulation;
mod state;
mod tls;
mod virtual_time;
mod world;
