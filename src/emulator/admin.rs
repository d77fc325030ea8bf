//! The emulator's own service: its addresses, its request counters, and restarts.
//!
//! `GET /_emulator/ready`, `GET /_emulator/stats`, `POST /_emulator/stats/reset`, `POST /_emulator/restart?away_ms=N`.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde::Serialize;

use super::http::{Request, Response};
use super::ready::Ready;
use super::world::World;

/// How long services may be unavailable in a restart.
const LONGEST: Duration = Duration::from_hours(1);

/// Answers one request to the admin service.
pub(crate) fn serve(world: &World, request: &Request) -> Response {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/_emulator/ready") => json(StatusCode::OK, &Ready::of(world)),
        (&Method::GET, "/_emulator/stats") => json(StatusCode::OK, &world.stats.snapshot()),
        (&Method::POST, "/_emulator/stats/reset") => {
            world.stats.reset();
            json(StatusCode::OK, &world.stats.snapshot())
        }
        (&Method::POST, "/_emulator/restart") => restart(world, request.uri().query()),
        (_, "/_emulator/ready" | "/_emulator/stats" | "/_emulator/stats/reset" | "/_emulator/restart") => {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "GET to read, POST to reset or to restart")
        }
        _ => refusal(
            StatusCode::NOT_FOUND,
            "ask for /_emulator/ready, /_emulator/stats or, with POST, /_emulator/stats/reset, /_emulator/restart?away_ms=N",
        ),
    }
}

/// Makes all services except this one unavailable for a number of milliseconds.
fn restart(world: &World, query: Option<&str>) -> Response {
    let away = query.and_then(|query| query.strip_prefix("away_ms=")).and_then(|away| away.parse().ok());
    match away.map(Duration::from_millis).filter(|away| *away <= LONGEST) {
        None => {
            refusal(StatusCode::BAD_REQUEST, "say how long to be away: /_emulator/restart?away_ms=N, an hour at most")
        }
        Some(away) if world.restarts.order(away) => {
            json(StatusCode::ACCEPTED, &serde_json::json!({ "away_ms": away.as_millis() }))
        }
        Some(_) => refusal(StatusCode::CONFLICT, "there are no sockets to break: this emulator runs in process"),
    }
}

fn refusal(status: StatusCode, error: &str) -> Response {
    json(status, &serde_json::json!({ "error": error }))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("strings and numbers always serialise");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
