//! Azure Front Door and Traffic Manager, as Bicep.

use std::fmt::Write as _;

use super::hosts::{Hosts, Origin, Probe};
use crate::cli::failure::CommandFailure;
use crate::cli::template::{comment, fill};

/// Resource types and properties as in Microsoft's reference of Microsoft.Cdn, version 2025-06-01.
const FRONT_DOOR: &str = include_str!("front-door.bicep");
/// The same for Microsoft.Network/trafficManagerProfiles, version 2022-04-01.
const TRAFFIC_MANAGER: &str = include_str!("traffic-manager.bicep");

/// A profile of Azure Front Door with an endpoint, a group of two origins and a route.
///
/// # Errors
/// The hosts are the same, or differ in the scheme: a route has one for both.
pub(super) fn front_door(hosts: &Hosts, probe: &Probe) -> Result<String, CommandFailure> {
    hosts.must_differ_by_name_only("front-door", false)?;
    let port = |https: bool, side: &Origin| match (https, side.https) {
        (true, true) | (false, false) => side.port.to_string(),
        (true, false) => "443".to_owned(),
        (false, true) => "80".to_owned(),
    };
    let protocol = if hosts.source.https { "Https" } else { "Http" };
    let own = [
        ("protocol", protocol.to_owned()),
        ("sourceHttpPort", port(false, &hosts.source)),
        ("sourceHttpsPort", port(true, &hosts.source)),
        ("sourceHeader", header("sourceHost", &hosts.source)),
        ("targetHttpPort", port(false, &hosts.target)),
        ("targetHttpsPort", port(true, &hosts.target)),
        ("targetHeader", header("targetHost", &hosts.target)),
    ];
    Ok(filled(FRONT_DOOR, hosts, probe, &own))
}

/// A profile of Traffic Manager with two external endpoints by priority.
///
/// # Errors
/// The hosts are the same, or differ in scheme or port: the monitor has one for both.
pub(super) fn traffic_manager(hosts: &Hosts, probe: &Probe) -> Result<String, CommandFailure> {
    hosts.must_differ_by_name_only("traffic-manager", true)?;
    let protocol = if hosts.source.https { "HTTPS" } else { "HTTP" };
    let own = [("protocol", protocol.to_owned()), ("port", hosts.source.port.to_string())];
    Ok(filled(TRAFFIC_MANAGER, hosts, probe, &own))
}

/// The `Host` header of a side, as an expression of the parameter with its host.
fn header(parameter: &str, side: &Origin) -> String {
    if side.has_usual_port() { parameter.to_owned() } else { format!("'${{{parameter}}}:{}'", side.port) }
}

fn filled(template: &str, hosts: &Hosts, probe: &Probe, own: &[(&str, String)]) -> String {
    let shared = [
        ("sourceAccount", comment(&hosts.source.account)),
        ("targetAccount", comment(&hosts.target.account)),
        ("sourceHost", escaped(&hosts.source.host)),
        ("targetHost", escaped(&hosts.target.host)),
        ("probePath", escaped(&probe.path)),
        ("probeWhat", comment(&probe.what)),
    ];
    let values: Vec<(&str, &str)> = shared.iter().chain(own).map(|(name, value)| (*name, value.as_str())).collect();
    fill(template, &values)
}

/// Escapes the content of a Bicep string.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("\\'"),
            // `${` begins an expression.
            '$' => escaped.push_str("\\$"),
            c if c.is_control() => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::hosts::tests::hosts;
    use super::*;

    fn probe(path: &str, what: &str) -> Probe {
        Probe { path: path.to_owned(), what: what.to_owned() }
    }

    /// Lines that are not empty and not a comment.
    fn code(text: &str) -> String {
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn front_door_prefers_the_source_and_uses_the_name_of_each_host() {
        let hosts = hosts("https://a.example.com/", "https://b.example.com:8443/");
        let text = front_door(&hosts, &probe("/g/film.ism/manifest", "x")).unwrap();
        for line in [
            "param sourceHost string = 'a.example.com'",
            "param targetHost string = 'b.example.com'",
            "param probePath string = '/g/film.ism/manifest'",
            "param sourcePriority int = 1",
            "param targetPriority int = 2",
            "originHostHeader: sourceHost",
            "originHostHeader: '${targetHost}:8443'",
            "httpsPort: 8443",
            "forwardingProtocol: 'HttpsOnly'",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.starts_with("// Azure Front Door"), "{text}");
    }

    #[test]
    fn traffic_manager_monitors_both_endpoints_with_one_path_and_port() {
        let hosts = hosts("https://a.example.com/", "https://b.example.com/");
        let text = traffic_manager(&hosts, &probe("/g/film.ism/manifest", "x")).unwrap();
        for line in ["protocol: 'HTTPS'", "port: 443", "param probePath string = '/g/film.ism/manifest'", "'Priority'"]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
        let other = super::super::hosts::tests::hosts("https://a.example.com/", "https://b.example.com:8443/");
        assert!(traffic_manager(&other, &probe("/", "x")).is_err());
    }

    #[test]
    fn hostile_names_cannot_leave_their_strings_and_comments() {
        let mut hosts = hosts("https://a.example.com/", "https://b.example.com/");
        hosts.target.account = "east\noutput key string = listKeys('x', '1').key".to_owned();
        let hostile = probe("/g'\nparam x int//${listKeys()}\\'/m", "a\nresource evil 'x' = {}");
        let plain = probe("/g", "a");
        for make in [front_door, traffic_manager] {
            let text = make(&hosts, &hostile).unwrap();
            let harmless = make(&hosts, &plain).unwrap();
            assert!(text.contains(r"'/g\'\u{a}param x int//\${listKeys()}\\\'/m'"), "{text}");
            assert_eq!(text.lines().count(), harmless.lines().count());
            let others = |text: &str| code(text).lines().filter(|line| !line.contains("probePath string")).count();
            assert_eq!(others(&text), others(&harmless));
        }
    }
}
