//! mediamirror mirrors a whole media library to a second region with server-side copies, at the same URL paths.
//!
//! An **asset** is a blob container with file records and streaming **locators**; a locator's id is the first part of
//! every URL that plays the asset. Copy the blobs to another account, make the records, and make a locator *with the
//! same id* there, and only the host name of the URL differs: a CDN can fail over.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use mediamirror::{config::Config, connect, engine, ledger::Ledger, model::AccountName, monitor::Silent, transport};
//!
//! let config = Config::load("mirror.toml".as_ref())?;
//! let pair = Arc::new(connect::connect(&config, transport::network_trusting(&config.roots)?)?);
//! let (source, target) = (AccountName::new(&config.source.account), AccountName::new(&config.target.account));
//! let ledger = Ledger::open(&config.ledger, &source, &target)?;
//! let stop = tokio_util::sync::CancellationToken::new();
//! let summary = engine::mirror(pair, ledger.clone(), engine::Options::default(), Arc::new(Silent), stop).await?;
//! println!("{} assets mirrored", summary.assets.mirrored);
//! ledger.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The map of the modules
//!
//! | Module | What it is for |
//! | --- | --- |
//! | [`model`] | the types of the domain: accounts, assets, files, locators, blobs; no I/O |
//! | [`redact`] | secrets and URLs that cannot print what they protect |
//! | [`clock`] | the wall clock and the time since boot, which follow tokio's, so that tests run in virtual time |
//! | [`command`] | runs a command within limits, to read its output or to pass text to it |
//! | [`machine`] | this machine's name |
//! | `spelling` | the known name that is nearest to a misspelt one |
//! | [`verdict`] | causes with stable codes, and changes, as types; the table of all causes |
//! | [`failure`] | why one attempt failed, and what that means for the run |
//! | [`error`] | errors that persist after all retries, named by the action |
//! | [`config`] | the TOML file, the flags, the secrets, the operator's policy, and messages that point at the line |
//! | [`memory`] | limits the memory that the answers of both sides use together |
//! | [`transport`] | the only access to the network: allow-list, timeouts, no redirects, capped bodies |
//! | [`retry`] | the only table of failures that are retried, and the length of the pauses |
//! | [`throttle`] | lanes: slots that adapt, rates an account's lanes share, cool-downs |
//! | [`call`] | the only retry loop: one permit per attempt; a waiting call holds none |
//! | [`identity`] | access tokens: the ways to sign in, and the cache that renews them early |
//! | [`library`] | libraries as operations on assets: [`library::ams_v2`] speaks Azure Media Services v2, [`library::blobs`] has containers as assets |
//! | [`blob`] | storage accounts: listing, and the three ways to copy between them |
//! | [`ledger`] | which steps were started and which succeeded, in `SQLite`, written by one thread |
//! | [`state`] | the state that the target stores: the lock of a run, and the state of a pair of accounts |
//! | [`connect`] | makes the clients of both accounts from a configuration |
//! | `claims` | which target asset belongs to which source asset, and which locators are missing, moved or withdrawn; guards |
//! | [`engine`] | the run: withdraw, compare, copy, verify, register, publish; `verify`, `health` and `urls` beside it |
//! | [`asset`] | commands on single assets: upload, encode, publish, list, remove |
//! | [`plan`] | the planned changes of a dry run, in a file that is applied once |
//! | [`play`] | sends the requests of viewers to both hosts and compares the answers; reads samples of blobs |
//! | [`ready`] | which assets would play from the target now, also while the source is down |
//! | [`doctor`] | checks whether a run would work: both accounts, the state and the ledger, one finding per check |
//! | [`webhook`] | posts the signed result of a command to an address of the operator |
//! | [`monitor`] | the events of a run; the library never prints |
//! | [`plain`] | makes foreign text harmless for terminals and text viewers |
//! | [`report`] | the report of a run: one document made from the ledger, and a page rendered from it |
//! | [`manual`] | the manual for operators, one page per topic, as `mediamirror manual` prints it |
//! | `emulator` | both services, written from their documents; shares no code with the clients (feature `emulator`) |
//!
//! The command line (`src/cli`) belongs to the program, not to the library. A test reads the sources and fails when a
//! module imports what its layer must not.
//!
//! # One asset, from listing to report
//!
//! [`engine::mirror`] takes the target's lock, reads the state of the pair, and lists both libraries side by side into
//! the temporary tables of `claims`: assets, locators and, where they are needed, file records. It checks the
//! direction, writes the state of a new pair, asks which assets are protected, and resolves what the operator
//! withholds. Then the guards on shrinking and withdrawing are checked, and the locators that the source has withdrawn
//! are removed, each after a request for that one locator; copies whose source asset is deleted are retired.
//!
//! Then the assets are processed in order. A pure function, `claims::judge`, decides for each one: a finding, or a
//! task. A task: list the containers of both sides → end here if nothing changed since the ledger's last entry →
//! compare the blobs (`engine::contents::compare`, pure) → if a complete copy's source changed, wait until all assets
//! are compared and the guard on overwriting is checked → create the target asset → copy what is missing or changed,
//! set headers, metadata and tags in place → list the copy and compare again → file records with the mark, then the
//! locators, both batched with those of other assets into one `$batch`, and read again → ledger. Each asset gets one
//! verdict: mirrored, unchanged, or a finding; the summary, the exit code and the report are made from these.
//!
//! [`engine::verify::verify`] and a dry run use the same claims and the same comparison, and write nothing. A dry run
//! reports each planned change as a [`plan::Item`]; a run with [`engine::Options::plan`] makes the changes of the plan
//! and refuses others. A copy is one attempt of [`call::Caller`]: queue → cool-down → slot → rate → send → return the
//! permit with the outcome → then the back-off.
//!
//! # Invariants
//!
//! - The engine never writes to the source account. (Below `x-ms-version` 2.2, temporary read locators reveal the
//!   container.) After a failover, [`engine::reprotect`] runs in the other direction, and [`engine::failover`] hands
//!   over.
//! - Every copy carries the entity tag that was listed as a condition: a copy never mixes old and new bytes.
//! - The locator comes last, after the blobs were compared, and never for an asset that is protected or withheld.
//! - A withdrawal needs an answer of the source about that one locator, or the operator's `withhold`; a row that is
//!   missing in a listing withdraws nothing.
//! - The state of the pair exists before anything else is written, and the lock is checked before each step that
//!   writes.
//! - The ledger has each step before it starts; the next run checks an interrupted step, and does not repeat it
//!   blindly.
//! - Every attempt holds a permit of its lane; a waiting call holds none.
//! - What mediamirror did not make is not overwritten, published, withdrawn or deleted, unless `adopt` takes it over or
//!   it is a filter of the account with the name of one of the source.
//! - No secret is printed, logged or recorded; nothing prints outside of the program's `cli`.

pub mod asset;
pub mod blob;
pub mod call;
mod claims;
pub mod clock;
pub mod command;
pub mod config;
pub mod connect;
pub mod doctor;
pub mod engine;
pub mod error;
pub mod failure;
pub mod files;
pub mod identity;
pub mod ledger;
pub mod library;
pub mod machine;
pub mod manual;
pub mod memory;
pub mod model;
pub mod monitor;
pub mod plain;
pub mod plan;
pub mod play;
pub mod ready;
pub mod redact;
pub mod report;
pub mod retry;
mod spelling;
pub mod state;
pub mod throttle;
pub mod transport;
pub mod verdict;
pub mod webhook;

#[cfg(test)]
mod fuzz;

#[cfg(feature = "emulator")]
pub mod emulator;
