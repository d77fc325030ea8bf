//! The Media Services v2 plane: tokens, front door and the REST API of an account, written from the API's documents and
//! wire captures. If a capture contradicts a document, the capture is followed.
//!
//! It supports verbose and light JSON, but not Atom.

mod answer;
mod asset_container;
mod assets;
mod background;
mod batch;
mod call;
mod delivery;
mod endpoints;
mod errors;
mod files;
mod filters;
mod front;
mod input;
mod jobs;
mod key_delivery;
mod links;
mod locators;
mod look;
mod missing_sets;
mod multipart;
mod operator;
mod policies;
mod protection;
mod published;
mod query;
mod quotes;
mod read;
mod render;
mod seeder;
mod service;
mod single;
mod task_body;
#[cfg(test)]
mod tests;
mod tokens;
mod transaction;
mod write;

use std::sync::Arc;
use std::time::Duration;

use self::answer::Answer;
pub(crate) use self::assets::SeedAsset;
use self::call::{Call, LONGEST_BODY, Verb};
pub(crate) use self::delivery::{ContentKey, Delivery, Protocol};
use self::errors::ApiError;
pub use self::locators::NewLocator;
pub(crate) use self::look::streaming_guids;
pub use self::look::{AssetLook, FileLook, LocatorLook};
pub use self::operator::{Operator, OperatorError};
pub(crate) use self::published::{PublishedLocator, published};
use self::render::Format;
pub(crate) use self::seeder::Seeder;
use self::service::Service;
pub(crate) use self::tokens::TokenLife;
use super::faults::plan::Pretence;
use super::http::{Request, Response, http_date};
use super::stats::Plane;
use super::world::World;

/// Answers one request to the cluster of a region.
pub(crate) async fn serve(world: &Arc<World>, region: usize, request: Request) -> Response {
    let service = Service { world, index: region };
    let _running = world.stats.begin();
    let head = request.method() == axum::http::Method::HEAD;
    // The documented limit of a client request id.
    let echo = ["x-ms-client-request-id", "client-request-id"]
        .iter()
        .find_map(|name| request.headers().get(*name)?.to_str().ok().map(str::to_owned))
        .filter(|id| id.len() <= 2096);
    let format = call::reply_format(request.headers()).unwrap_or(Format::Light);
    let latency = service.settings().latency_ms;
    if latency > 0 {
        tokio::time::sleep(Duration::from_millis(latency)).await;
    }
    let (operation, outcome) = handle(world, region, request).await;
    let answer = outcome.unwrap_or_else(|error| Answer::refusal(format, &error));
    world.stats.count(&service.region().settings.account, Plane::Media, operation, answer.status);
    let mut response = answer.into_response(echo.as_deref(), head);
    // Uses the clock, which a fault plan can set wrong.
    let seconds = world.clock.unix_millis().div_euclid(1000);
    let date = http_date(u32::try_from(seconds).unwrap_or_default());
    response.headers_mut().insert("date", axum::http::HeaderValue::try_from(date).expect("a date is ASCII"));
    response
}

async fn handle(world: &Arc<World>, region: usize, request: Request) -> (&'static str, Result<Answer, ApiError>) {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LONGEST_BODY).await;
    let prepared = (|| {
        let body = body.map_err(|_| ApiError::new(413, "The request body is too large."))?;
        let query = call::options(parts.uri.query().unwrap_or_default());
        let verb = Verb::of(parts.method.as_str(), &parts.headers)?;
        let path = call::segments(parts.uri.path())?;
        let version = call::version(&parts.headers, &query);
        let reply = call::reply_format(&parts.headers);
        let call = Call {
            verb,
            path,
            query,
            version: *version.as_ref().unwrap_or(&0),
            reply: *reply.as_ref().unwrap_or(&Format::Light),
            body: body.to_vec(),
            pretended: parts.extensions.get::<Pretence>().is_some(),
        };
        Ok((call, version, reply))
    })();
    let (call, version, reply) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return ("Unknown", Err(error)),
    };
    let batch = call.verb == Verb::Post && matches!(call.path.as_slice(), [only] if only.name == "$batch");
    let operation = if batch { "Batch" } else { write::operation(&call) };
    let service = Service { world, index: region };
    let account = &service.region().media;
    let authorization = parts.headers.get("authorization").and_then(|v| v.to_str().ok());
    let admitted = account.throttle.admit().map_err(|text| ApiError::new(503, text)).and_then(|()| {
        if tokens::admits(world, region, authorization) {
            version.and(reply).map(|_| ())
        } else {
            Err(ApiError::new(401, "Unauthorized: the token is missing, invalid or expired."))
        }
    });
    if let Err(refused) = admitted {
        return (operation, Err(refused));
    }
    account.endpoints.settle(&mut account.lock());
    endpoints::name_host(service);
    let outcome = if batch {
        batch::serve(world, region, &parts.headers, &call).await
    } else {
        single::execute(world, region, &call, parts.extensions.get()).await
    };
    (operation, outcome)
}

/// The operation of a request, as the statistics name it.
pub(crate) fn operation_of(parts: &axum::http::request::Parts) -> &'static str {
    let query = call::options(parts.uri.query().unwrap_or_default());
    let (Ok(verb), Ok(path)) = (Verb::of(parts.method.as_str(), &parts.headers), call::segments(parts.uri.path()))
    else {
        return "Unknown";
    };
    if verb == Verb::Post && matches!(path.as_slice(), [only] if only.name == "$batch") {
        return "Batch";
    }
    let version = call::version(&parts.headers, &query).unwrap_or(0);
    write::operation(&Call { verb, path, query, version, reply: Format::Light, body: Vec::new(), pretended: false })
}

/// The operation of a request to the token service.
pub(crate) fn token_operation(path: &str) -> &'static str {
    tokens::operation(&path.to_ascii_lowercase())
}

/// Answers one request to the front door of a region: 301 to the cluster.
pub(crate) async fn front_door(world: &Arc<World>, region: usize, request: Request) -> Response {
    let _running = world.stats.begin();
    front::serve(world, region, request).await
}

/// Answers one request to the token service of a region (ACS and Entra).
pub(crate) async fn tokens(world: &Arc<World>, region: usize, request: Request) -> Response {
    let _running = world.stats.begin();
    tokens::serve(world, region, request).await
}
