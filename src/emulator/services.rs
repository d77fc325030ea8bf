//! Passes a request to the service of its listener, without faults.

use std::sync::Arc;

use super::http::{Request, Response};
use super::world::{Route, World};
use super::{admin, blob, media_v2, streaming};

/// Answers a request to the service that listens at `route`.
pub(crate) async fn serve(world: &Arc<World>, route: Route, request: Request) -> Response {
    match route {
        Route::Token(region) => media_v2::tokens(world, region, request).await,
        Route::Front(region) => media_v2::front_door(world, region, request).await,
        Route::Cluster(region) => media_v2::serve(world, region, request).await,
        Route::Blob(region) => blob::serve(&**world, region, request).await,
        Route::Streaming(region) => streaming::serve(world, region, request).await,
        Route::Admin => admin::serve(world, &request),
    }
}
