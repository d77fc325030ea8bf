//! Checks a principal of Entra ID and its credential. Missing keys are taken from the variables that Microsoft's own
//! libraries read.

use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;
use url::Url;

use super::access::Auth;
use super::{Section, is_loopback};
use crate::config::credentials::{self, Unreadable};
use crate::config::file::AuthKind;
use crate::config::sign_in::certificate::ClientCertificate;
use crate::config::sign_in::{self, IdentityService, Proof, SignIn, is_link_local};
use crate::redact::Secret;

/// The largest certificate file, in bytes: a chain of certificates and a key have about ten thousand.
const LARGEST: u64 = 64 << 10;

/// The values of variables.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable of this process. An empty one counts as missing.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

impl Section<'_> {
    /// The principal and its credential.
    pub(super) fn sign_in(&mut self, auth: &Auth<'_>) -> Option<SignIn> {
        self.sign_in_with(auth, &variable)
    }

    pub(super) fn sign_in_with(&mut self, auth: &Auth<'_>, variables: Variables<'_>) -> Option<SignIn> {
        match auth.kind.get_ref() {
            // It exists only for the media API, and is read there.
            AuthKind::Acs => None,
            AuthKind::Entra => self.application(auth),
            AuthKind::WorkloadIdentity => self.workload_identity(auth, variables),
            AuthKind::Environment => self.environment(auth, variables),
            AuthKind::ManagedIdentity => {
                let client_id = match &auth.file.client_id {
                    Some(id) => Some(self.keep(Self::name_of, &auth.key("client_id"), id)?),
                    None => None,
                };
                Some(SignIn::ManagedIdentity { service: self.identity_service(auth, variables)?, client_id })
            }
            AuthKind::AzureCli => {
                let tenant = match &auth.file.tenant {
                    Some(tenant) => Some(self.keep(Self::name_of, &auth.key("tenant"), tenant)?),
                    None => None,
                };
                Some(SignIn::AzureCli { tenant })
            }
        }
    }

    /// An application with a secret or a certificate.
    fn application(&mut self, auth: &Auth<'_>) -> Option<SignIn> {
        let authority = match &auth.file.authority {
            Some(authority) => self.url_of(auth, "authority", authority),
            None => Url::parse(sign_in::AUTHORITY).ok(),
        };
        let tenant = auth.file.tenant.as_ref();
        let tenant = tenant.and_then(|tenant| self.keep(Self::name_of, &auth.key("tenant"), tenant));
        let client_id = auth.file.client_id.as_ref();
        let client_id = client_id.and_then(|id| self.keep(Self::name_of, &auth.key("client_id"), id));
        let proof = match (&auth.file.certificate, &auth.file.secret) {
            (Some(certificate), Some(_)) => {
                let remedy = "keep `secret` or `certificate`, one of them";
                let problem =
                    self.error(&certificate.span(), &auth.key("certificate"), "`secret` is also given", remedy);
                self.problems.push(problem);
                None
            }
            (Some(certificate), None) => self.certificate(auth, certificate),
            (None, _) => self.secret_of(auth).map(Proof::Secret),
        };
        let token_url = sign_in::token_url(&authority?, &tenant?);
        Some(SignIn::Application { token_url, client_id: client_id?, proof: proof? })
    }

    fn certificate(&mut self, auth: &Auth<'_>, file: &Spanned<PathBuf>) -> Option<Proof> {
        let path = self.document.directory().join(file.get_ref());
        let shown = path.display();
        let read = credentials::read(&path, LARGEST)
            .map_err(|Unreadable { path, error, .. }| format!("failed to read {}: {error}", path.display()));
        // It is masked as a secret while it is read.
        let pem = read.map(Secret::new);
        let read = pem.and_then(|pem| {
            ClientCertificate::read(pem.expose()).map_err(|why| format!("{shown} cannot be used: {why}"))
        });
        let read = read.map_err(|problem| {
            let remedy = format!(
                "put the certificate and its private key into {shown} as PEM, without a password, and run: chmod 600 {shown}"
            );
            self.error(&file.span(), &auth.key("certificate"), &problem, &remedy)
        });
        self.problems.keep(read).map(|certificate| Proof::Certificate(Arc::new(certificate)))
    }

    /// An application that trusts the tokens of another issuer, such as a Kubernetes cluster.
    fn workload_identity(&mut self, auth: &Auth<'_>, variables: Variables<'_>) -> Option<SignIn> {
        let authority = match &auth.file.authority {
            Some(authority) => self.url_of(auth, "authority", authority),
            None => self.authority_of(auth, variables),
        };
        let tenant = match &auth.file.tenant {
            Some(tenant) => self.keep(Self::name_of, &auth.key("tenant"), tenant),
            None => self.of(auth, "tenant", "AZURE_TENANT_ID", variables),
        };
        let client_id = match &auth.file.client_id {
            Some(id) => self.keep(Self::name_of, &auth.key("client_id"), id),
            None => self.of(auth, "client_id", "AZURE_CLIENT_ID", variables),
        };
        let file = match &auth.file.token_file {
            Some(file) => Some(self.document.directory().join(file.get_ref())),
            None => self.of(auth, "token_file", "AZURE_FEDERATED_TOKEN_FILE", variables).map(PathBuf::from),
        };
        let token_url = sign_in::token_url(&authority?, &tenant?);
        Some(SignIn::Application { token_url, client_id: client_id?, proof: Proof::TokenFile(file?) })
    }

    /// An application that the environment describes.
    fn environment(&mut self, auth: &Auth<'_>, variables: Variables<'_>) -> Option<SignIn> {
        let authority = self.authority_of(auth, variables);
        let [tenant, client_id] =
            ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"].map(|name| self.of(auth, "kind", name, variables));
        let secret = variables("AZURE_CLIENT_SECRET").map(|secret| Proof::Secret(Secret::new(secret)));
        let file = || variables("AZURE_FEDERATED_TOKEN_FILE").map(|file| Proof::TokenFile(file.into()));
        let proof = secret.or_else(file);
        if proof.is_none() {
            let problem = "neither the variable AZURE_CLIENT_SECRET nor AZURE_FEDERATED_TOKEN_FILE is set";
            let problem = self.error(&auth.kind.span(), &auth.key("kind"), problem, "export one, or use another kind");
            self.problems.push(problem);
        }
        let token_url = sign_in::token_url(&authority?, &tenant?);
        Some(SignIn::Application { token_url, client_id: client_id?, proof: proof? })
    }

    /// The service that issues the tokens of this machine's identities.
    fn identity_service(&mut self, auth: &Auth<'_>, variables: Variables<'_>) -> Option<IdentityService> {
        if let (Some(url), Some(header)) = (variables("IDENTITY_ENDPOINT"), variables("IDENTITY_HEADER")) {
            let url = self.address(auth, "IDENTITY_ENDPOINT", &url)?;
            return Some(IdentityService::Host(url, Secret::new(header)));
        }
        let url = variables("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| sign_in::MACHINE.to_owned());
        self.address(auth, "AZURE_POD_IDENTITY_AUTHORITY_HOST", &url).map(IdentityService::Machine)
    }

    /// The authority that the environment names, or that of the public cloud.
    fn authority_of(&mut self, auth: &Auth<'_>, variables: Variables<'_>) -> Option<Url> {
        const NAME: &str = "AZURE_AUTHORITY_HOST";
        let mut url = variables(NAME).unwrap_or_else(|| sign_in::AUTHORITY.to_owned());
        if !url.contains("://") {
            url.insert_str(0, "https://");
        }
        self.address(auth, NAME, &url)
    }

    /// A variable that is required if its key is missing.
    fn of(&mut self, auth: &Auth<'_>, key: &str, name: &str, variables: Variables<'_>) -> Option<String> {
        let value = variables(name);
        if value.is_none() {
            let remedy = match key {
                "kind" => format!("export {name}, or use another kind"),
                key => format!("export {name}, or add `{key}`"),
            };
            let problem = format!("the variable {name} is not set");
            let problem = self.error(&auth.kind.span(), &auth.key(key), &problem, &remedy);
            self.problems.push(problem);
        }
        value
    }

    /// A URL in a variable: https, or http to this machine or a link-local address.
    fn address(&mut self, auth: &Auth<'_>, name: &str, text: &str) -> Option<Url> {
        let url = Url::parse(text).ok().filter(|url| {
            let plain = url.scheme() == "http" && (is_loopback(url) || is_link_local(url));
            let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
            (plain || url.scheme() == "https") && url.has_host() && bare
        });
        if url.is_none() {
            let problem = format!("the variable {name} is not an https address, nor an http address of this machine");
            let problem =
                self.error(&auth.kind.span(), &auth.key("kind"), &problem, "correct the variable, or unset it");
            self.problems.push(problem);
        }
        url
    }
}

#[cfg(test)]
mod tests;
