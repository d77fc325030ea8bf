//! The service itself and its containers: account information, delegation keys, containers and their policies.

use axum::body::Body as HttpBody;
use axum::http::Method;

use super::call::{Call, read_body};
use super::conditions::Conditions;
use super::describe::{Reply, metadata};
use super::lease::{self, Leased};
use super::policies::{self, leaves};
use super::properties::PublicAccess;
use super::public_access::{self, PUBLIC};
use super::refusal::{
    AUTHORIZATION_FAILURE, CONDITION_NOT_MET, INVALID_RESOURCE_NAME, INVALID_XML, NAME_LENGTH, Refusal,
};
use super::sas::{self, DelegationTerms, delegation_key};
use super::times::{iso_seconds, parse_iso_millis};
use super::xml;
use crate::emulator::http::Response;
use crate::emulator::settings::Protection;

/// Larger than any policy list or key request.
const MAX_XML: usize = 64 * 1024;
/// How long a user delegation key can be valid.
const MAX_DELEGATION_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Get Account Information.
pub(super) fn account_information(call: &Call<'_>) -> Response {
    Reply::new(200)
        .with("x-ms-sku-name", "Standard_LRS")
        .with("x-ms-account-kind", "StorageV2")
        .with("x-ms-is-hns-enabled", call.account.is_hierarchical())
        .done()
}

/// Get User Delegation Key.
pub(super) async fn user_delegation_key(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    let principal = call.authority.principal.as_ref().ok_or(AUTHORIZATION_FAILURE)?;
    let leaves = leaves(&read_body(body, MAX_XML).await?)?;
    let get = |name: &str| leaves.iter().find(|(leaf, _)| leaf == name).map(|(_, value)| value.trim());
    let expiry = get("Expiry").and_then(parse_iso_millis).ok_or(INVALID_XML)?;
    let start = get("Start").and_then(parse_iso_millis).unwrap_or_else(|| call.now());
    if expiry <= start || expiry > call.now() + MAX_DELEGATION_MS {
        return Err(INVALID_XML.because("The expiry must be later than the start and at most seven days from now."));
    }
    let print = |millis| jiff::Timestamp::from_millisecond(millis).map(iso_seconds).map_err(|_| INVALID_XML);
    let (start, expiry) = (print(start)?, print(expiry)?);
    let version = call.ask.header("x-ms-version").unwrap_or("2020-12-06");
    let (object, tenant) = (principal.object_id.as_str(), principal.tenant_id.as_str());
    let terms = DelegationTerms { object, tenant, start: &start, expiry: &expiry, service: "b", version };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><UserDelegationKey>");
    for (tag, value) in [
        ("SignedOid", terms.object),
        ("SignedTid", terms.tenant),
        ("SignedStart", terms.start),
        ("SignedExpiry", terms.expiry),
        ("SignedService", terms.service),
        ("SignedVersion", terms.version),
        ("Value", &delegation_key(sas::Issuer::key(call.account), &terms)),
    ] {
        xml::element(tag, value, &mut text);
    }
    text.push_str("</UserDelegationKey>");
    Ok(Reply::new(200).xml(text))
}

/// 3 to 63 lower-case letters, digits and single hyphens between them; or one of the names with a `$`.
fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let hyphens = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    if !(3..=63).contains(&name.len()) {
        return Err(NAME_LENGTH);
    }
    let well_formed = legal && !hyphens || ["$root", "$web", "$logs"].contains(&name);
    well_formed.then_some(()).ok_or(INVALID_RESOURCE_NAME)
}

/// Create Container.
pub(super) fn create(call: &Call<'_>) -> Result<Response, Refusal> {
    let name = call.ask.container()?;
    check_name(name)?;
    let public = public_access::wanted(call.account, call.ask.headers)?;
    let made = call.account.add_container(name, metadata(call.ask.headers)?)?;
    let mut contents = made.lock()?;
    contents.public = public;
    Ok(Reply::new(201).version(contents.etag, contents.modified).done())
}

/// Delete Container.
pub(super) fn delete(call: &Call<'_>) -> Result<Response, Refusal> {
    call.account.remove_container(call.ask.container()?, |contents| {
        if !Conditions::of(call.ask.headers).hold_for_container(contents.modified) {
            return Err(CONDITION_NOT_MET);
        }
        let lease = lease::At::new(contents.lease, call.elapsed());
        lease.check_write(lease::id_sent(&call.ask)?, Leased::Container)
    })?;
    Ok(Reply::new(202).done())
}

/// Get Container Properties and Get Container Metadata.
pub(super) fn properties(call: &Call<'_>) -> Result<Response, Refusal> {
    let container = call.container()?;
    let contents = container.lock()?;
    call.check_container_lease(&contents)?;
    Ok(Reply::new(200)
        .version(contents.etag, contents.modified)
        .metadata(contents.metadata.as_ref())
        .lease(lease::At::new(contents.lease, call.elapsed()))
        .with_some(PUBLIC, contents.public.map(PublicAccess::name))
        .with("x-ms-has-immutability-policy", call.protection()? == Some(Protection::Immutability))
        .with("x-ms-has-legal-hold", call.protection()? == Some(Protection::LegalHold))
        .done())
}

/// Set Container Metadata.
pub(super) fn set_metadata(call: &Call<'_>) -> Result<Response, Refusal> {
    let metadata = metadata(call.ask.headers)?;
    let container = call.container()?;
    let mut contents = container.lock()?;
    let since = Conditions::of(call.ask.headers);
    if !since.hold_for_container(contents.modified) {
        return Err(CONDITION_NOT_MET);
    }
    call.check_container_lease(&contents)?;
    let stamp = call.account.stamp();
    contents.metadata = metadata;
    (contents.etag, contents.modified) = (stamp.etag, stamp.seconds());
    Ok(Reply::new(200).version(contents.etag, contents.modified).done())
}

/// Get Container ACL.
pub(super) fn acl(call: &Call<'_>) -> Result<Response, Refusal> {
    let container = call.container()?;
    let contents = container.lock()?;
    call.check_container_lease(&contents)?;
    let reply = Reply::new(200)
        .version(contents.etag, contents.modified)
        .with_some(PUBLIC, contents.public.map(PublicAccess::name));
    if *call.ask.method == Method::HEAD {
        return Ok(reply.done());
    }
    Ok(reply.xml(policies::print(&contents.policies)))
}

/// Set Container ACL.
pub(super) async fn set_acl(call: &Call<'_>, body: HttpBody) -> Result<Response, Refusal> {
    let public = public_access::wanted(call.account, call.ask.headers)?;
    let policies = policies::parse(&read_body(body, MAX_XML).await?)?;
    let container = call.container()?;
    let mut contents = container.lock()?;
    if !Conditions::of(call.ask.headers).hold_for_container(contents.modified) {
        return Err(CONDITION_NOT_MET);
    }
    call.check_container_lease(&contents)?;
    let stamp = call.account.stamp();
    (contents.policies, contents.public) = (policies, public);
    (contents.etag, contents.modified) = (stamp.etag, stamp.seconds());
    Ok(Reply::new(200).version(contents.etag, contents.modified).done())
}
