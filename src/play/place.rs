//! Finds the target of a URL in a manifest: the same path on both hosts, or another place. Pure.

use url::{Position, Url};

/// Both hosts. Each base ends with a slash.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    pub(super) source: Url,
    pub(super) target: Url,
    /// Other host names of the source, such as that of a storage account behind a streaming host.
    pub(super) source_names: Vec<String>,
    /// The same for the target.
    pub(super) target_names: Vec<String>,
}

/// The target of a URL, for viewers of the target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// That path with its query, below the base of the host from which they play.
    Same(String),
    /// The source's host, because the manifest names it.
    Source,
    /// The target's host, because the manifest names it, so that viewers of the source need the target.
    Target,
    /// That host, which is another one.
    Elsewhere(String),
    /// That path outside the library.
    Outside(String),
    /// No place: it is not an HTTP URL, such as the name of a key in a player, or a `data:` URL.
    Nowhere,
}

impl Hosts {
    /// The place of references in the manifest at `path` below the base: the first one is relative to the manifest,
    /// each other one to the one before.
    pub(super) fn resolve(&self, path: &str, references: &[String]) -> Place {
        let (Some(there), Some(here)) =
            (follow(&self.source, path, references), follow(&self.target, path, references))
        else {
            return Place::Nowhere;
        };
        let named = references.iter().any(|reference| names_a_host(reference));
        let is = |base: &Url, names: &[String]| {
            let host = here.host_str().unwrap_or_default();
            below(&here, base).is_some() || names.iter().any(|name| name == host)
        };
        match (below(&there, &self.source), below(&here, &self.target)) {
            (Some(path), Some(same)) if path == same && !named => Place::Same(path.to_owned()),
            _ if is(&self.source, &self.source_names) => Place::Source,
            _ if is(&self.target, &self.target_names) => Place::Target,
            _ if named => Place::Elsewhere(here.host_str().unwrap_or_default().to_owned()),
            _ => Place::Outside(here.path().to_owned()),
        }
    }
}

/// The URL to which the references in the manifest at `path` lead a player; `None` if it is not an HTTP URL.
fn follow(base: &Url, path: &str, references: &[String]) -> Option<Url> {
    // Without the dot a first segment with a colon would be a scheme.
    let mut url = base.join(&format!("./{path}")).ok()?;
    for reference in references {
        url = url.join(reference).ok()?;
    }
    url.set_fragment(None);
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// Does a reference contain a host?
fn names_a_host(reference: &str) -> bool {
    let reference = reference.trim_start();
    reference.starts_with("//") || reference.starts_with("\\\\") || Url::parse(reference).is_ok()
}

/// The path and the query of a URL below a base.
fn below<'u>(url: &'u Url, base: &Url) -> Option<&'u str> {
    let same = url.origin() == base.origin() && url.username().is_empty() && url.password().is_none();
    same.then(|| url[Position::BeforePath..].strip_prefix(base.path())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(source: &str, target: &str) -> Hosts {
        let [source, target]: [Url; 2] = [source, target].map(|url| url.parse().unwrap());
        let name = |url: &Url| url.host_str().unwrap().to_owned();
        let mut names = [vec![name(&source), "store-a.example".to_owned()], vec![name(&target)]];
        if source.host() == target.host() {
            names = [Vec::new(), Vec::new()];
        }
        let [source_names, target_names] = names;
        Hosts { source, target, source_names, target_names }
    }

    #[test]
    fn a_reference_leads_to_the_same_path_or_is_reported() {
        let hosts = hosts("https://a.example/", "https://b.example/");
        let place = |reference: &str| hosts.resolve("films/x/master.m3u8?t=1", &[reference.to_owned()]);
        let same = |path: &str| Place::Same(path.to_owned());
        assert_eq!(place("v/1.ts"), same("films/x/v/1.ts"));
        assert_eq!(place("../y.ts?a=b%20c#f"), same("films/y.ts?a=b%20c"));
        assert_eq!(place("/other/1.ts"), same("other/1.ts"));
        assert_eq!(place("?q"), same("films/x/master.m3u8?q"));
        assert_eq!(place("https://a.example/films/x/1.ts"), Place::Source);
        assert_eq!(place("HTTP://A.example/films/x/1.ts"), Place::Source);
        assert_eq!(place("//a.example/1.ts"), Place::Source);
        assert_eq!(place("https://store-a.example/films/x/1.ts"), Place::Source);
        assert_eq!(place("https://b.example/1.ts"), Place::Target);
        assert_eq!(place("https://c.example/1.ts"), Place::Elsewhere("c.example".to_owned()));
        assert_eq!(place("https://a.example@c.example/"), Place::Elsewhere("c.example".to_owned()));
        assert_eq!(place("data:text/plain,x"), Place::Nowhere);
        assert_eq!(place("skd://key"), Place::Nowhere);
    }

    #[test]
    fn a_base_in_the_manifest_is_applied() {
        let hosts = hosts("https://a.example/", "https://b.example/");
        let resolve = |references: &[&str]| {
            let references: Vec<String> = references.iter().map(|text| (*text).to_owned()).collect();
            hosts.resolve("films/m.mpd", &references)
        };
        assert_eq!(resolve(&["v/", "1.m4s"]), Place::Same("films/v/1.m4s".to_owned()));
        assert_eq!(resolve(&["https://a.example/films/", "1.m4s"]), Place::Source);
        assert_eq!(resolve(&[]), Place::Same("films/m.mpd".to_owned()));
    }

    #[test]
    fn accounts_on_the_same_host_are_distinguished_by_their_paths() {
        let hosts = hosts("http://127.0.0.1:10000/west/", "http://127.0.0.1:10000/east/");
        let place = |reference: &str| hosts.resolve("films/m.m3u8", &[reference.to_owned()]);
        assert_eq!(place("1.ts"), Place::Same("films/1.ts".to_owned()));
        assert_eq!(place("/west/films/1.ts"), Place::Source);
        assert_eq!(place("/films/1.ts"), Place::Outside("/films/1.ts".to_owned()));
        assert_eq!(place("../../1.ts"), Place::Outside("/1.ts".to_owned()));
        assert_eq!(place("http://127.0.0.1:10000/west/films/1.ts"), Place::Source);
        assert_eq!(place("http://127.0.0.1:10000/east/films/1.ts"), Place::Target);
    }
}
