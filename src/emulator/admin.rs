//! The emulator's own service: where everything answers, and what was asked of it.
//!
//! `GET /_emulator/ready`, `GET /_emulator/stats`, `POST /_emulator/stats/reset`.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde::Serialize;

use super::ready::Ready;
use super::world::World;
use super::{Request, Response};

/// Answers one request to the admin service.
pub(crate) fn serve(world: &World, request: &Request) -> Response {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/_emulator/ready") => json(StatusCode::OK, &Ready::of(world)),
        (&Method::GET, "/_emulator/stats") => json(StatusCode::OK, &world.stats.snapshot()),
        (&Method::POST, "/_emulator/stats/reset") => {
            world.stats.reset();
            json(StatusCode::OK, &world.stats.snapshot())
        }
        (_, "/_emulator/ready" | "/_emulator/stats" | "/_emulator/stats/reset") => {
            json(StatusCode::METHOD_NOT_ALLOWED, &serde_json::json!({ "error": "GET to read, POST to reset" }))
        }
        _ => json(
            StatusCode::NOT_FOUND,
            &serde_json::json!({
                "error": "ask for /_emulator/ready, /_emulator/stats or, with POST, /_emulator/stats/reset"
            }),
        ),
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).expect("strings and numbers always serialise");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
