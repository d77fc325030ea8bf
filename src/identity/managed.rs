//! Tokens of managed identities, from the identity service of the machine or of the container.

use std::time::Duration;

use azure_core::http::{HttpClient, Method, Request};
use url::Url;

use super::answer::refusal;
use super::endpoint;
use super::token::Token;
use crate::config::IdentityService;
use crate::failure::Failure;
use crate::retry::IDENTITY_SERVICE_UPDATES;
use crate::transport::authority;

/// The versions of the services' APIs.
const MACHINE_VERSION: &str = "2018-02-01";
const HOST_VERSION: &str = "2019-08-01";
/// The service answers within milliseconds. On a machine outside Azure, nothing answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// During an update, the machine's service answers 404 or 410 for at most 70 seconds (its documentation). This is the
/// wait between two attempts.
const UPDATE: Duration = Duration::from_secs(12);

/// Requests a token for a resource; `client_id` names the identity if there are several.
pub(super) async fn ask(
    client: &dyn HttpClient,
    service: &IdentityService,
    client_id: Option<&str>,
    resource: &str,
) -> Result<Token, Failure> {
    let request = request(service, client_id, resource);
    let Ok(sent) = tokio::time::timeout(PATIENCE, endpoint::send(client, &request)).await else {
        let host = authority(request.url());
        return Err(Failure::Connect(format!(
            "the identity service at {host} does not answer within {PATIENCE:?}; only machines in Azure have one"
        )));
    };
    let answer = sent?;
    if matches!((service, answer.status), (IdentityService::Machine(_), 404 | 410)) {
        let Failure::Refused { status, message, .. } = refusal(answer.status, None, &answer.body) else {
            return Err(refusal(answer.status, None, &answer.body));
        };
        let code = Some(IDENTITY_SERVICE_UPDATES.to_owned());
        return Err(Failure::Refused { status, code, message, retry_after: Some(UPDATE), source_refusal: None });
    }
    endpoint::token(request.url(), &answer)
}

fn request(service: &IdentityService, client_id: Option<&str>, resource: &str) -> Request {
    let (url, version) = match service {
        IdentityService::Machine(root) => (machine_url(root), MACHINE_VERSION),
        IdentityService::Host(url, _) => (url.clone(), HOST_VERSION),
    };
    let mut request = Request::new(url, Method::Get);
    {
        let mut query = request.url_mut().query_pairs_mut();
        query.append_pair("api-version", version).append_pair("resource", resource);
        if let Some(id) = client_id {
            query.append_pair("client_id", id);
        }
    }
    match service {
        IdentityService::Machine(_) => request.insert_header("metadata", "true"),
        IdentityService::Host(_, header) => request.insert_header("x-identity-header", header.expose().to_owned()),
    }
    request
}

fn machine_url(root: &Url) -> Url {
    let mut url = root.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["metadata", "identity", "oauth2", "token"]);
    }
    url
}
