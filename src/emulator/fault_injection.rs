//! Injects faults: every request passes here before its service gets it.
//!
//! A request that never reaches its service because of a fault is counted here, with the status of its answer; 0 = no
//! answer.

mod cut;
mod echo;
mod inflict;
mod mangle;
mod stale;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

pub(crate) use self::cut::Cut;
use super::faults::Asked;
use super::http::{Request, Response};
use super::stats::Plane;
use super::world::{Route, World};
use super::{blob, media_v2, services, streaming};

/// Answers a request to any service, with a fault if the active plan has one for it.
pub(crate) async fn answer(world: &Arc<World>, route: Route, request: Request) -> Response {
    // The admin service reports on the others, without being counted itself.
    if route == Route::Admin {
        return services::serve(world, route, request).await;
    }
    let _running = world.stats.begin();
    if world.faults.armed() {
        return answer_by_plan(world, route, request).await;
    }
    services::serve(world, route, request).await
}

/// Answers a request while a plan is active.
async fn answer_by_plan(world: &Arc<World>, route: Route, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = asked(world, route, &parts);
    let strike = world.faults.strike(&asked);
    let request = Request::from_parts(parts, body);
    stale::remember(world, route, &asked, request.method());
    match strike {
        None => services::serve(world, route, request).await,
        Some(strike) => inflict::inflict(world, route, request, &asked, strike).await,
    }
}

/// The attributes of a request that the rules of a plan match.
fn asked(world: &World, route: Route, parts: &Parts) -> Asked {
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
    let media = |region: usize| world.regions[region].settings.account.clone();
    let (account, plane, operation) = match route {
        Route::Token(region) => (media(region), Plane::Token, media_v2::token_operation(parts.uri.path())),
        Route::Front(region) => (media(region), Plane::Media, "FrontDoor"),
        Route::Cluster(region) => (media(region), Plane::Media, media_v2::operation_of(parts)),
        Route::Streaming(region) => (media(region), Plane::Streaming, streaming::operation_of(parts.uri.path())),
        Route::Blob(_) => {
            let account = path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
            (account, Plane::Blob, blob::operation_of(parts))
        }
        Route::Admin => (String::new(), Plane::Media, "Unknown"),
    };
    Asked { account, plane, operation, path }
}
