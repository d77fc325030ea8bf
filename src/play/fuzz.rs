//! Any bytes as a manifest: they are read or refused, and later requests go only to the two hosts.

use url::Url;

use super::named::Contents;
use super::place::{Hosts, Place};
use super::{dash, hls};
use crate::fuzz::target;

const URLS: &[&str] = &[
    "https://a.example/films/",
    "https://b.example/films/",
    "//c.example/",
    "\\\\c.example\\",
    "/other/",
    "../",
    "./",
    "..%2f",
    "@c.example",
    ":8443",
    "?",
    "#",
    "%00",
    "data:,x",
    "\u{feff}",
    "\t",
    " ",
];
const HLS: &[&str] = &[
    "#EXTM3U\n",
    "#EXT-X-STREAM-INF:BANDWIDTH=1\n",
    "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"",
    "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"b\",URI=\"",
    "#EXT-X-MAP:URI=\"",
    "#EXT-X-KEY:METHOD=AES-128,URI=\"",
    "#EXT-X-BYTERANGE:",
    "18446744073709551615@18446744073709551615\n",
    "#EXTINF:1,\n",
    "#EXTINF:",
    "#EXT-X-DISCONTINUITY\n",
    "#EXT-X-DEFINE:",
    "#EXT-X-",
    "\r\n",
    "\n",
    "\"",
    ",",
    "=",
];
const DASH: &[&str] = &[
    "<Period>",
    "</Period>",
    "<BaseURL>",
    "</BaseURL>",
    "<AdaptationSet>",
    "<Representation id=\"x\">",
    "<SegmentTemplate media=\"$Number$\" duration=\"1\"/>",
    "<SegmentTimeline>",
    "<S t=\"18446744073709551615\" d=\"9223372036854775807\" r=\"-1\"/>",
    "<SegmentList>",
    "<SegmentURL mediaRange=\"0-18446744073709551615\"/>",
    "duration=\"P1Y\"",
    "duration=\"-PT1S\"",
    "timescale=\"0\"",
    "$Time%099d$",
    "$",
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE x>",
    "&amp;",
    "&#0;",
    "&x;",
    "/>",
    "<",
    "\"",
];

/// The outcome for a manifest, after following its URLs.
fn check(read: Result<Contents, String>) -> String {
    let contents = match read {
        Ok(contents) => contents,
        Err(why) => return why,
    };
    let base = |url: &str| -> Url { url.parse().unwrap() };
    let hosts = Hosts {
        source: base("https://a.example/films/"),
        target: base("https://b.example/films/"),
        source_names: Vec::new(),
        target_names: Vec::new(),
    };
    let mut outcome = String::new();
    for named in contents.named {
        let place = hosts.resolve("x/manifest", &named.references);
        outcome.push_str(match &place {
            Place::Same(path) => {
                for base in [&hosts.source, &hosts.target] {
                    let url = base.join(&format!("./{path}")).unwrap();
                    assert!(url.as_str().starts_with(base.as_str()), "{path} leads to {url}");
                }
                "same "
            }
            Place::Source => "source ",
            Place::Target => "target ",
            Place::Elsewhere(_) => "elsewhere ",
            Place::Outside(_) => "outside ",
            Place::Nowhere => "nowhere ",
        });
    }
    outcome
}

#[test]
fn any_bytes_are_read_as_a_playlist_or_refused() {
    target("hls", &[HLS, URLS].concat(), |input| check(hls::read(input)));
}

#[test]
fn any_bytes_are_read_as_a_description_or_refused() {
    target("dash", &[DASH, URLS].concat(), |input| check(dash::read(input)));
}
