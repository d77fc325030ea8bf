//! The front door: it answers every request with 301 and the root of the cluster that serves the account.

use axum::body::Body;

use super::call::LONGEST_BODY;
use crate::emulator::http::{Request, Response};
use crate::emulator::stats::Plane;
use crate::emulator::world::World;

/// Answers one request to the front door.
pub(super) async fn serve(world: &World, region: usize, request: Request) -> Response {
    let head = request.method() == axum::http::Method::HEAD;
    // Read to the end, so that the connection can be kept; its content does not matter.
    drop(axum::body::to_bytes(request.into_body(), LONGEST_BODY).await);
    let region = &world.regions[region];
    let location = format!("{}/api/", region.urls.cluster);
    let page = format!(
        "<html><head><title>Object moved</title></head><body>\r\n<h2>Object moved to <a href=\"{location}\">here</a>.</h2>\r\n</body></html>\r\n"
    );
    let id = uuid::Uuid::new_v4().to_string();
    world.stats.count(&region.settings.account, Plane::Media, "FrontDoor", 301);
    let length = page.len();
    let body = if head { String::new() } else { page };
    axum::http::Response::builder()
        .status(301)
        .header("location", location)
        .header("content-type", "text/html; charset=utf-8")
        .header("content-length", length)
        .header("server", "Microsoft-IIS/8.5")
        .header("request-id", &id)
        .header("x-ms-request-id", &id)
        .header("x-powered-by", "ASP.NET")
        .header("strict-transport-security", "max-age=31536000; includeSubDomains")
        .body(Body::from(body))
        .expect("constant header names and a URL of our own make a response")
}
