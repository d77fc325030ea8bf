//! Tests against independent programs: Azurite, a blob service; the vendor's blob libraries; ffmpeg, and hls.js and dash.js in
//! Chromium, players; node-ams-sdk, amspy and azure-media, clients of Media Services v2; nginx, hls.js and a parser of Bicep, which
//! use what `urls --format` writes; promtool, which reads the metrics; systemd's checks and the schemas of Kubernetes, for what
//! `init --units` writes; dpkg and man, for the Debian package; hadolint, for the Containerfile.
//!
//! `tests/run` installs them from `tests/tools/package.json` and `requirements.txt` and runs this. A missing program fails the test that needs
//! it; nothing is skipped.

#[path = "../contract/old_api.rs"]
mod api_version;
#[path = "../contract/blob.rs"]
mod blob_contract;
#[path = "../contract/config.rs"]
mod config;

mod azurite;
mod blob_azurite;
mod blob_library;
mod clients;
mod container;
mod failover;
mod metrics;
mod mirror_azurite;
mod nginx;
mod node_ams_sdk;
mod origin;
mod package;
mod play;
mod report;
mod sign_in;
mod switching;
mod tools;
mod units;
