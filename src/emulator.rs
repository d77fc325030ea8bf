//! An emulator of Azure Media Services v2 and blob storage, written from the API documents alone.
//!
//! It shares no code with the clients, so that a wrong parser cannot agree with a wrong printer.

pub(crate) mod blob;
pub(crate) mod clock;
pub(crate) mod external;
pub(crate) mod faults;
pub(crate) mod media_v2;
pub(crate) mod service_model;
pub mod settings;
pub mod stats;
pub(crate) mod storage;
pub(crate) mod streaming;
pub(crate) mod world;

/// A request as every service receives it.
pub(crate) type Request = axum::http::Request<axum::body::Body>;
/// An answer as every service gives it.
pub(crate) type Response = axum::http::Response<axum::body::Body>;
