//! A steering manifest for HLS players (draft-pantos-hls-rfc8216bis): the second pathway is the first one on the other host.

use serde::Serialize;

use super::hosts::Hosts;
use crate::cli::failure::CommandFailure;

/// The pathway of playlists that do not name one.
const DEFAULT_PATHWAY: &str = ".";
/// The clone of it on the target's host. An id has only letters, digits, dots, hyphens and underscores.
const CLONE: &str = "target";
/// Seconds until a player asks again: this is how soon it follows a change.
const TTL_SECONDS: u32 = 60;

/// The answer to players. Without `RELOAD-URI`, a player requests the same URL again.
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Manifest<'a> {
    version: u32,
    ttl: u32,
    pathway_priority: [&'a str; 2],
    pathway_clones: [Clone<'a>; 1],
}

/// A pathway that is made from another one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Clone<'a> {
    base_id: &'a str,
    id: &'a str,
    uri_replacement: Replacement<'a>,
}

/// The replaced part of the clone's URLs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
struct Replacement<'a> {
    host: &'a str,
}

/// The manifest.
///
/// # Errors
/// More than the host name differs: a clone replaces nothing else.
pub(super) fn manifest(hosts: &Hosts) -> Result<String, CommandFailure> {
    hosts.must_differ_by_name_only("steering", true)?;
    let manifest = Manifest {
        version: 1,
        ttl: TTL_SECONDS,
        pathway_priority: [DEFAULT_PATHWAY, CLONE],
        pathway_clones: [Clone {
            base_id: DEFAULT_PATHWAY,
            id: CLONE,
            uri_replacement: Replacement { host: &hosts.target.host },
        }],
    };
    Ok(serde_json::to_string_pretty(&manifest).expect("texts and numbers can be written as JSON"))
}

/// What the file is and how to use it, because JSON has no comments.
pub(super) fn note(hosts: &Hosts) -> String {
    format!(
        "a steering manifest: players of {} change to {} ({}) if the first fails; to switch all players, exchange the two \
         entries of PATHWAY-PRIORITY; `mediamirror manual switching` explains where to put it",
        hosts.source.host, hosts.target.host, hosts.target.account
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::hosts::tests::hosts;
    use super::*;

    #[test]
    fn the_manifest_follows_the_specification_and_replaces_only_the_host() {
        let text = manifest(&hosts("https://a.example.com/", "https://b.example.com/")).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            found,
            json!({
                "VERSION": 1,
                "TTL": 60,
                "PATHWAY-PRIORITY": [".", "target"],
                "PATHWAY-CLONES": [
                    { "BASE-ID": ".", "ID": "target", "URI-REPLACEMENT": { "HOST": "b.example.com" } }
                ],
            })
        );
        let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
        assert!([DEFAULT_PATHWAY, CLONE].iter().all(|id| id.chars().all(allowed)));
    }

    #[test]
    fn a_different_port_is_refused() {
        let error = manifest(&hosts("https://a.example.com/", "https://b.example.com:8443/")).unwrap_err();
        assert!(error.to_string().contains("scheme and port"), "{error}");
    }
}
