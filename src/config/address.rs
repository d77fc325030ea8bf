//! Which addresses are allowed.

use url::Url;

/// Checks that an address is allowed; otherwise returns the problem and its remedy.
pub(super) fn reachable(url: &Url) -> Result<(), (&'static str, &'static str)> {
    if url.host().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(("not an http address", "write it as https://host/path"));
    }
    if url.scheme() == "http" && !is_loopback(url) {
        return Err(("http sends keys unencrypted", "write https://"));
    }
    Ok(())
}

/// Is the host this machine?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
