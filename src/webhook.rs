//! Posts the result of a command to an address of the operator, signed according to the specification of Standard
//! Webhooks.
//!
//! A redirect is not followed: the address is the one that was configured. Transient failures are retried with the same
//! id, so that the receiver can recognise a repetition.

use std::sync::Arc;
use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::{HttpClient, Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::call::{Call, Caller};
use crate::clock;
use crate::config::{Webhook, WebhookKey};
use crate::error::{Asked, CallError};
use crate::failure::Failure;
use crate::memory::Memory;
use crate::model::{AccountName, Plane};
use crate::retry::{Idempotency, RetryPolicy, final_disposition};
use crate::throttle::{Lane, LaneLimits};
use crate::transport::{AllowedHosts, authority, guarded, parse_retry_after};

/// About forty seconds in total, which is enough for a restart of the receiver.
const POLICY: RetryPolicy = RetryPolicy {
    max_attempts: 5,
    first_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(30),
    retry_after_cap: Duration::from_secs(30),
};
/// The time limit of all attempts together.
const PATIENCE: Duration = Duration::from_mins(2);

/// The action as in "failed to …".
const ATTEMPTED: &str = "post to the webhook";

/// Posts a body of JSON. `id` is the id of the message, also in retries.
///
/// # Errors
/// The receiver does not accept it, even after all attempts.
pub async fn post(client: Arc<dyn HttpClient>, hook: &Webhook, id: &str, body: &str) -> Result<(), CallError> {
    let subject = authority(hook.url());
    let (hosts, memory) = (AllowedHosts::default(), Memory::default());
    hosts.allow(hook.url());
    let client = guarded(client, hosts, &memory);
    let limits = LaneLimits { in_flight: 1, ..LaneLimits::default() };
    let lane = Lane::new(AccountName::new(&subject), Plane::Viewer, limits);
    let call = Call {
        operation: "PostWebhook",
        attempted: ATTEMPTED,
        subject: subject.as_str(),
        // The receiver recognises a repetition by its id.
        idempotency: Idempotency::Repeatable,
        bytes: 0,
        source: None,
    };
    let caller = Caller::new(lane, POLICY);
    let posted = caller.run(call, |_| attempt(client.as_ref(), hook, id, body));
    tokio::time::timeout(PATIENCE, posted).await.unwrap_or_else(|_| {
        let failure = Failure::Timeout(PATIENCE);
        Err(CallError {
            attempted: ATTEMPTED,
            subject: subject.clone(),
            disposition: final_disposition(&failure),
            failure,
            attempts: 1,
            asked: Asked::Service,
        })
    })
}

async fn attempt(client: &dyn HttpClient, hook: &Webhook, id: &str, body: &str) -> Result<(), Failure> {
    let mut request = Request::new(hook.url().clone(), Method::Post);
    let now = clock::now().as_second().to_string();
    request.insert_header("content-type", "application/json");
    request.insert_header("webhook-id", id.to_owned());
    if let Some(key) = &hook.key {
        request.insert_header("webhook-signature", signature(key, &[id, &now, body].join(".")));
    }
    request.insert_header("webhook-timestamp", now);
    request.set_body(body.to_owned());
    let answer = client.execute_request(&request).await?;
    match u16::from(answer.status()) {
        200..=299 => Ok(()),
        status => Err(Failure::Refused {
            status,
            code: None,
            message: String::new(),
            retry_after: retry_after(answer.headers()),
            source_refusal: None,
        }),
    }
}

fn retry_after(headers: &Headers) -> Option<Duration> {
    let (_, value) = headers.iter().find(|(name, _)| name.as_str() == "retry-after")?;
    parse_retry_after(value.as_str())
}

fn signature(key: &WebhookKey, signed: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("a key of any length is taken");
    mac.update(signed.as_bytes());
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Secret;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let key = WebhookKey::parse(Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        assert_eq!(signature(&key, signed), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
