//! The ways to sign in: what each of them requests.

use azure_core::http::{HttpClient, Method, Request};
use url::Url;
use url::form_urlencoded::Serializer;

use super::token::Token;
use super::{assertion, azure_cli, endpoint, managed};
use crate::config::{AuthConfig, Proof, SignIn};
use crate::failure::Failure;

/// The scope of all media accounts in ACS.
const ACS_SCOPE: &str = "urn:WindowsAzureMediaServices";

/// Requests a token.
pub(super) async fn ask(auth: &AuthConfig, client: &dyn HttpClient) -> Result<Token, Failure> {
    match auth {
        AuthConfig::Acs { token_url, client_id, secret } => {
            let form = [("client_id", client_id.as_str()), ("client_secret", secret.expose()), ("scope", ACS_SCOPE)];
            post(client, token_url, &form).await
        }
        AuthConfig::Entra { sign_in, resource } => match sign_in {
            SignIn::Application { token_url, client_id, proof } => {
                let scope = scope(resource);
                let known = [("client_id", client_id.as_str()), ("scope", scope.as_str())];
                let assertion = match proof {
                    Proof::Secret(secret) => {
                        let form = [known.as_slice(), &[("client_secret", secret.expose())]].concat();
                        return post(client, token_url, &form).await;
                    }
                    Proof::Certificate(certificate) => assertion::signed(certificate, client_id, token_url),
                    Proof::TokenFile(file) => assertion::from_file(file)?,
                };
                let proof = [("client_assertion_type", assertion::KIND), ("client_assertion", assertion.expose())];
                post(client, token_url, &[known, proof].concat()).await
            }
            SignIn::ManagedIdentity { service, client_id } => {
                managed::ask(client, service, client_id.as_deref(), resource).await
            }
            SignIn::AzureCli { tenant } => azure_cli::ask(tenant.as_deref(), &scope(resource)).await,
        },
    }
}

/// The scope of all permissions of the principal on a resource.
fn scope(resource: &str) -> String {
    format!("{}/.default", resource.trim_end_matches('/'))
}

/// Requests a token as an application does. Secrets are only in the body.
async fn post(client: &dyn HttpClient, url: &Url, form: &[(&str, &str)]) -> Result<Token, Failure> {
    let mut request = Request::new(url.clone(), Method::Post);
    request.insert_header("content-type", "application/x-www-form-urlencoded");
    request.insert_header("accept", "application/json");
    request.set_body(body(form));
    endpoint::token(url, &endpoint::send(client, &request).await?)
}

fn body(form: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).append_pair("grant_type", "client_credentials").extend_pairs(form).finish()
}
