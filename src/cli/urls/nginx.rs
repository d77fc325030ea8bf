//! An nginx server that requests from A, and from B if A does not answer.
//!
//! A group of servers (`upstream`) has one `Host` for all of them. So the configuration has two servers on loopback,
//! each of which forwards requests with its host's own name.

use std::fmt::Write as _;

use super::hosts::{Hosts, Origin};
use super::old_locators::OldLocators;
use crate::cli::template::{comment, fill};

const SERVER: &str = include_str!("nginx.conf");

/// TLS to one host; a verification depth of 3 is that of public authorities, the default of nginx is 1.
const TLS: &str = r#"        proxy_ssl_server_name on;
        proxy_ssl_name "{{host}}";
        proxy_ssl_protocols TLSv1.2 TLSv1.3;
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 3;
        proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
"#;

/// Maps the id of an old locator to its container.
const OLD_LOCATORS: &str = r#"
# Old streaming URLs, /LOCATOR/FILE: the container that has the files of that locator now.
# If there are thousands of them, set a larger map_hash_max_size in the http block.
map $mediamirror_locator $mediamirror_container {
    default "";
{{lines}}}
"#;

const OLD_LOCATION: &str = r#"
    location ~ "^/(?<mediamirror_locator>[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})/" {
        limit_except GET OPTIONS {
            deny all;
        }
        if ($mediamirror_container = "") {
            return 404;
        }
        rewrite "^/[^/]+/(.*)$" /$mediamirror_container/$1 break;
        proxy_pass http://mediamirror;
    }
"#;

/// The configuration. Hosts have no special characters of nginx, see [`Origin::of`]; prefixes are encoded, and
/// containers have letters, digits and hyphens only.
pub(super) fn server(hosts: &Hosts, old: Option<&OldLocators>) -> String {
    let Hosts { source, target } = hosts;
    let [source_tls, target_tls] = [source, target].map(tls);
    let mut lines = String::new();
    for (locator, container) in old.into_iter().flat_map(OldLocators::iter) {
        let _ = writeln!(lines, "    {locator} {container};");
    }
    let values = [
        ("sourceAccount", comment(&source.account)),
        ("targetAccount", comment(&target.account)),
        ("sourcePrefix", source.prefix.clone()),
        ("targetPrefix", target.prefix.clone()),
        ("sourceHeader", source.authority()),
        ("targetHeader", target.authority()),
        ("sourceRoot", source.root()),
        ("targetRoot", target.root()),
        ("sourceTls", source_tls),
        ("targetTls", target_tls),
        ("oldLocators", old.map(|_| fill(OLD_LOCATORS, &[("lines", &lines)])).unwrap_or_default()),
        ("oldLocation", old.map(|_| OLD_LOCATION.to_owned()).unwrap_or_default()),
    ];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    fill(SERVER, &values)
}

fn tls(origin: &Origin) -> String {
    if origin.https { fill(TLS, &[("host", &origin.host)]) } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::hosts::tests::hosts;
    use super::*;

    #[test]
    fn each_host_is_requested_with_its_own_name() {
        let text = server(&hosts("https://a.example.com/", "https://b.example.com:8443/"), None);
        for line in [
            r#"proxy_pass "https://a.example.com$request_uri";"#,
            r#"proxy_pass "https://b.example.com:8443$request_uri";"#,
            r#"proxy_set_header Host "a.example.com";"#,
            r#"proxy_set_header Host "b.example.com:8443";"#,
            r#"proxy_ssl_name "b.example.com";"#,
            "backup",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
        assert!(text.starts_with("# nginx") && !text.contains("map "), "{text}");
    }

    #[test]
    fn a_prefix_of_the_common_path_is_prepended_and_has_no_variable() {
        let text = server(&hosts("https://a.example.com/", "https://b.example.com/x$host/"), None);
        assert!(text.contains(r#"proxy_pass "https://a.example.com$request_uri";"#), "{text}");
        assert!(text.contains(r#"proxy_pass "https://b.example.com/x%24host$request_uri";"#), "{text}");
        assert!(text.contains(r#"proxy_redirect "https://b.example.com/x%24host/" /;"#), "{text}");
    }

    #[test]
    fn a_host_without_tls_has_no_tls_settings() {
        assert!(!server(&hosts("http://127.0.0.1:1/", "http://127.0.0.1:2/"), None).contains("proxy_ssl_name"));
    }

    #[test]
    fn a_hostile_account_name_cannot_leave_its_comment() {
        let mut hosts = hosts("https://a.example.com/", "https://b.example.com/");
        hosts.source.account = "west\nload_module evil.so;".to_owned();
        let text = server(&hosts, None);
        assert!(text.contains("#   A  west\\nload_module evil.so;: https://"), "{text}");
        assert!(text.lines().all(|line| !line.starts_with("load_module")), "{text}");
    }

    #[test]
    fn an_old_locator_is_mapped_to_its_container() {
        let table = "locator_id,container\n43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb,asset-1\n";
        let old = OldLocators::parse(table.as_bytes()).unwrap();
        let text = server(&hosts("https://a.example.com/", "https://b.example.com/"), Some(&old));
        assert!(text.contains("    43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb asset-1;\n"), "{text}");
        assert!(text.contains("rewrite"), "{text}");
    }
}
