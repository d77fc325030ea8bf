//! Tests against whole services.

mod blob_contract;
