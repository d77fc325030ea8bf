//! The blob plane as a client sees it.

mod authorisation;
mod blobs;
mod copies;
mod descriptions;
mod hierarchy;
mod leases;
mod listings;
mod sources;
mod throttling;
