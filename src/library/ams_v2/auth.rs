//! Tokens of the Access Control Service and of Entra ID, cached and renewed in good time by one request at a time.
//!
//! A token is acquired before the request that needs it waits for its permit, so that no task waits for a permit while
//! it holds another one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::http::{HttpClient, Method, Request};
use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::calls::{JSON, safe};
use super::{errors, exchange};
use crate::call::Caller;
use crate::clock;
use crate::config::AuthConfig;
use crate::error::{Asked, CallError, Failure};
use crate::redact::Secret;
use crate::transport::authority;

/// Renew this long before the end: what the vendor's .NET client does …
const EARLY: Duration = Duration::from_mins(10);
/// … but not before this part of a short life has passed, or a ten-minute token would be renewed all the time.
const LIFE_USED: f64 = 0.8;
/// After a failed early renewal the old token serves this long before the next try (guess).
const RENEWAL_PAUSE: Duration = Duration::from_secs(15);
/// The lifetime of a token that does not state it: far below the lifetimes of both services (1 h, 6 h).
const DEFAULT_LIFE: Duration = Duration::from_mins(30);
/// The scope of all media accounts in ACS.
const ACS_SCOPE: &str = "urn:WindowsAzureMediaServices";

/// A token with its times.
#[derive(Debug)]
pub(super) struct Token {
    /// What goes behind `Bearer `, verbatim.
    pub(super) value: Secret,
    renew: Timestamp,
    expiry: Timestamp,
}

/// What is known.
#[derive(Debug, Default)]
struct State {
    token: Option<Arc<Token>>,
    /// How often a token was requested; a waiter sees by it that another task got the answer meanwhile.
    asked: u64,
    failure: Option<CallError>,
    pause_until: Option<Timestamp>,
}

/// One account's tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    auth: AuthConfig,
    client: Arc<dyn HttpClient>,
    caller: Caller,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// Nothing is sent yet.
    pub(super) fn new(auth: AuthConfig, client: Arc<dyn HttpClient>, caller: Caller) -> Self {
        Self { auth, client, caller, state: Mutex::default(), flight: tokio::sync::Mutex::default() }
    }

    /// Where tokens come from.
    pub(super) fn url(&self) -> &url::Url {
        match &self.auth {
            AuthConfig::Acs { token_url, .. } | AuthConfig::Entra { token_url, .. } => token_url,
        }
    }

    /// A valid token, from the cache or new.
    pub(super) async fn get(&self) -> Result<Arc<Token>, CallError> {
        let now = clock::now();
        let (cached, asked) = self.cached(now);
        let _flight = match &cached {
            Some((token, false)) => return Ok(Arc::clone(token)),
            // Due but valid: one task renews it, the others use the old one.
            Some((token, true)) => match self.flight.try_lock() {
                Ok(flight) => flight,
                Err(_) => return Ok(Arc::clone(token)),
            },
            None => self.flight.lock().await,
        };
        if let Some(answer) = self.answered_since(asked) {
            return answer;
        }
        let account = self.caller.lane().account().as_str();
        let early = cached.is_some();
        let attempt = |_| async move {
            // One try is enough while the old token is valid: a failure of the final kind is not tried again.
            self.ask().await.map_err(|failure| if early { Failure::Credential(failure.to_string()) } else { failure })
        };
        let result = self.caller.run(safe("GetToken", "get an access token for", account), attempt).await;
        let result = result.map_err(|error| CallError { asked: Asked::TokenService, ..error });
        let mut state = self.lock();
        state.asked += 1;
        match (result, cached) {
            (Ok(token), _) => {
                let token = Arc::new(token);
                state.token = Some(Arc::clone(&token));
                state.failure = None;
                Ok(token)
            }
            (Err(error), Some((token, _))) => {
                tracing::warn!(%error, "the access token could not be renewed yet; the old one is still valid");
                state.pause_until = clock::now().checked_add(RENEWAL_PAUSE).ok();
                Ok(token)
            }
            (Err(error), None) => {
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Forgets a token that was refused, unless a newer one has taken its place.
    pub(super) fn invalidate(&self, refused: &Arc<Token>) {
        let mut state = self.lock();
        if state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            state.token = None;
        }
    }

    /// The valid token, if there is one.
    pub(super) fn valid(&self) -> Option<Arc<Token>> {
        Some(self.cached(clock::now()).0?.0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached token if it is valid, whether it is due to be renewed, and how often one was asked for so far.
    fn cached(&self, now: Timestamp) -> (Option<(Arc<Token>, bool)>, u64) {
        let state = self.lock();
        let paused = state.pause_until.is_some_and(|until| now < until);
        let cached = state.token.as_ref().filter(|token| now < token.expiry);
        (cached.map(|token| (Arc::clone(token), now >= token.renew && !paused)), state.asked)
    }

    /// What another request learned while this one waited.
    fn answered_since(&self, asked: u64) -> Option<Result<Arc<Token>, CallError>> {
        let state = self.lock();
        if state.asked == asked {
            return None;
        }
        match (&state.token, &state.failure) {
            (Some(token), _) if clock::now() < token.expiry => Some(Ok(Arc::clone(token))),
            // Wrong credentials do not get better; anything else each waiter may try for itself.
            (None, Some(error @ CallError { failure: Failure::Credential(_), .. })) => Some(Err(error.clone())),
            _ => None,
        }
    }

    /// What is asked for.
    fn form(&self) -> String {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        match &self.auth {
            AuthConfig::Acs { client_id, secret, .. } => form
                .append_pair("client_id", client_id)
                .append_pair("client_secret", secret.expose())
                .append_pair("scope", ACS_SCOPE),
            AuthConfig::Entra { client_id, secret, resource, .. } => form
                .append_pair("client_id", client_id)
                .append_pair("client_secret", secret.expose())
                .append_pair("resource", resource),
        };
        form.finish()
    }

    /// Asks for a token. The secret travels in the body only.
    async fn ask(&self) -> Result<Token, Failure> {
        let mut request = Request::new(self.url().clone(), Method::Post);
        request.insert_header("content-type", "application/x-www-form-urlencoded");
        request.insert_header("accept", "application/json");
        request.set_body(self.form());
        let asked_at = clock::now();
        let answer = exchange::send(self.client.as_ref(), &request).await?;
        let host = authority(self.url());
        match answer.status {
            200 => read(&answer.body, asked_at).ok_or_else(|| {
                Failure::Credential(format!("{host} answered something that is no token; is the token URL right?"))
            }),
            408 | 429 | 500..=599 => Err(errors::refusal(answer.status, answer.retry_after.as_deref(), &answer.body)),
            status => {
                let failure = errors::refusal(status, None, &answer.body);
                Err(Failure::Credential(format!("{host} answered {failure}")))
            }
        }
    }
}

/// Reads a token answer; its times are numbers or texts.
fn read(body: &str, asked_at: Timestamp) -> Option<Token> {
    let document: Value = serde_json::from_str(body).ok()?;
    let value = document.get("access_token")?.as_str().filter(|value| !value.is_empty())?;
    let seconds = |name: &str| match document.get(name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let stated = seconds("expires_in").and_then(|life| u64::try_from(life).ok()).map(Duration::from_secs);
    let until = |at: i64| asked_at.until(Timestamp::from_second(at).ok()?).ok()?.try_into().ok();
    let life: Duration =
        stated.or_else(|| until(seconds("expires_on")?)).or_else(|| until(swt_expiry(value)?)).unwrap_or(DEFAULT_LIFE);
    let renew_after = life.mul_f64(LIFE_USED).max(life.saturating_sub(EARLY));
    Some(Token {
        value: Secret::new(value),
        renew: asked_at.checked_add(renew_after).ok()?,
        expiry: asked_at.checked_add(life).ok()?,
    })
}

/// The `ExpiresOn` inside a simple web token.
fn swt_expiry(token: &str) -> Option<i64> {
    token.split('&').find_map(|pair| pair.strip_prefix("ExpiresOn="))?.parse().ok()
}

/// The headers every request carries.
pub(super) fn set_headers(request: &mut Request, version: &str, token: &Token) {
    request.insert_header("authorization", format!("Bearer {}", token.value.expose()));
    request.insert_header("x-ms-version", version.to_owned());
    request.insert_header("dataserviceversion", "3.0");
    request.insert_header("maxdataserviceversion", "3.0");
    request.insert_header("accept", JSON);
    request.insert_header("x-ms-client-request-id", uuid::Uuid::new_v4().to_string());
}

#[cfg(test)]
mod tests;
