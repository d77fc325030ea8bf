//! The tenant of Entra ID: its principals, their credentials, and the tokens that it issues.
//!
//! Permissions are stored in two places: a storage account has the roles on it; the media accounts of a principal are
//! here.

mod assertion;
mod jwt;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::settings::{PrincipalSettings, Settings};
use jwt::Claims;

/// The resource of all storage accounts.
pub(crate) const STORAGE: &str = "https://storage.azure.com";
/// The resources of Media Services, one per cloud.
pub(crate) const MEDIA: [&str; 4] = [
    "https://rest.media.azure.net",
    "https://rest.media.chinacloudapi.cn",
    "https://rest.media.usgovcloudapi.net",
    "https://rest.media.cloudapi.de",
];
/// The only kind of assertion.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The principals, and the key that tokens are signed with.
#[derive(Debug)]
pub(crate) struct Directory {
    principals: Vec<PrincipalSettings>,
    key: [u8; 32],
}

/// The principal of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Principal {
    /// The id of the principal's object.
    pub(crate) object_id: String,
    /// The id of its tenant.
    pub(crate) tenant_id: String,
}

/// Why no token is issued: status, error, description.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) u16, pub(crate) &'static str, pub(crate) &'static str);

impl Refused {
    /// The error document.
    pub(crate) fn document(&self) -> Value {
        json!({ "error": self.1, "error_description": self.2 })
    }
}

/// A request for a token, as the form has it.
pub(crate) type Form = BTreeMap<String, String>;

/// A token that was issued.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) token: String,
    /// When it expires, in seconds since 1970.
    pub(crate) expires_on: i64,
    /// The resource it is for.
    pub(crate) resource: String,
}

impl Directory {
    /// The directory of these settings.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { principals: settings.principals.clone(), key: Sha256::digest(b"key of the directory").into() }
    }

    /// The principal with that client id.
    pub(crate) fn principal(&self, client_id: &str) -> Option<Principal> {
        self.principals.iter().find(|known| known.client_id == client_id).map(Principal::of)
    }

    /// Issues a token to an application with valid credentials. `url` is the address of the request, `now` the time in
    /// seconds.
    pub(crate) fn token(&self, tenant: &str, url: &str, form: &Form, now: i64, life: u64) -> Result<Issued, Refused> {
        let get = |name: &str| form.get(name).map_or("", |value| value.trim());
        if get("grant_type") != "client_credentials" {
            return Err(Refused(
                400,
                "unsupported_grant_type",
                "AADSTS70003: The app requested an unsupported grant type.",
            ));
        }
        let text = "AADSTS1002012: The provided value for scope is not valid. Client credential flows must have a scope \
                    value with /.default suffixed to the resource identifier (application ID URI).";
        let scope = get("scope").strip_suffix("/.default").ok_or(Refused(400, "invalid_scope", text))?;
        let resource = resource(scope).ok_or(Refused(
            400,
            "invalid_resource",
            "AADSTS500011: The resource principal was not found in the tenant.",
        ))?;
        let mut of_tenant = self.principals.iter().filter(|known| known.tenant.eq_ignore_ascii_case(tenant)).peekable();
        if of_tenant.peek().is_none() {
            return Err(Refused(400, "invalid_request", "AADSTS90002: The tenant was not found."));
        }
        let known = of_tenant.find(|known| known.client_id == get("client_id"));
        let principal = known.ok_or(Refused(
            400,
            "unauthorized_client",
            "AADSTS700016: The application was not found in the directory.",
        ))?;
        prove(principal, url, form, now)?;
        Ok(self.issue(principal, resource, now, life))
    }

    /// Issues a token to this machine's identity, as its identity service does; `client_id` chooses one of several.
    pub(crate) fn managed(
        &self,
        client_id: Option<&str>,
        resource: &str,
        now: i64,
        life: u64,
    ) -> Result<Issued, Refused> {
        let resource = self::resource(resource).ok_or(Refused(
            400,
            "invalid_resource",
            "AADSTS500011: The resource principal was not found in the tenant.",
        ))?;
        let mut managed = self.principals.iter().filter(|known| known.managed);
        let found = match client_id {
            Some(id) => managed.find(|known| known.client_id == id),
            None => managed.next(),
        };
        let principal = found.ok_or(Refused(400, "invalid_request", "Identity not found"))?;
        Ok(self.issue(principal, resource, now, life))
    }

    fn issue(&self, principal: &PrincipalSettings, resource: &str, now: i64, life: u64) -> Issued {
        let Principal { object_id, tenant_id } = Principal::of(principal);
        let expires_on = now.saturating_add(i64::try_from(life).unwrap_or(i64::MAX));
        let claims = Claims {
            aud: resource.to_owned(),
            oid: object_id,
            tid: tenant_id,
            appid: principal.client_id.clone(),
            nbf: now,
            exp: expires_on,
        };
        Issued { token: jwt::sign(&claims, &self.key), expires_on, resource: resource.to_owned() }
    }

    /// The principal of a token, if it was issued here for storage accounts, is unaltered and has not expired.
    pub(crate) fn admits_to_storage(&self, token: &str, now: i64) -> Option<Principal> {
        let claims = jwt::verify(token, &self.key).filter(|claims| claims.aud == STORAGE && claims.exp > now)?;
        Some(Principal { object_id: claims.oid, tenant_id: claims.tid })
    }

    /// Is this token valid for that media account?
    pub(crate) fn admits_to_media(&self, token: &str, account: &str, now: i64) -> bool {
        let claims = jwt::verify(token, &self.key);
        let claims = claims.filter(|claims| MEDIA.contains(&claims.aud.as_str()) && claims.exp > now);
        let principal = claims.and_then(|claims| self.principals.iter().find(|known| known.client_id == claims.appid));
        principal.is_some_and(|principal| principal.media.iter().any(|known| known == account))
    }
}

impl Principal {
    fn of(settings: &PrincipalSettings) -> Self {
        Self {
            object_id: guid(&format!("object of {}", settings.client_id)),
            tenant_id: guid(&format!("tenant {}", settings.tenant.to_ascii_lowercase())),
        }
    }
}

/// An invented id that is always the same.
fn guid(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let bytes = digest.first_chunk().copied().unwrap_or_default();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The resource of that name, as it is written in tokens.
fn resource(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches('/');
    std::iter::once(STORAGE).chain(MEDIA).find(|known| *known == name)
}

/// Checks the credentials of a principal.
fn prove(principal: &PrincipalSettings, url: &str, form: &Form, now: i64) -> Result<(), Refused> {
    let get = |name: &str| form.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    match (get("client_secret"), get("client_assertion")) {
        (Some(secret), None) if principal.secret.as_deref() == Some(secret) => Ok(()),
        (Some(_), None) => Err(Refused(
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided. Ensure the secret being \
                 sent in the request is the client secret value, not the client secret ID.",
        )),
        (None, Some(_)) if get("client_assertion_type") != Some(JWT_BEARER) => {
            Err(Refused(400, "invalid_request", "AADSTS50027: The assertion type is invalid."))
        }
        (None, Some(assertion)) if principal.federated_token.as_deref() == Some(assertion) => Ok(()),
        (None, Some(assertion)) => match &principal.certificate {
            Some(certificate) => assertion::verify(assertion, certificate, &principal.client_id, url, now),
            None => Err(Refused(
                401,
                "invalid_client",
                "AADSTS700213: No matching federated identity record found for the presented assertion.",
            )),
        },
        _ => Err(Refused(
            401,
            "invalid_client",
            "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )),
    }
}

#[cfg(test)]
mod tests;
