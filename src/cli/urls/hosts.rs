//! The two hosts that viewers are switched between, and a path that both serve.

use std::collections::BTreeSet;

use mediamirror::connect::Endpoint;
use mediamirror::engine::urls::UrlPair;
use mediamirror::model::Side;
use url::{Host, Position, Url};

use crate::cli::exit_code::ExitCode;
use crate::cli::failure::CommandFailure;

/// One of the two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The account behind it.
    pub(super) account: String,
    /// TLS?
    pub(super) https: bool,
    /// A host name, or an address; only letters, digits, dots and hyphens, or an IPv6 address in brackets.
    pub(super) host: String,
    /// The port.
    pub(super) port: u16,
    /// The prefix of the common path, without a slash at its end; usually empty.
    pub(super) prefix: String,
}

/// A path that both hosts serve, for health probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Probe {
    /// The path, encoded as in a URL.
    pub(super) path: String,
    /// What it is, for a comment.
    pub(super) what: String,
}

/// Both hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hosts {
    pub(super) source: Origin,
    pub(super) target: Origin,
}

impl Origin {
    /// The host of a URL, with its path as the prefix of all other paths.
    pub(super) fn of(account: &str, url: &Url) -> Option<Self> {
        let host = match url.host()? {
            // The host of a parsed URL can contain special characters of a configuration.
            Host::Domain(name) if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')) => {
                return None;
            }
            host => host.to_string(),
        };
        let (https, port) = (url.scheme() == "https", url.port_or_known_default()?);
        matches!(url.scheme(), "http" | "https").then(|| Self {
            account: account.to_owned(),
            https,
            host,
            port,
            // The only special character of nginx in double quotes that a URL's path can contain.
            prefix: url.path().trim_end_matches('/').replace('$', "%24"),
        })
    }

    /// Scheme, host and port as in URLs.
    pub(super) fn root(&self) -> String {
        format!("{}://{}", if self.https { "https" } else { "http" }, self.authority())
    }

    /// Is the port the one that a URL need not name?
    pub(super) fn has_usual_port(&self) -> bool {
        self.port == if self.https { 443 } else { 80 }
    }

    /// The host as in URLs and in the `Host` header.
    pub(super) fn authority(&self) -> String {
        if self.has_usual_port() { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}

impl Hosts {
    /// Both sides. A common prefix of both paths becomes a part of the path.
    pub(super) fn new(mut source: Origin, mut target: Origin) -> Self {
        if source.prefix == target.prefix {
            source.prefix.clear();
            target.prefix.clear();
        }
        Self { source, target }
    }

    /// Refuses two sides that one common setting cannot describe. `ports`: must the port be the same, too?
    pub(super) fn must_differ_by_name_only(&self, format: &str, ports: bool) -> Result<(), CommandFailure> {
        let Self { source, target } = self;
        if source.host == target.host {
            let problem = format!("--format {format} needs two host names, and both sides have {}", source.host);
            return Err(refused(problem, "set `streaming_url` of one side to another host name"));
        }
        let same = source.https == target.https && (!ports || source.port == target.port);
        if !same || source.prefix != target.prefix {
            let what = if same { "path" } else { "scheme and port" };
            let [a, b] = [source, target].map(|side| side.root() + &side.prefix);
            let problem = format!("--format {format} has one {what} for both sides, but A is at {a} and B at {b}");
            return Err(refused(problem, "set `streaming_url` of both sides, so that only the host name differs"));
        }
        Ok(())
    }
}

/// The host of one side: `streaming_url`, else that of its URLs, else its only running streaming host.
pub(super) async fn streaming_host(endpoint: &Endpoint, pairs: &[UrlPair]) -> Result<Origin, CommandFailure> {
    let account = endpoint.library.account().as_str();
    if let Some(url) = &endpoint.streaming_url {
        return origin(endpoint, url.as_str());
    }
    let urls = pairs.iter().filter_map(|pair| match endpoint.side {
        Side::Source => Some(&pair.source_url),
        Side::Target => pair.target_url.as_ref(),
    });
    let mut hosts: BTreeSet<String> = urls.map(|url| root(url)).collect();
    if hosts.is_empty() && endpoint.library.capabilities().streaming_hosts {
        let listed = endpoint.library.streaming_hosts().await;
        let listed = listed.map_err(|error| CommandFailure::of(&error, false))?;
        hosts = listed.into_iter().filter(|host| host.running).map(|host| root(&host.url)).collect();
    }
    let mut hosts = hosts.into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => origin(endpoint, &only),
        (None, _) => Err(unknown(endpoint, &format!("no streaming host of account {account} is known"))),
        (Some(one), Some(other)) => {
            let problem = format!("account {account} has several streaming hosts, such as {one} and {other}");
            Err(unknown(endpoint, &problem))
        }
    }
}

/// Scheme, host and port of a URL, without a user; if it is not a URL, the text.
fn root(url: &str) -> String {
    let parsed =
        Url::parse(url).map(|url| format!("{}://{}", url.scheme(), &url[Position::BeforeHost..Position::BeforePath]));
    parsed.unwrap_or_else(|_| url.to_owned())
}

fn origin(endpoint: &Endpoint, url: &str) -> Result<Origin, CommandFailure> {
    let account = endpoint.library.account().as_str();
    let found = Url::parse(url).ok().and_then(|url| Origin::of(account, &url));
    found
        .ok_or_else(|| unknown(endpoint, &format!("the streaming host of account {account} is not a host name: {url}")))
}

fn unknown(endpoint: &Endpoint, problem: &str) -> CommandFailure {
    refused(format!("the {}: {problem}", endpoint.side), &format!("set `streaming_url` in [{}]", endpoint.side))
}

/// The mirrored manifest that both sides serve for the longest time.
pub(super) fn probe(pairs: &[UrlPair]) -> Result<Probe, CommandFailure> {
    let playable = pairs.iter().filter(|pair| pair.source_url.ends_with("/manifest"));
    let found = playable.filter_map(|pair| Some((pair, common_path(pair)?)));
    let (pair, path) = found.max_by_key(|(pair, _)| pair.expires).ok_or_else(|| {
        let problem = "there is no path for health probes: no manifest has the same path on both sides";
        refused(problem, "run `mediamirror sync` first; a `streaming_url` must not have a path")
    })?;
    Ok(Probe { path, what: format!("the manifest of {}, until {}", pair.asset, pair.expires) })
}

/// The path of both URLs, if it is the same.
fn common_path(pair: &UrlPair) -> Option<String> {
    let source = Url::parse(&pair.source_url).ok()?;
    let target = Url::parse(pair.target_url.as_ref()?).ok()?;
    (source.path() == target.path()).then(|| source.path().to_owned())
}

pub(super) fn refused(problem: impl Into<String>, remedy: &str) -> CommandFailure {
    CommandFailure::new(ExitCode::Refused, problem, remedy)
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::{SignedDuration, Timestamp};
    use mediamirror::model::LocatorId;

    use super::*;

    /// A pair of URLs on two hosts.
    pub(in crate::cli::urls) fn pair(asset: &str, mirrored: bool, days: i64) -> UrlPair {
        let path = "43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb/film.ism/manifest";
        UrlPair {
            asset: asset.to_owned(),
            locator_id: LocatorId::new("43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb"),
            container: None,
            expires: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days),
            source_url: format!("https://a.example.com/{path}"),
            target_url: mirrored.then(|| format!("https://b.example.com/{path}")),
            cause: None,
        }
    }

    pub(in crate::cli::urls) fn hosts(source: &str, target: &str) -> Hosts {
        let of = |account: &str, url: &str| Origin::of(account, &Url::parse(url).unwrap()).unwrap();
        Hosts::new(of("west", source), of("east", target))
    }

    #[test]
    fn a_host_with_special_characters_is_refused() {
        for hostile in ["https://a;b/", "https://a'b/", "https://$a/", "https://{a}/", "https://a\"b/", "ftp://a/"] {
            let host = Url::parse(hostile).ok().and_then(|url| Origin::of("west", &url));
            assert_eq!(host, None, "{hostile}");
        }
        for good in ["https://a-1.example.com/", "http://127.0.0.1:80/", "https://[::1]:8443/"] {
            assert!(Origin::of("west", &Url::parse(good).unwrap()).is_some(), "{good}");
        }
    }

    #[test]
    fn the_probe_is_the_mirrored_manifest_that_is_valid_longest() {
        let pairs = [pair("first", true, 1), pair("long", true, 9), pair("missing", false, 99)];
        assert_eq!(probe(&pairs).unwrap().what, "the manifest of long, until 1970-01-10T00:00:00Z");
        let error = probe(&pairs[2..]).unwrap_err();
        assert_eq!(error.code, ExitCode::Refused);
        let mut root = pair("a root", true, 1);
        root.source_url.truncate(root.source_url.rfind("film").unwrap());
        assert!(probe(&[root]).is_err(), "a locator's root is no file");
        let mut moved = pair("moved", true, 1);
        moved.target_url = Some("https://b.example.com/cdn/film.ism/manifest".to_owned());
        assert!(probe(&[moved]).is_err(), "more than the host differs");
    }

    #[test]
    fn sides_that_one_setting_cannot_describe_are_refused() {
        let good = hosts("https://a.example.com/", "https://b.example.com/");
        assert!(good.must_differ_by_name_only("steering", true).is_ok());
        let same = hosts("http://127.0.0.1:1/", "http://127.0.0.1:2/");
        assert!(same.must_differ_by_name_only("steering", true).unwrap_err().to_string().contains("two host names"));
        let ports = hosts("https://a.example.com/", "https://b.example.com:8443/");
        assert!(ports.must_differ_by_name_only("steering", true).is_err());
        assert!(ports.must_differ_by_name_only("front-door", false).is_ok());
        let paths = hosts("https://a.example.com/x/", "https://b.example.com/y");
        assert!(paths.must_differ_by_name_only("front-door", false).unwrap_err().to_string().contains("one path"));
        let common = hosts("https://a.example.com/x/", "https://b.example.com/x");
        assert!(common.must_differ_by_name_only("front-door", false).is_ok());
        assert!(hosts("https://a.b/", "http://b.b/").must_differ_by_name_only("front-door", false).is_err());
    }
}
