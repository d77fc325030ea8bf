//! The credential of an account, and a policy that adds it to every attempt.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, Headers};
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{Context, Request};

use super::auth::{AccountKey, http_date};
use crate::config::ConfigError;
use crate::identity::{Token, Tokens};
use crate::model::AccountName;
use crate::redact::{Secret, sent};

/// How a client signs in to a storage account.
#[derive(Debug, Clone)]
pub enum Access {
    /// The account key, in base64.
    Key(Secret),
    /// A signature that the operator supplied, as the query of a URL, with the permissions in it.
    Sas(Secret),
    /// The tokens of a principal with roles on the account.
    Tokens(Arc<Tokens>),
}

/// The same, ready to be used.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    Key(AccountKey),
    Sas(Secret),
    Tokens(Arc<Tokens>),
}

impl Credential {
    /// Reads the key, if it is one.
    pub(super) fn new(account: AccountName, access: Access) -> Result<Self, ConfigError> {
        Ok(match access {
            Access::Key(key) => Self::Key(AccountKey::new(account, &key)?),
            Access::Sas(sas) => Self::Sas(sas),
            Access::Tokens(tokens) => Self::Tokens(tokens),
        })
    }

    /// The tokens, if there are any.
    pub(super) fn tokens(&self) -> Option<&Arc<Tokens>> {
        match self {
            Self::Tokens(tokens) => Some(tokens),
            Self::Key(_) | Self::Sas(_) => None,
        }
    }
}

/// Signs every attempt again: a signature by key contains its date, and the service refuses dates older than 15
/// minutes.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) account: AccountName,
    pub(super) credential: Credential,
}

/// The code with which the target of a copy reports that it could not read the source. It says nothing about our token.
pub(super) const OF_THE_SOURCE: &str = "CannotVerifyCopySource";

impl Signer {
    /// Dates and signs the request as it is now. Returns the token that it carries, if it carries one: without a valid
    /// token nothing is added, and the service refuses the request. See [`super::caller`].
    pub(super) fn sign(&self, request: &mut Request) -> Option<Arc<Token>> {
        let authorization = const { HeaderName::from_static("authorization") };
        match &self.credential {
            Credential::Key(key) => {
                let date = const { HeaderName::from_static("x-ms-date") };
                request.insert_header(date, http_date(crate::clock::now()));
                let signature = key.sign_request(request);
                sent(&signature);
                request.insert_header(authorization, ["SharedKey ", self.account.as_str(), ":", &signature].concat());
                None
            }
            Credential::Sas(sas) => {
                let url = request.url_mut();
                let query = match url.query() {
                    None | Some("") => sas.expose().to_owned(),
                    // It is sent for the second time.
                    Some(query) if query.ends_with(sas.expose()) => return None,
                    Some(query) => format!("{query}&{}", sas.expose()),
                };
                url.set_query(Some(&query));
                None
            }
            Credential::Tokens(tokens) => {
                let token = tokens.valid()?;
                request.insert_header(authorization, token.header());
                Some(token)
            }
        }
    }

    /// Discards the token of a request if its answer refuses the token.
    pub(super) fn note(&self, token: Option<&Arc<Token>>, status: u16, headers: &Headers) {
        let Some((tokens, token)) = self.credential.tokens().zip(token).filter(|_| status == 401) else { return };
        let code = headers.iter().find(|(name, _)| name.as_str() == "x-ms-error-code");
        if code.is_none_or(|(_, code)| code.as_str() != OF_THE_SOURCE) {
            tokens.invalidate(token);
        }
    }
}

#[async_trait]
impl Policy for Signer {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let token = self.sign(request);
        let answer = next[0].send(ctx, request, &next[1..]).await?;
        self.note(token.as_ref(), answer.status().into(), answer.headers());
        Ok(answer)
    }
}
