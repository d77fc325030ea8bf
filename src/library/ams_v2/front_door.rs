//! Resolves the front door to the cluster of the account: this module follows the one 301 redirect itself.
//!
//! The token is sent to the new root. So only these hosts are accepted: the configured ones, and hosts of the same
//! domain as the front door if the domain has three parts or more.

use azure_core::http::{HttpClient, Method, Request};
use url::Url;

use super::calls::set_headers;
use super::errors;
use super::exchange::{self, Answer};
use crate::error::Failure;
use crate::identity::Token;
use crate::transport::{AllowedHosts, authority, is_loopback};

/// The hosts on which the account's API can be.
#[derive(Debug)]
pub(super) struct FrontDoor {
    endpoint: Url,
    patterns: Vec<String>,
    hosts: AllowedHosts,
}

impl FrontDoor {
    /// Allows the endpoint's own host; other ones are allowed only after a redirect.
    pub(super) fn new(endpoint: &Url, patterns: &[String], hosts: AllowedHosts) -> Self {
        let mut endpoint = endpoint.clone();
        if !endpoint.path().ends_with('/') {
            endpoint.set_path(&format!("{}/", endpoint.path()));
        }
        hosts.allow(&endpoint);
        Self { endpoint, patterns: patterns.to_vec(), hosts }
    }

    /// Requests the address of the account's API from the endpoint.
    pub(super) async fn knock(&self, client: &dyn HttpClient, version: &str, token: &Token) -> Result<Url, Failure> {
        let mut request = Request::new(self.endpoint.clone(), Method::Get);
        set_headers(&mut request, version, token);
        let answer = exchange::send(client, &request).await?;
        let host = authority(&self.endpoint);
        match answer.status {
            200 if serde_json::from_str::<serde_json::Value>(&answer.body).is_ok() => Ok(self.endpoint.clone()),
            200 => Err(errors::not_json(&host, &answer.body)),
            301 | 302 | 307 | 308 => self.follow(&host, &answer),
            404 => Err(Failure::Unexpected(format!("{host} answered HTTP 404; is `endpoint` the API root?"))),
            status => Err(errors::refusal(status, answer.retry_after.as_deref(), &answer.body)),
        }
    }

    /// The root in a redirect, if it is allowed.
    fn follow(&self, host: &str, answer: &Answer) -> Result<Url, Failure> {
        let location = answer.location.as_deref();
        let Some(mut root) = location.and_then(|location| self.endpoint.join(location).ok()) else {
            return Err(errors::redirected(answer.status, host, location));
        };
        root.set_query(None);
        root.set_fragment(None);
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        let secure = root.scheme() == "https" || is_loopback(&root);
        let known = authority(&root) == host
            || are_siblings(&self.endpoint, &root)
            || self.patterns.iter().any(|pattern| matches(pattern, &root));
        if !secure || !known {
            return Err(Failure::ForeignHost(authority(&root)));
        }
        self.hosts.allow(&root);
        tracing::debug!(root = %root, "the media API's root");
        Ok(root)
    }
}

/// The fewest parts of a common domain. Anyone can register a name in shorter domains, such as `cloudapp.net` or
/// `co.uk`.
const SHARED_LABELS: usize = 3;

/// Do two URLs have the same port and the same host, except for the first part of the host name?
fn are_siblings(one: &Url, other: &Url) -> bool {
    let domain = |url: &Url| url.domain()?.trim_end_matches('.').split_once('.').map(|(_, domain)| domain.to_owned());
    let shared = domain(one).filter(|shared| domain(other).as_ref() == Some(shared));
    let narrow = shared.is_some_and(|shared| shared.split('.').count() >= SHARED_LABELS);
    narrow && one.port_or_known_default() == other.port_or_known_default()
}

/// Does `host`, `host:port` or `*.suffix` match the URL's host? The default port is that of the scheme.
fn matches(pattern: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let (name, port) = match pattern.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => (name, port.parse().ok()),
        _ => (pattern, None),
    };
    let right_port = match port {
        Some(port) => url.port_or_known_default() == Some(port),
        None => url.port().is_none(),
    };
    let (name, host) = (name.to_ascii_lowercase(), host.to_ascii_lowercase());
    let right_name = match name.strip_prefix('*') {
        Some(suffix) if suffix.starts_with('.') => host.len() > suffix.len() && host.ends_with(suffix),
        _ => host == name,
    };
    right_port && right_name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_share_a_domain_of_three_labels_or_more_and_the_port() {
        let at = |host: &str| Url::parse(&format!("https://{host}/api/")).unwrap();
        let are = |one: &str, other: &str| are_siblings(&at(one), &at(other));
        assert!(are("front.media.azure.net", "cluster7.media.azure.net"));
        assert!(are("front.media.azure.net:443", "FRONT2.media.azure.net"));
        for (one, other) in [
            ("front.media.azure.net", "a.b.media.azure.net"),
            ("front.media.azure.net", "media.azure.net"),
            ("front.media.azure.net", "front.media.azure.net.evil"),
            ("front.media.azure.net", "front2.media.azure.net:8443"),
            ("media.windows.net", "evil.windows.net"),
            ("media.windows.net.", "evil.windows.net."),
            ("media.co.uk", "evil.co.uk"),
            ("127.0.0.1", "10.0.0.1"),
        ] {
            assert!(!are(one, other), "{one} {other}");
        }
    }

    #[test]
    fn only_named_hosts_match() {
        let at = |url: &str| Url::parse(url).unwrap();
        assert!(matches("a.example", &at("https://a.example/api/")));
        assert!(matches("A.example", &at("https://a.example/api/")));
        assert!(matches("a.example:8443", &at("https://a.example:8443/")));
        assert!(matches("127.0.0.1:9", &at("http://127.0.0.1:9/")));
        assert!(matches("*.cloudapp.net", &at("https://wamsbay-hs.cloudapp.net/api/")));
        assert!(!matches("*.cloudapp.net", &at("https://cloudapp.net/api/")));
        assert!(!matches("*.cloudapp.net", &at("https://evilcloudapp.net/api/")));
        assert!(!matches("*.cloudapp.net", &at("https://a.cloudapp.net.evil/api/")));
        assert!(!matches("*", &at("https://a.example/")));
        assert!(!matches("a.example", &at("https://a.example:8443/")));
        assert!(!matches("a.example:8443", &at("https://a.example/")));
    }
}
