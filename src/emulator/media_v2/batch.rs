//! `$batch`.
use std::sync::Arc;

use axum::http::HeaderMap;

use super::answer::Answer;
use super::call::Call;
use super::errors::ApiError;
use crate::emulator::world::World;

/// Answers a batch.
pub(super) async fn serve(
    _world: &Arc<World>,
    _region: usize,
    _headers: &HeaderMap,
    _call: &Call,
) -> Result<Answer, ApiError> {
    Err(ApiError::new(501, "Batches are not supported."))
}
