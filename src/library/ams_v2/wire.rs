//! Sends one request of the media API: token, root, headers, dialect, and the meaning of the answer.
//!
//! It sends verbose JSON, the only dialect of all versions; it reads both dialects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use azure_core::http::{HttpClient, Method, Request};
use jiff::SignedDuration;
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;
use url::Url;

use super::batch::{self, Changeset, Outcome};
use super::calls::{JSON, LIGHT_JSON, safe, set_headers};
use super::errors;
use super::exchange::{self, Answer};
use super::front_door::FrontDoor;
use super::odata::{self, Row};
use crate::call::{Call, Caller};
use crate::error::{CallError, Failure};
use crate::identity::{Token, Tokens};
use crate::transport::authority;

/// A request of the media API.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    /// Its verb.
    pub(super) verb: Verb,
    /// Path and query below the root, escaped.
    pub(super) path: String,
    /// The body.
    pub(super) body: Content<'a>,
}

/// The body of a request.
#[derive(Debug, Clone)]
pub(super) enum Content<'a> {
    /// Nothing.
    None,
    /// An entity or a part of one.
    Json(Value),
    /// The same in light JSON, as documented for entities with lists inside objects.
    LightJson(Value),
    /// Changesets.
    Batch(&'a [Changeset]),
    /// Paths of queries, below the root.
    Queries(&'a [String]),
}

/// A verb, `MERGE` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Merge,
    Delete,
}

impl Ask<'_> {
    /// Reads.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { verb: Verb::Get, path: path.into(), body: Content::None }
    }

    /// Creates an entity.
    pub(super) fn post(set: &str, entity: Value) -> Self {
        Self { verb: Verb::Post, path: set.to_owned(), body: Content::Json(entity) }
    }

    /// Changes some properties.
    pub(super) fn merge(path: impl Into<String>, changes: Value) -> Self {
        Self { verb: Verb::Merge, path: path.into(), body: Content::Json(changes) }
    }

    /// Removes an entity.
    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self { verb: Verb::Delete, path: path.into(), body: Content::None }
    }
}

/// Puts content type and body of a batch into its request.
fn put_batch(request: &mut Request, (content_type, body): (String, String)) {
    request.insert_header("content-type", content_type);
    request.insert_header("accept", "multipart/mixed");
    request.set_body(body);
}

/// One account's connection to the API.
#[derive(Debug)]
pub(super) struct Wire {
    client: Arc<dyn HttpClient>,
    caller: Caller,
    door_caller: Caller,
    tokens: Tokens,
    door: FrontDoor,
    version: String,
    root: RwLock<Option<Arc<Url>>>,
    knocking: tokio::sync::Mutex<()>,
    /// The service refused PATCH: MERGE is tunnelled through POST.
    tunnel: AtomicBool,
    /// How far the service's clock was ahead of ours in its last answer.
    skew: Mutex<Option<SignedDuration>>,
}

impl Wire {
    pub(super) fn new(
        client: Arc<dyn HttpClient>,
        caller: Caller,
        tokens: Tokens,
        door: FrontDoor,
        version: String,
    ) -> Self {
        Self {
            client,
            door_caller: caller.for_another_host(),
            caller,
            tokens,
            door,
            version,
            root: RwLock::default(),
            knocking: tokio::sync::Mutex::default(),
            tunnel: AtomicBool::new(false),
            skew: Mutex::new(None),
        }
    }

    /// The lane's caller.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// How far the service's clock is ahead of ours, according to its last answer.
    pub(super) fn clock_skew(&self) -> Option<SignedDuration> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_date(&self, answer: &Answer) {
        let date = answer.date.as_deref().and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        if let Some(date) = date {
            let skew = date.duration_since(crate::clock::now());
            *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
        }
    }

    /// The whole URI of an entity, for references in bodies.
    pub(super) async fn uri(&self, path: &str) -> Result<String, CallError> {
        Ok(format!("{}{path}", self.root().await?))
    }

    /// Sends a request and ignores the body of the answer.
    pub(super) async fn act(&self, call: Call<'_>, ask: &Ask<'_>) -> Result<(), CallError> {
        self.run(call, ask, |_, _| Ok(())).await
    }

    /// The rows of a listing.
    pub(super) async fn rows(&self, call: Call<'_>, ask: &Ask<'_>) -> Result<Vec<Row>, CallError> {
        self.read(call, ask, odata::rows).await
    }

    /// What `read` finds in the body of the answer.
    pub(super) async fn read<T>(
        &self,
        call: Call<'_>,
        ask: &Ask<'_>,
        read: fn(&str) -> Option<T>,
    ) -> Result<T, CallError> {
        self.run(call, ask, |host, answer| read(&answer.body).ok_or_else(|| errors::not_json(host, &answer.body))).await
    }

    /// One entity.
    pub(super) async fn row(&self, call: Call<'_>, ask: &Ask<'_>) -> Result<Row, CallError> {
        self.read(call, ask, odata::row).await
    }

    /// One entity, or `None` if there is none.
    pub(super) async fn find(&self, call: Call<'_>, ask: &Ask<'_>) -> Result<Option<Row>, CallError> {
        match self.row(call, ask).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.failure.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends changesets in one request; one outcome each, in order.
    pub(super) async fn batch(&self, call: Call<'_>, changesets: &[Changeset]) -> Result<Vec<Outcome>, CallError> {
        let ask = Ask { verb: Verb::Post, path: "$batch".to_owned(), body: Content::Batch(changesets) };
        self.run(call, &ask, |host, answer| {
            let content_type = answer.content_type.as_deref().unwrap_or_default();
            batch::read(content_type, &answer.body, changesets).ok_or_else(|| errors::not_json(host, &answer.body))
        })
        .await
    }

    /// Sends queries in one request; what `read` finds in the answer to each, in order.
    pub(super) async fn queries<T>(
        &self,
        call: Call<'_>,
        paths: &[String],
        read: fn(&str) -> Option<T>,
    ) -> Result<Vec<Result<T, Failure>>, CallError> {
        let ask = Ask { verb: Verb::Post, path: "$batch".to_owned(), body: Content::Queries(paths) };
        self.run(call, &ask, |host, answer| {
            let content_type = answer.content_type.as_deref().unwrap_or_default();
            batch::read_queries(content_type, &answer.body, paths.len(), read)
                .ok_or_else(|| errors::not_json(host, &answer.body))
        })
        .await
    }

    /// Sends a request until `read` can read the answer. A refused token is renewed once.
    async fn run<T>(
        &self,
        call: Call<'_>,
        ask: &Ask<'_>,
        read: impl Fn(&str, &Answer) -> Result<T, Failure>,
    ) -> Result<T, CallError> {
        let mut renewed = false;
        loop {
            self.tokens.get().await?;
            let root = self.root().await?;
            let refusal = Mutex::new(None);
            let (root, host, refusal, read) = (&root, &authority(&root), &refusal, &read);
            let attempt = |_| async move {
                let answer = self.attempt(ask, root, refusal).await?;
                match answer.status {
                    200..=299 => read(host, &answer),
                    300..=399 => Err(errors::redirected(answer.status, host, answer.location.as_deref())),
                    status => Err(errors::refusal(status, answer.retry_after.as_deref(), &answer.body)),
                }
            };
            match self.caller.run(Call { ..call }, attempt).await {
                Err(error) if error.failure.status() == Some(401) && !renewed => renewed = true,
                result => return result,
            }
        }
    }

    /// Sends the request once, if there is a valid token. A refused token is discarded and its refusal recorded: the
    /// caller gets a new token while it holds no permit. Until then, every other attempt fails with the same refusal
    /// and sends nothing.
    async fn attempt(&self, ask: &Ask<'_>, root: &Url, refusal: &Mutex<Option<Failure>>) -> Result<Answer, Failure> {
        let Some(token) = self.tokens.valid() else {
            self.caller.lane().not_sent();
            let noted = refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Err(noted.unwrap_or_else(|| errors::refusal(401, None, "the access token expired meanwhile")));
        };
        let tunnel = self.tunnel.load(Ordering::Relaxed);
        let mut answer = exchange::send(self.client.as_ref(), &self.request(ask, root, &token, tunnel)?).await?;
        if ask.verb == Verb::Merge && !tunnel && matches!(answer.status, 405 | 501) {
            self.tunnel.store(true, Ordering::Relaxed);
            answer = exchange::send(self.client.as_ref(), &self.request(ask, root, &token, true)?).await?;
        }
        self.note_date(&answer);
        if answer.status == 401 {
            self.tokens.invalidate(&token);
            let failure = errors::refusal(401, None, &answer.body);
            *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
        Ok(answer)
    }

    fn request(&self, ask: &Ask<'_>, root: &Url, token: &Token, tunnel: bool) -> Result<Request, Failure> {
        let url = Url::parse(&format!("{root}{}", ask.path))
            .map_err(|error| Failure::Unexpected(format!("no URL can be made of {}: {error}", ask.path)))?;
        let method = match ask.verb {
            Verb::Get => Method::Get,
            Verb::Post => Method::Post,
            Verb::Merge if tunnel => Method::Post,
            Verb::Merge => Method::Patch,
            Verb::Delete => Method::Delete,
        };
        let mut request = Request::new(url, method);
        set_headers(&mut request, &self.version, token);
        if ask.verb == Verb::Merge && tunnel {
            request.insert_header("x-http-method", "MERGE");
        }
        match &ask.body {
            Content::None => {}
            Content::Json(body) => {
                request.insert_header("content-type", JSON);
                request.set_body(body.to_string());
            }
            Content::LightJson(body) => {
                request.insert_header("content-type", LIGHT_JSON);
                request.set_body(body.to_string());
            }
            Content::Batch(changesets) => put_batch(&mut request, batch::write(root, changesets)),
            Content::Queries(paths) => put_batch(&mut request, batch::write_queries(root, paths)),
        }
        Ok(request)
    }

    /// The root of the API, which is requested once.
    async fn root(&self) -> Result<Arc<Url>, CallError> {
        if let Some(root) = self.known_root() {
            return Ok(root);
        }
        let _knocking = self.knocking.lock().await;
        let account = self.caller.lane().account().as_str();
        let mut renewed = false;
        loop {
            if let Some(root) = self.known_root() {
                return Ok(root);
            }
            let token = &self.tokens.get().await?;
            let knock = |_| self.door.knock(self.client.as_ref(), &self.version, token);
            match self.door_caller.run(safe("GetRoot", "find the media API of", account), knock).await {
                Ok(root) => *self.root.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(root)),
                Err(error) if error.failure.status() == Some(401) && !renewed => {
                    self.tokens.invalidate(token);
                    renewed = true;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn known_root(&self) -> Option<Arc<Url>> {
        self.root.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
