//! The token endpoints, ACS (SWT) and Entra (JWT), and the check of a token on every call.
//!
//! A token is bound to one account: it is signed with that account's key.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;
use sha2::Sha256;

use crate::emulator::directory;
use crate::emulator::http::{Request, Response};
use crate::emulator::media_account::guids::guid_from_text;
use crate::emulator::stats::Plane;
use crate::emulator::world::{Region, World};

/// The only scope ACS grants.
const SCOPE: &str = "urn:WindowsAzureMediaServices";

/// The lifetime of Entra's tokens for applications and for machines, in seconds.
const ENTRA_LIFE: u64 = 3_599;
const MANAGED_LIFE: u64 = 86_400;

/// A token request is a few hundred bytes.
const LONGEST_FORM: usize = 64 * 1024;

/// The lifetime that a fault plan sets for the requested token, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenLife(pub(crate) u64);

/// Answers one request to the token service.
pub(super) async fn serve(world: &World, region: usize, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let url = format!("{}{path}", world.regions[region].urls.token);
    let query = request.uri().query().unwrap_or_default().to_owned();
    let from_the_machine = request.headers().get("metadata").is_some_and(|value| value == "true");
    let get = request.method() == axum::http::Method::GET;
    let post = request.method() == axum::http::Method::POST;
    let life = request.extensions().get::<TokenLife>().copied();
    let body = axum::body::to_bytes(request.into_body(), LONGEST_FORM).await.unwrap_or_default();
    let form = Form(url::form_urlencoded::parse(&body).into_owned().collect());
    let operation = operation(&path);
    let (operation, (status, body)) = match operation {
        "ManagedIdentityToken" if get => (operation, managed_token(world, from_the_machine, &query, life)),
        _ if !post => ("Unknown", (405, json!({ "error": "invalid_request" }))),
        "AcsToken" => (operation, acs_token(world, region, &form, life)),
        "EntraToken" => (operation, entra_token(world, region, &form, life)),
        "EntraTokenV2" => (operation, directory_token(world, &url, &form, life)),
        _ => ("Unknown", (404, json!({ "error": "invalid_request", "error_description": "No such endpoint." }))),
    };
    let account = known(world, form.get("client_id")).map_or(&world.regions[region], |r| r);
    world.stats.count(&account.settings.account, Plane::Token, operation, status);
    axum::http::Response::builder()
        .status(status)
        .header("cache-control", "no-cache, no-store")
        .header("content-type", "application/json; charset=utf-8")
        .body(Body::from(body.to_string()))
        .expect("constant header names and checked values make a response")
}

/// The kind of token of a path.
pub(super) fn operation(path: &str) -> &'static str {
    let path = path.to_ascii_lowercase();
    let entra = path.split('/').filter(|p| !p.is_empty()).collect::<Vec<_>>();
    match entra.as_slice() {
        ["v2", "oauth2-13"] => "AcsToken",
        [_, "oauth2", "token"] => "EntraToken",
        [_, "oauth2", "v2.0", "token"] => "EntraTokenV2",
        ["metadata", "identity", "oauth2", "token"] => "ManagedIdentityToken",
        _ => "Unknown",
    }
}

/// Form fields in any order; values are trimmed because one client ends one with a space.
struct Form(Vec<(String, String)>);

impl Form {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }
}

fn known<'w>(world: &'w World, client: &str) -> Option<&'w Region> {
    world.regions.iter().find(|r| r.settings.account == client)
}

fn refused(status: u16, error: &str, text: &str) -> (u16, serde_json::Value) {
    (status, json!({ "error": error, "error_description": text }))
}

fn expiry(world: &World, account: &Region, life: Option<TokenLife>) -> (i64, u64) {
    let life = life.map_or(account.settings.media.token_lifetime_s, |life| life.0);
    let now = world.clock.unix_millis().div_euclid(1000);
    (now.saturating_add(i64::try_from(life).unwrap_or(i64::MAX)), life)
}

fn acs_token(world: &World, region: usize, form: &Form, life: Option<TokenLife>) -> (u16, serde_json::Value) {
    if form.get("grant_type") != "client_credentials" {
        return refused(400, "unsupported_grant_type", "ACS50001: The grant type is not supported.");
    }
    let scope = form.get("scope");
    if !scope.is_empty() && !scope.eq_ignore_ascii_case(SCOPE) {
        return refused(400, "invalid_scope", "ACS50001: The relying party for this scope was not found.");
    }
    let Some(account) = known(world, form.get("client_id")) else {
        return refused(401, "invalid_client", "ACS50012: Authentication failed.");
    };
    if form.get("client_secret") != account.media.key() {
        return refused(401, "invalid_client", "ACS50012: Authentication failed.");
    }
    let (expires_on, life) = expiry(world, account, life);
    let issuer = format!("{}/", world.regions[region].urls.token);
    let token = swt(&account.settings.account, account.media.key(), &issuer, expires_on);
    let body = json!({
        "token_type": "http://schemas.xmlsoap.org/ws/2009/11/swt-token-profile-1.0",
        "access_token": token,
        "expires_in": life.to_string(),
        "scope": SCOPE,
    });
    (200, body)
}

/// Everything except letters, digits and `-_.` is escaped in the token.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Form-encodes as .NET does: lower-case hex.
fn net_encoded(text: &str) -> String {
    let mut out = String::new();
    for piece in utf8_percent_encode(text, ESCAPED) {
        if piece.starts_with('%') { out.push_str(&piece.to_ascii_lowercase()) } else { out.push_str(piece) }
    }
    out
}

fn swt(account: &str, key: &str, issuer: &str, expires_on: i64) -> String {
    let subscription = guid_from_text(&format!("subscription of {account}"));
    let issuer = net_encoded(issuer);
    let claims = format!(
        "{}={}&urn%3aSubscriptionId={subscription}&{}={issuer}&Audience={}&ExpiresOn={expires_on}&Issuer={issuer}",
        net_encoded("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"),
        net_encoded(account),
        net_encoded("http://schemas.microsoft.com/accesscontrolservice/2010/07/claims/identityprovider"),
        net_encoded(SCOPE),
    );
    let signature = net_encoded(&STANDARD.encode(signed(key, claims.as_bytes())));
    format!("{claims}&HMACSHA256={signature}")
}

/// The bytes of a key; a key that is not base64 is used unchanged.
fn account_key(key: &str) -> Vec<u8> {
    STANDARD.decode(key).unwrap_or_else(|_| key.as_bytes().to_vec())
}

fn mac(key: &str, text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&account_key(key)).expect("HMAC takes a key of any length");
    mac.update(text);
    mac
}

fn signed(key: &str, text: &[u8]) -> Vec<u8> {
    mac(key, text).finalize().into_bytes().to_vec()
}

fn entra_token(world: &World, region: usize, form: &Form, life: Option<TokenLife>) -> (u16, serde_json::Value) {
    if form.get("grant_type") != "client_credentials" {
        return refused(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.");
    }
    let resource = form.get("resource");
    if !directory::MEDIA.contains(&resource.trim_end_matches('/')) {
        return refused(400, "invalid_resource", "AADSTS50001: The resource was not found in the tenant.");
    }
    let Some(account) = known(world, form.get("client_id")) else {
        return refused(400, "unauthorized_client", "AADSTS700016: The application was not found in the directory.");
    };
    if form.get("client_secret") != account.media.key() {
        return refused(401, "invalid_client", "AADSTS7000215: Invalid client secret is provided.");
    }
    let (expires_on, life) = expiry(world, account, life);
    let now = world.clock.unix_millis().div_euclid(1000);
    let head = URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT", "alg": "HS256" }).to_string());
    let claims = json!({
        "aud": resource,
        "iss": format!("{}/", world.regions[region].urls.token),
        "nbf": now,
        "exp": expires_on,
        "appid": account.settings.account,
    });
    let signable = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = URL_SAFE_NO_PAD.encode(signed(account.media.key(), signable.as_bytes()));
    let body = json!({
        "token_type": "Bearer",
        "expires_in": life.to_string(),
        "ext_expires_in": life.to_string(),
        "expires_on": expires_on.to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "access_token": format!("{signable}.{signature}"),
    });
    (200, body)
}

/// A token for a principal of the tenant, for storage accounts or for the media API.
fn directory_token(world: &World, url: &str, form: &Form, life: Option<TokenLife>) -> (u16, serde_json::Value) {
    let tenant = url.rsplit('/').nth(3).unwrap_or_default();
    let life = life.map_or(ENTRA_LIFE, |life| life.0);
    let form = form.0.iter().cloned().collect();
    let now = world.clock.unix_millis().div_euclid(1000);
    match world.directory.token(tenant, url, &form, now, life) {
        Ok(issued) => {
            let body = json!({
                "token_type": "Bearer",
                "expires_in": life,
                "ext_expires_in": life,
                "access_token": issued.token,
            });
            (200, body)
        }
        Err(refused) => (refused.0, refused.document()),
    }
}

/// The answer of this machine's identity service.
fn managed_token(
    world: &World,
    from_the_machine: bool,
    query: &str,
    life: Option<TokenLife>,
) -> (u16, serde_json::Value) {
    if !from_the_machine {
        return refused(400, "bad_request_102", "Required metadata header not specified");
    }
    let query: std::collections::BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if !query.contains_key("api-version") {
        return refused(400, "bad_request_101", "Required query variable 'api-version' is missing");
    }
    let life = life.map_or(MANAGED_LIFE, |life| life.0);
    let now = world.clock.unix_millis().div_euclid(1000);
    let resource = query.get("resource").map_or("", String::as_str);
    match world.directory.managed(query.get("client_id").map(String::as_str), resource, now, life) {
        Ok(issued) => {
            let body = json!({
                "access_token": issued.token,
                "expires_on": issued.expires_on.to_string(),
                "resource": issued.resource,
                "token_type": "Bearer",
            });
            (200, body)
        }
        Err(refused) => (refused.0, refused.document()),
    }
}

/// Is this the account's own token, or a principal's that may use the account, unaltered and unexpired?
pub(super) fn admits(world: &World, region: usize, authorization: Option<&str>) -> bool {
    let account = &world.regions[region];
    let Some(token) = authorization.and_then(|a| a.strip_prefix("Bearer ")).map(str::trim) else { return false };
    let now = world.clock.unix_millis().div_euclid(1000);
    if world.directory.admits_to_media(token, &account.settings.account, now) {
        return true;
    }
    let claims = if token.contains("&HMACSHA256=") {
        swt_claims(token, account.media.key())
    } else {
        jwt_claims(token, account.media.key())
    };
    claims.is_some_and(|(name, expires_on)| name == account.settings.account && expires_on > now)
}

fn swt_claims(token: &str, key: &str) -> Option<(String, i64)> {
    let (signable, signature) = token.rsplit_once("&HMACSHA256=")?;
    let signature = STANDARD.decode(percent_decode_str(signature).collect::<Vec<u8>>()).ok()?;
    mac(key, signable.as_bytes()).verify_slice(&signature).ok()?;
    let claims: Vec<_> = url::form_urlencoded::parse(signable.as_bytes()).collect();
    let claim = |end: &str| claims.iter().find(|(n, _)| n.ends_with(end)).map(|(_, v)| v.to_string());
    Some((claim("nameidentifier")?, claim("ExpiresOn")?.parse().ok()?))
}

fn jwt_claims(token: &str, key: &str) -> Option<(String, i64)> {
    let (signable, signature) = token.rsplit_once('.')?;
    mac(key, signable.as_bytes()).verify_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    let claims = URL_SAFE_NO_PAD.decode(signable.split_once('.')?.1).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
    Some((claims.get("appid")?.as_str()?.to_owned(), claims.get("exp")?.as_i64()?))
}
