//! Shared access signatures: making them for locators, and verifying every kind of them.
//!
//! The strings to sign are those of the "Create a service SAS", "Create an account SAS" and "Create a user delegation
//! SAS" pages. Versions before 2018-11-09 are refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;

use super::ask::{Query, Target};
use super::missing_features::SIGNED_ADDRESSES;
use super::operation::{Level, Operation};
use super::policies::Policy;
use super::refusal::{
    AUTHENTICATION_FAILED, AUTHORIZATION_FAILURE, PERMISSION_MISMATCH, PROTOCOL_MISMATCH, RESOURCE_TYPE_MISMATCH,
    Refusal, SERVICE_MISMATCH,
};
use super::roles;
use super::times::{iso_seconds, parse_iso_millis};
use crate::emulator::settings::Role;

/// An account key ready to sign.
#[derive(Clone)]
pub(crate) struct SigningKey(Hmac<Sha256>);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// A key of raw bytes.
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes a key of any length"))
    }

    /// A key in base64, as accounts and delegation keys are written; text that is not base64 is an unknown key.
    pub(crate) fn from_base64(key: &str) -> Self {
        Self::new(&BASE64.decode(key).unwrap_or_else(|_| key.as_bytes().to_vec()))
    }

    /// The raw signature.
    pub(super) fn sign_bytes(&self, text: &str) -> [u8; 32] {
        self.0.clone().chain_update(text).finalize().into_bytes().into()
    }

    /// The signature in base64.
    pub(super) fn sign(&self, text: &str) -> String {
        BASE64.encode(self.sign_bytes(text))
    }

    /// Is that the signature, in base64? Both answers take the same time.
    pub(super) fn verify(&self, text: &str, signature: &str) -> bool {
        BASE64.decode(signature).is_ok_and(|raw| self.0.clone().chain_update(text).verify_slice(&raw).is_ok())
    }
}

/// What verifying a signature needs from an account.
pub(super) trait Issuer {
    /// The account's name.
    fn account(&self) -> &str;
    /// The account key.
    fn key(&self) -> &SigningKey;
    /// A stored access policy of a container.
    fn policy(&self, container: &str, id: &str) -> Option<Policy>;
    /// The role of a principal, by the id of its object.
    fn role(&self, object_id: &str) -> Option<Role>;
    /// The clock, in milliseconds since 1970.
    fn now(&self) -> i64;
}

/// What a verified signature allows.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    /// Permission letters; `None` = everything.
    permissions: Option<String>,
    /// When it expires, in milliseconds since 1970.
    expiry: i64,
}

impl Grant {
    /// Everything, as the account key allows.
    pub(super) fn everything() -> Self {
        Self { permissions: None, expiry: i64::MAX }
    }

    /// Reading, for anyone and without an expiry.
    pub(super) fn of_the_public() -> Self {
        Self { permissions: Some("rl".to_owned()), expiry: i64::MAX }
    }

    /// What a role permits, without an expiry.
    pub(super) fn of_role(role: Role) -> Self {
        Self { permissions: roles::letters(role).map(str::to_owned), expiry: i64::MAX }
    }

    /// Has it expired at that time?
    pub(super) fn is_over(&self, at: i64) -> bool {
        self.expiry <= at
    }

    /// Does it permit everything?
    pub(super) fn is_everything(&self) -> bool {
        self.permissions.is_none()
    }

    /// Is one of these permissions granted?
    pub(super) fn any_of(&self, letters: &str) -> bool {
        self.permissions.as_ref().is_none_or(|granted| granted.chars().any(|letter| letters.contains(letter)))
    }
}

/// 403 with a detail for developers.
fn failed(detail: impl std::fmt::Display) -> Refusal {
    AUTHENTICATION_FAILED.because(format!("{} {detail}", AUTHENTICATION_FAILED.message))
}

/// Verifies the signature in a URL for an operation. `https`: does the request or its URL use https?
pub(super) fn verify(
    issuer: &impl Issuer,
    target: &Target<'_>,
    operation: Operation,
    https: bool,
) -> Result<Grant, Refusal> {
    let query = &target.query;
    match query.get("spr") {
        None | Some("https,http") => {}
        Some("https") if https => {}
        Some("https") => return Err(PROTOCOL_MISMATCH),
        Some(_) => return Err(failed("spr must be https or https,http")),
    }
    // The client's address is not known here.
    if query.get("sip").is_some() {
        return Err(Refusal::not_implemented(SIGNED_ADDRESSES));
    }
    let version = query.get("sv").ok_or_else(|| failed("sv is mandatory. Cannot be empty"))?;
    if version < "2018-11-09" {
        return Err(failed(format!("sv={version} is older than this service takes")));
    }
    let grant = if query.get("ss").is_some() {
        verify_account(issuer, query, version, operation)?
    } else {
        verify_service(issuer, target, version, operation)?
    };
    let needed = operation.permissions().ok_or(AUTHORIZATION_FAILURE)?;
    if grant.any_of(needed) { Ok(grant) } else { Err(PERMISSION_MISMATCH) }
}

/// Appends the values of parameters, one per line; an absent one is an empty line.
fn lines(query: &Query<'_>, names: &[&str], text: &mut String) {
    for name in names {
        text.push_str(query.get(name).unwrap_or_default());
        text.push('\n');
    }
}

/// The signature of a query; a client may have left its `+` unencoded.
fn signature(query: &Query<'_>) -> Result<String, Refusal> {
    query.get("sig").map(|signature| signature.replace(' ', "+")).ok_or_else(|| failed("sig is mandatory."))
}

/// Checks that it is valid now, and returns its expiry.
fn check_times(now: i64, start: Option<&str>, expiry: Option<&str>) -> Result<i64, Refusal> {
    let read = |name: &str, text: &str| parse_iso_millis(text).ok_or_else(|| failed(format!("{name} is not a time")));
    let end = expiry.ok_or_else(|| failed("se is mandatory."))?;
    let ends = read("se", end)?;
    let begins = start.map(|start| read("st", start)).transpose()?;
    if ends <= now || begins.is_some_and(|begins| begins > now) {
        let start = start.unwrap_or_default();
        return Err(failed(format!(
            "Signature not valid in the specified time frame: Start [{start}] - Expiry [{end}]"
        )));
    }
    Ok(ends)
}

fn verify_account(
    issuer: &impl Issuer,
    query: &Query<'_>,
    version: &str,
    operation: Operation,
) -> Result<Grant, Refusal> {
    let mut text = format!("{}\n", issuer.account());
    lines(query, &["sp", "ss", "srt", "st", "se", "sip", "spr", "sv"], &mut text);
    if version >= "2020-12-06" {
        lines(query, &["ses"], &mut text);
    }
    check_signature(issuer.key(), &text, query)?;
    let expiry = check_times(issuer.now(), query.get("st"), query.get("se"))?;
    if !query.get("ss").unwrap_or_default().contains('b') {
        return Err(SERVICE_MISMATCH);
    }
    let types = query.get("srt").unwrap_or_default();
    if !types.contains(operation.level().letter()) && operation != Operation::GetAccountInformation {
        return Err(RESOURCE_TYPE_MISMATCH);
    }
    Ok(Grant { permissions: Some(query.get("sp").unwrap_or_default().to_owned()), expiry })
}

/// Compares the signature in a query with that of the text its fields make.
fn check_signature(key: &SigningKey, text: &str, query: &Query<'_>) -> Result<(), Refusal> {
    if key.verify(text, &signature(query)?) {
        return Ok(());
    }
    Err(failed(format!("Signature did not match. String to sign used was {text}")))
}

/// Verifies a service SAS, signed with the account key or with a user delegation key.
fn verify_service(
    issuer: &impl Issuer,
    target: &Target<'_>,
    version: &str,
    operation: Operation,
) -> Result<Grant, Refusal> {
    let query = &target.query;
    let container = target.container.as_deref().ok_or(AUTHORIZATION_FAILURE)?;
    let resource = query.get("sr").ok_or_else(|| failed("sr is mandatory. Cannot be empty"))?;
    let mut canonical = format!("/blob/{}/{container}", issuer.account());
    match resource {
        "c" => {}
        "b" => {
            canonical.push('/');
            canonical.push_str(target.blob.as_deref().ok_or(AUTHORIZATION_FAILURE)?);
        }
        _ => return Err(failed("sr must be b or c")),
    }
    let delegated = query.get("skoid").is_some();
    let text = service_string_to_sign(query, &canonical, version, delegated);
    let grant = if delegated {
        let key = SigningKey::from_base64(&delegation_key(issuer.key(), &DelegationTerms::of(query)));
        check_signature(&key, &text, query)?;
        let key_expiry = check_times(issuer.now(), query.get("skt"), query.get("ske"))?;
        let expiry = check_times(issuer.now(), query.get("st"), query.get("se"))?.min(key_expiry);
        // The principal cannot permit what it may not do itself.
        let role = query.get("skoid").and_then(|object| issuer.role(object)).ok_or(PERMISSION_MISMATCH)?;
        let own = Grant::of_role(role);
        let permissions =
            query.get("sp").unwrap_or_default().chars().filter(|letter| own.any_of(letter.encode_utf8(&mut [0; 4])));
        Grant { permissions: Some(permissions.collect()), expiry }
    } else {
        check_signature(issuer.key(), &text, query)?;
        under_policy(issuer, container, query)?
    };
    let allowed_here = match operation.level() {
        Level::Blob => true,
        Level::Container => operation == Operation::ListBlobs && resource == "c",
        Level::Service => operation == Operation::GetAccountInformation,
    };
    if allowed_here { Ok(grant) } else { Err(AUTHORIZATION_FAILURE) }
}

fn service_string_to_sign(query: &Query<'_>, canonical: &str, version: &str, delegated: bool) -> String {
    let mut text = String::with_capacity(256);
    lines(query, &["sp", "st", "se"], &mut text);
    text.push_str(canonical);
    text.push('\n');
    if delegated {
        lines(query, &["skoid", "sktid", "skt", "ske", "sks", "skv"], &mut text);
        if version >= "2020-02-10" {
            lines(query, &["saoid", "suoid", "scid"], &mut text);
        }
        if version >= "2025-07-05" {
            lines(query, &["skdutid", "sduoid"], &mut text);
        }
    } else {
        lines(query, &["si"], &mut text);
    }
    lines(query, &["sip", "spr", "sv", "sr", "snapshot"], &mut text);
    if version >= "2020-12-06" {
        lines(query, &["ses"], &mut text);
    }
    if delegated && version >= "2026-04-06" {
        // Headers and query parameters the request must have; a signature with any of them is not implemented.
        text.push_str("\n\n");
    }
    lines(query, &["rscc", "rscd", "rsce", "rscl", "rsct"], &mut text);
    text.pop();
    text
}

/// What a service SAS grants, by its URL and its stored policy, if it is valid now.
fn under_policy(issuer: &impl Issuer, container: &str, query: &Query<'_>) -> Result<Grant, Refusal> {
    let (sp, st, se) = (query.get("sp"), query.get("st"), query.get("se"));
    let policy = match query.get("si").filter(|id| !id.is_empty()) {
        None => Policy::default(),
        Some(id) => issuer.policy(container, id).ok_or_else(|| failed("Access policy not found"))?,
    };
    if policy.active_from.is_some_and(|from| from > issuer.now()) {
        return Err(failed("Access policy not found"));
    }
    let said_twice = [(sp, &policy.permissions), (st, &policy.start), (se, &policy.expiry)]
        .iter()
        .any(|(in_url, in_policy)| in_url.is_some() && in_policy.is_some());
    if said_twice {
        return Err(failed("Access policy fields can be associated with signature or SAS identifier but not both"));
    }
    let expiry = check_times(issuer.now(), st.or(policy.start.as_deref()), se.or(policy.expiry.as_deref()))?;
    let permissions = sp.map(str::to_owned).or(policy.permissions);
    let permissions = permissions.ok_or_else(|| failed("sp is mandatory. Cannot be empty"))?;
    Ok(Grant { permissions: Some(permissions), expiry })
}

/// The terms of a user delegation key.
#[derive(Debug, Clone, Copy)]
pub(super) struct DelegationTerms<'a> {
    pub(super) object: &'a str,
    pub(super) tenant: &'a str,
    pub(super) start: &'a str,
    pub(super) expiry: &'a str,
    pub(super) service: &'a str,
    pub(super) version: &'a str,
}

impl<'a> DelegationTerms<'a> {
    fn of(query: &'a Query<'_>) -> Self {
        let get = |name| query.get(name).unwrap_or_default();
        Self {
            object: get("skoid"),
            tenant: get("sktid"),
            start: get("skt"),
            expiry: get("ske"),
            service: get("sks"),
            version: get("skv"),
        }
    }
}

/// The user delegation key of these terms in base64. It is derived from the account key, so that no key has to be
/// stored.
pub(super) fn delegation_key(account: &SigningKey, terms: &DelegationTerms<'_>) -> String {
    let DelegationTerms { object, tenant, start, expiry, service, version } = terms;
    account.sign(&["user delegation", object, tenant, start, expiry, service, version].join("\n"))
}

/// The version in which locators are signed: the oldest one with the current layout, which all blob services accept.
const LOCATOR_VERSION: &str = "2018-11-09";

/// The query of a container SAS that refers to a stored policy.
pub(crate) fn sign_container(
    account: &str,
    key: &str,
    container: &str,
    policy: &str,
    start: Option<Timestamp>,
    expiry: Option<Timestamp>,
) -> String {
    let start = start.map(iso_seconds).unwrap_or_default();
    let expiry = expiry.map(iso_seconds).unwrap_or_default();
    let text =
        format!("\n{start}\n{expiry}\n/blob/{account}/{container}\n{policy}\n\n\n{LOCATOR_VERSION}\nc\n\n\n\n\n\n");
    let signature = SigningKey::from_base64(key).sign(&text);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("sv", LOCATOR_VERSION)
        .append_pair("sr", "c")
        .append_pair("si", policy)
        .append_pair("sig", &signature);
    for (name, value) in [("st", start), ("se", expiry)] {
        if !value.is_empty() {
            query.append_pair(name, &value);
        }
    }
    query.finish()
}
