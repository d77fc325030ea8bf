//! The blob plane (stub).
pub(crate) mod account;
pub(crate) mod sas;

use std::sync::Arc;

use super::world::World;
use super::{Request, Response};

/// Answers one request to the blob service of a region.
pub(crate) async fn serve(_world: &Arc<World>, _region: usize, _request: Request) -> Response {
    todo!("E1")
}
