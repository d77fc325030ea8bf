//! The cache of tokens, which are renewed early, by one request at a time.
//!
//! A token is acquired before the request that needs it waits for its permit, so that no task waits for a permit while
//! it holds another one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::http::HttpClient;
use jiff::Timestamp;

use super::token::Token;
use super::ways;
use crate::call::{Call, Caller};
use crate::clock;
use crate::config::AuthConfig;
use crate::error::{Asked, CallError, Failure};
use crate::retry::Idempotency;
use crate::transport::AllowedHosts;

/// After a failed early renewal the old token is used this long before the next attempt (guess).
const RENEWAL_PAUSE: Duration = Duration::from_secs(15);

/// The state of the cache.
#[derive(Debug, Default)]
struct State {
    token: Option<Arc<Token>>,
    /// How often a token was requested. It shows a waiting task that another one got the answer meanwhile.
    asked: u64,
    failure: Option<CallError>,
    pause_until: Option<Timestamp>,
}

/// The tokens of one principal for one service.
#[derive(Debug)]
pub struct Tokens {
    auth: AuthConfig,
    client: Arc<dyn HttpClient>,
    caller: Caller,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// Sends nothing yet. `client` is a guarded transport whose allow-list is `hosts`; the token service's host is
    /// added to it.
    pub fn new(auth: AuthConfig, client: Arc<dyn HttpClient>, hosts: &AllowedHosts, caller: Caller) -> Self {
        if let Some(url) = auth.token_service() {
            hosts.allow(url);
        }
        Self { auth, client, caller, state: Mutex::default(), flight: tokio::sync::Mutex::default() }
    }

    /// A valid token, from the cache or new.
    pub(crate) async fn get(&self) -> Result<Arc<Token>, CallError> {
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
        let early = cached.is_some();
        let attempt = |_| async move {
            // One attempt is enough while the old token is valid. The failure is marked as final, so that it is not
            // retried.
            ways::ask(&self.auth, self.client.as_ref())
                .await
                .map_err(|failure| if early { Failure::Credential(failure.to_string()) } else { failure })
        };
        let result = self.caller.run(self.call(), attempt).await;
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

    /// Removes a refused token, unless a newer one has replaced it.
    pub(crate) fn invalidate(&self, refused: &Arc<Token>) {
        let mut state = self.lock();
        if state.token.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            state.token = None;
        }
    }

    /// The valid token, if there is one.
    pub(crate) fn valid(&self) -> Option<Arc<Token>> {
        Some(self.cached(clock::now()).0?.0)
    }

    fn call(&self) -> Call<'_> {
        Call {
            operation: "GetToken",
            attempted: "get an access token for",
            subject: self.caller.lane().account().as_str(),
            idempotency: Idempotency::Repeatable,
            bytes: 0,
            source: None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached token if it is valid, whether it must be renewed, and how often one was requested so far.
    fn cached(&self, now: Timestamp) -> (Option<(Arc<Token>, bool)>, u64) {
        let state = self.lock();
        let paused = state.pause_until.is_some_and(|until| now < until);
        let cached = state.token.as_ref().filter(|token| now < token.expiry);
        (cached.map(|token| (Arc::clone(token), now >= token.renew && !paused)), state.asked)
    }

    /// The answer to another request that ended while this one waited.
    fn answered_since(&self, asked: u64) -> Option<Result<Arc<Token>, CallError>> {
        let state = self.lock();
        if state.asked == asked {
            return None;
        }
        match (&state.token, &state.failure) {
            (Some(token), _) if clock::now() < token.expiry => Some(Ok(Arc::clone(token))),
            // Wrong credentials fail again; after other errors each waiting task may try itself.
            (None, Some(error @ CallError { failure: Failure::Credential(_), .. })) => Some(Err(error.clone())),
            _ => None,
        }
    }
}
