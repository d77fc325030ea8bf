//! The streaming host (stub).
use super::world::World;
use super::{Request, Response};
use std::sync::Arc;
/// Answers one request to the streaming host of a region.
pub(crate) async fn serve(_world: &Arc<World>, _region: usize, _request: Request) -> Response {
    todo!("E3")
}
