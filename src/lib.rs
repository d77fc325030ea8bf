//! mediamirror mirrors a whole media library to a second region with server-side copies, at the same URL paths.

pub mod blob;
pub mod call;
pub mod clock;
pub mod config;
pub mod connect;
pub mod engine;
pub mod error;
pub mod ledger;
pub mod media;
pub mod model;
pub mod monitor;
pub mod redact;
pub mod retry;
pub mod throttle;
pub mod transport;

#[cfg(feature = "emulator")]
pub mod emulator;
