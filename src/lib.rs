//! mediamirror mirrors a whole media library to a second region with server-side copies, at the same URL paths.
//!
//! An **asset** is a blob container with file records and streaming **locators**; a locator's id is the first part of every
//! URL that plays the asset. Copy the blobs to another account, make the records, and make a locator *with the same id*
//! there, and the URL differs in its host alone: a CDN can fail over.
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
//! # The map of the house
//!
//! | Module | What it is for |
//! | --- | --- |
//! | [`model`] | the nouns: accounts, assets, files, locators, blobs; no I/O |
//! | [`redact`] | secrets and URLs that cannot print what they protect |
//! | [`clock`] | the wall clock and the time since boot, which follow tokio's, so that tests run in virtual time |
//! | [`machine`] | this machine's name |
//! | [`verdict`] | causes with stable codes, and changes: what is decided, as types |
//! | [`failure`] | why one attempt failed, and what that means for the run |
//! | [`error`] | what failed for good, named by the action |
//! | [`config`] | the TOML file, the flags, the secrets, and messages that point at the line |
//! | [`transport`] | the one door to the network: allow-list, timeouts, no redirects, capped bodies |
//! | [`retry`] | the one table of what may be tried again, and the arithmetic of waiting |
//! | [`throttle`] | lanes: slots that adapt, rates an account's lanes share, cool-downs |
//! | [`call`] | the one retry loop: a permit per attempt, waiting holds nothing |
//! | [`media`] | media services in domain verbs; [`media::v2`] speaks Azure Media Services v2 |
//! | [`blob`] | storage accounts: listing, and the three ways to copy between them |
//! | [`ledger`] | what was begun and what was done, in `SQLite`, written by one thread |
//! | [`state`] | what the target knows: the lock of its one writer, and the state of a pair of accounts |
//! | [`connect`] | from a configuration to two accounts that can be talked to |
//! | `claims` | which target asset belongs to which source asset; guards; both catalogues in temporary tables |
//! | [`engine`] | the run: catalog, plan, copy, verify, register, publish; `verify` and `urls` beside it |
//! | [`asset`] | one asset's life around a mirror: upload, publish, remove, look, tidy up |
//! | [`doctor`] | would a run work? both accounts and the ledger examined, one finding a check |
//! | [`monitor`] | what happens, as events; the library never prints |
//! | `emulator` | both services, written from their documents; shares no code with the clients (feature `emulator`) |
//!
//! The command line (`src/cli`) belongs to the program, not to the library. A test reads the sources and fails when a module
//! imports what its layer must not.
//!
//! # One asset, from listing to report
//!
//! [`engine::mirror`] lists the target, its locators and the source's as a whole (the catalog), then goes through the
//! source's assets page by page. A pure function decides about each: leave it out, conflict, or work. Work is one task:
//! list the source container → unchanged since the ledger's last entry? then one listing of the target proves it →
//! create the target asset → copy what is missing, largest blobs first → compare both listings → file records and
//! locators, gathered with those of other assets into one `$batch` → ledger. A copy is one attempt of [`call::Caller`]:
//! turn → cool-down → slot → rate → send → permit back with its outcome → only then the back-off.
//!
//! # Invariants
//!
//! - The engine never writes to the source account. (Below `x-ms-version` 2.2, temporary read locators tell the container.)
//! - Every copy carries the entity tag that was listed as a condition: nothing half old, half new arrives.
//! - The locator comes last, after the blobs were compared.
//! - The ledger has the intent before the effect; what was begun and not ended is looked at, not repeated blindly.
//! - Every attempt holds a permit of its lane; waiting holds none.
//! - What mediamirror did not make is neither overwritten nor deleted.
//! - No secret is printed, logged or recorded; nothing prints outside of the program's `cli`.

pub mod asset;
pub mod blob;
pub mod call;
mod claims;
pub mod clock;
pub mod config;
pub mod connect;
pub mod doctor;
pub mod engine;
pub mod error;
pub mod failure;
pub mod ledger;
pub mod machine;
pub mod media;
pub mod model;
pub mod monitor;
pub mod redact;
pub mod retry;
pub mod state;
pub mod throttle;
pub mod transport;
pub mod verdict;

#[cfg(test)]
mod fuzz;

#[cfg(feature = "emulator")]
pub mod emulator;
