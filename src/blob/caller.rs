//! Calls of an account whose requests carry a token: a valid token is obtained before a call waits for its permit, and
//! a token that the service refuses is renewed once.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::signer::{Credential, OF_THE_SOURCE};
use crate::call::{Call, Caller};
use crate::error::{CallError, Failure};
use crate::identity::Tokens;
use crate::throttle::Lane;

/// Sends an account's requests.
#[derive(Debug)]
pub(super) struct AccountCaller {
    caller: Caller,
    /// `None`: we sign in with a key or a signature, which need no preparation.
    tokens: Option<Arc<Tokens>>,
}

impl AccountCaller {
    pub(super) fn new(caller: Caller, credential: &Credential) -> Self {
        Self { caller, tokens: credential.tokens().map(Arc::clone) }
    }

    /// Its lane.
    pub(super) fn lane(&self) -> &Arc<Lane> {
        self.caller.lane()
    }

    /// Sends calls whose answer does not depend on the credential.
    pub(super) fn as_anybody(&self) -> &Caller {
        &self.caller
    }

    /// Waits until a request can be authorised.
    pub(super) async fn ready(&self) -> Result<(), CallError> {
        match &self.tokens {
            Some(tokens) => tokens.get().await.map(drop),
            None => Ok(()),
        }
    }

    /// As [`Caller::run`].
    pub(super) async fn run<T, Subject, F, Fut>(&self, call: Call<'_, Subject>, attempt: F) -> Result<T, CallError>
    where
        Subject: fmt::Display + ?Sized,
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        match &self.tokens {
            None => self.caller.run(call, attempt).await,
            // Boxed, so that accounts without tokens do not pay for it.
            Some(tokens) => Box::pin(self.run_with(tokens, call, attempt)).await,
        }
    }

    async fn run_with<T, Subject, F, Fut>(
        &self,
        tokens: &Tokens,
        call: Call<'_, Subject>,
        mut attempt: F,
    ) -> Result<T, CallError>
    where
        Subject: fmt::Display + ?Sized,
        F: FnMut(u32) -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        let mut renewed = false;
        loop {
            tokens.get().await?;
            let refusal = Mutex::new(None);
            let refusal = &refusal;
            let attempt = |number| {
                // Without a token, an attempt sends nothing and fails as the last request for a token did.
                let sent = tokens.valid().is_some().then(|| attempt(number));
                async move {
                    let Some(sent) = sent else {
                        self.caller.lane().not_sent();
                        let noted: Option<Failure> = refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
                        return Err(noted.unwrap_or_else(ended));
                    };
                    let result = sent.await;
                    if let Err(failure) = &result
                        && is_of_the_token(failure)
                    {
                        *refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure.clone());
                    }
                    result
                }
            };
            match self.caller.run(Call { ..call }, attempt).await {
                Err(error) if is_of_the_token(&error.failure) && !renewed => renewed = true,
                result => return result,
            }
        }
    }
}

/// Is it a refusal of our token?
fn is_of_the_token(failure: &Failure) -> bool {
    failure.status() == Some(401) && failure.code() != Some(OF_THE_SOURCE)
}

/// The token expired between two attempts.
fn ended() -> Failure {
    let message = "the access token expired meanwhile".to_owned();
    Failure::Refused { status: 401, code: None, message, retry_after: None, source_refusal: None }
}

#[cfg(test)]
mod tests {
    use super::super::account::BlobAccount;
    use super::super::fake::{Fake, answer, refusal, token};
    use crate::error::{Disposition, Error};
    use crate::model::ContainerName;

    async fn exists(account: &BlobAccount) -> Result<bool, Error> {
        account.container_exists(&ContainerName::new("c")).await
    }

    #[tokio::test]
    async fn every_request_carries_the_token_which_is_requested_once() {
        let fake = Fake::new([token("one"), answer(200, &[])]);
        let account = fake.signed_in("acct");
        assert!(exists(&account).await.unwrap() && exists(&account).await.unwrap());
        let asked = fake.asked();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[0].url.as_str(), "https://login.example/tenant/oauth2/v2.0/token");
        assert_eq!(
            asked[0].body,
            "grant_type=client_credentials&client_id=app&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_secret=hush-hush"
        );
        assert!(asked[1..].iter().all(|asked| asked.header("authorization") == "Bearer one"), "{asked:?}");
        assert!(asked.iter().all(|asked| !asked.url.as_str().contains("one")), "{asked:?}");
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_renewed_once() {
        let refused = || refusal(401, "InvalidAuthenticationInfo");
        let fake = Fake::new([token("one"), refused(), token("two"), answer(200, &[])]);
        assert!(exists(&fake.signed_in("acct")).await.unwrap());
        let carried: Vec<_> = fake.asked().iter().map(|asked| asked.header("authorization").to_owned()).collect();
        assert_eq!(carried, ["", "Bearer one", "", "Bearer two"]);

        let fake = Fake::new([token("one"), refused(), token("two"), refused()]);
        let Error::Call(error) = exists(&fake.signed_in("acct")).await.unwrap_err() else { panic!("no call failed") };
        assert_eq!((error.failure.code(), error.disposition), (Some("InvalidAuthenticationInfo"), Disposition::Fatal));
        assert_eq!(fake.asked().len(), 4);
    }

    #[tokio::test]
    async fn without_a_token_no_request_is_sent_to_the_account() {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret."}"#;
        let fake = Fake::new([answer(401, &[]).with_body(body)]);
        let error = exists(&fake.signed_in("acct")).await.unwrap_err();
        assert!(error.is_of_tokens() && error.to_string().contains("AADSTS7000215"), "{error}");
        assert_eq!((error.disposition(), fake.asked().len()), (Disposition::Fatal, 1));
    }

    #[tokio::test]
    async fn the_time_of_an_account_is_read_without_a_token() {
        let fake = Fake::new([answer(401, &[("date", "Sun, 22 Nov 2026 19:50:50 GMT")])]);
        let time = fake.signed_in("acct").service_time().await.unwrap();
        assert_eq!((time.to_string().as_str(), fake.asked().len()), ("2026-11-22T19:50:50Z", 1));
    }
}
