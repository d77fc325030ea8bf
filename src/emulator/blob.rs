//! The blob plane: Azure Blob storage's REST API in path style, `/account/container/blob`.
//!
//! Every request is authorised, limited, answered and counted here; the submodules have the operations.

pub(crate) mod account;
mod append;
mod ask;
mod bearer;
mod call;
mod change;
mod conditions;
mod containers;
pub(crate) mod content;
mod copy;
mod describe;
mod encryption;
mod hierarchy;
mod inside;
mod integrity;
mod kind;
mod lease;
mod listing;
mod missing_features;
mod operation;
mod page;
mod pending;
pub(crate) mod policies;
mod properties;
mod protection;
mod public_access;
mod read;
mod refusal;
mod roles;
pub(crate) mod sas;
mod service_properties;
pub(crate) mod shared_key;
mod source;
mod stored;
mod surroundings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod times;
mod upload;
mod xml;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};

use self::account::BlobAccount;
use self::ask::Ask;
use self::call::{Authority, Call};
use self::operation::Operation;
use self::refusal::{AUTHENTICATION_FAILED, RESOURCE_NOT_FOUND, Refusal};
use self::sas::{Grant, Issuer as _};
pub(crate) use self::surroundings::Surroundings;
use super::http::{Request, Response, http_date};
use super::stats::Plane;

/// The version in answers if the request has none.
const VERSION: HeaderValue = HeaderValue::from_static("2026-04-06");

/// The first version that accepts tokens.
const OLDEST_WITH_TOKENS: &str = "2017-11-09";

/// The operation of a request, as the statistics name it.
pub(crate) fn operation_of(parts: &Parts) -> &'static str {
    let operation = Ask::parse(parts).and_then(|ask| Operation::of(&ask));
    operation.unwrap_or(Operation::Unknown).name()
}

/// Answers one request to the blob service of a region.
pub(crate) async fn serve(around: &dyn Surroundings, region: usize, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut operation = Operation::Unknown;
    let name = parts.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
    let account = around.account(region, name);
    let result = match account {
        Some(account) => handle(around, account, &parts, body, &mut operation).await,
        None => Err(RESOURCE_NOT_FOUND),
    };
    let mut response = result.unwrap_or_else(|refusal| refusal.answer(parts.method == Method::HEAD));
    around.stats().count(name, Plane::Blob, operation.name(), response.status().as_u16());
    if let Some(account) = account {
        account.model().travel().await;
        sign_off(account, &parts, &mut response);
    }
    response
}

async fn handle(
    around: &dyn Surroundings,
    account: &BlobAccount,
    parts: &Parts,
    body: Body,
    operation: &mut Operation,
) -> Result<Response, Refusal> {
    let ask = Ask::parse(parts)?;
    *operation = Operation::of(&ask)?;
    account.model().admit_request().map_err(Refusal::busy)?;
    ask.check_version()?;
    missing_features::check(&ask)?;
    let authority = authorise(around, account, &ask, *operation)?;
    encryption::check_implemented(&ask, *operation)?;
    let call = Call {
        around,
        account,
        ask,
        authority,
        fate: parts.extensions.get().copied(),
        pretence: parts.extensions.get().copied(),
    };
    perform(&call, *operation, body).await
}

/// Authenticates a request and checks its permissions.
fn authorise(
    around: &dyn Surroundings,
    account: &BlobAccount,
    ask: &Ask<'_>,
    operation: Operation,
) -> Result<Authority, Refusal> {
    let Some(header) = ask.header("authorization") else {
        if ask.target.query.get("sig").is_none() {
            let grant = public_access::admit(account, ask, operation)?;
            return Ok(Authority { grant, by_account_key: false, principal: None });
        }
        // Every listener of the emulator speaks http.
        let grant = sas::verify(account, &ask.target, operation, false)?;
        return Ok(Authority { grant, by_account_key: false, principal: None });
    };
    match header.split_once(' ') {
        Some(("SharedKey", credential)) => {
            shared_key::verify(ask, credential, account.name(), sas::Issuer::key(account), account.now())?;
            Ok(Authority { grant: Grant::everything(), by_account_key: true, principal: None })
        }
        Some(("Bearer", token)) => {
            if ask.header("x-ms-version").is_none_or(|version| version < OLDEST_WITH_TOKENS) {
                return Err(AUTHENTICATION_FAILED);
            }
            bearer::authorise(around, account, token, operation)
        }
        _ => Err(AUTHENTICATION_FAILED),
    }
}

async fn perform(call: &Call<'_>, operation: Operation, body: Body) -> Result<Response, Refusal> {
    match operation {
        Operation::ListContainers => listing::list_containers(call),
        Operation::GetAccountInformation => Ok(containers::account_information(call)),
        Operation::GetUserDelegationKey => containers::user_delegation_key(call, body).await,
        Operation::GetBlobServiceProperties => Ok(service_properties::get(call)),
        Operation::SetBlobServiceProperties => service_properties::set(call, body).await,
        Operation::CreateContainer => containers::create(call),
        Operation::DeleteContainer => containers::delete(call),
        Operation::GetContainerProperties => containers::properties(call),
        Operation::SetContainerMetadata => containers::set_metadata(call),
        Operation::GetContainerAcl => containers::acl(call),
        Operation::SetContainerAcl => containers::set_acl(call, body).await,
        Operation::ListBlobs => listing::list_blobs(call),
        Operation::PutBlob => put_blob(call, body).await,
        Operation::PutBlobFromUrl => copy::put_blob_from_url(call).await,
        Operation::AppendBlock => append::append_block(call, body).await,
        Operation::AppendBlobSeal => append::seal(call),
        Operation::PutPage => page::put_page(call, body).await,
        Operation::PutBlock => upload::put_block(call, body).await,
        Operation::PutBlockFromUrl => copy::put_block_from_url(call).await,
        Operation::PutBlockList => upload::put_block_list(call, body).await,
        Operation::GetBlockList => upload::get_block_list(call),
        Operation::GetBlob => read::get_blob(call),
        Operation::GetBlobProperties => read::get_properties(call),
        Operation::SetBlobProperties => change::set_properties(call),
        Operation::SetBlobMetadata => change::set_metadata(call),
        Operation::SetBlobTags => change::set_tags(call, body).await,
        Operation::GetBlobTags => change::get_tags(call),
        Operation::SetBlobTier => change::set_tier(call),
        Operation::DeleteBlob => change::delete(call),
        Operation::LeaseBlob => lease::operations::lease_blob(call),
        Operation::LeaseContainer => lease::operations::lease_container(call),
        Operation::CopyBlob => copy::copy_blob(call),
        Operation::CopyFromUrl => copy::copy_from_url(call).await,
        Operation::AbortCopy => copy::abort_copy(call),
        Operation::Unknown => Err(Refusal::not_implemented("this operation")),
    }
}

/// Put Blob, of any type.
async fn put_blob(call: &Call<'_>, body: Body) -> Result<Response, Refusal> {
    match call.ask.header("x-ms-blob-type") {
        Some("AppendBlob") => append::create(call, body).await,
        Some("PageBlob") => page::create(call, body).await,
        _ => upload::put_block_blob(call, body).await,
    }
}

/// Adds the headers of every answer.
fn sign_off(account: &BlobAccount, parts: &Parts, response: &mut Response) {
    let headers = response.headers_mut();
    let asked = |name| parts.headers.get(name).cloned();
    headers.insert("server", HeaderValue::from_static("Windows-Azure-Blob/1.0"));
    headers.insert("x-ms-version", asked("x-ms-version").unwrap_or(VERSION));
    if let Some(id) = asked("x-ms-client-request-id") {
        headers.insert("x-ms-client-request-id", id);
    }
    let id = uuid::Uuid::from_u64_pair(fastrand::u64(..), fastrand::u64(..)).to_string();
    let date = http_date(u32::try_from(account.now() / 1000).unwrap_or_default());
    for (name, value) in [("x-ms-request-id", id), ("date", date)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}
