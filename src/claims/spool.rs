//! Both catalogues in temporary tables: in memory while they are small, then in a file without a name that is removed
//! with the process. A library of a million assets takes as little memory as one of a thousand.
//!
//! Rows are written as they are listed and indexed when the listing is complete.

mod compare;
mod fill;
mod read;
mod row;
mod sorted;
mod tables;

pub(crate) use compare::{Census, Gone};
pub(crate) use row::Revoked;
pub(crate) use sorted::SortedBlobs;
pub(crate) use tables::Spool;
