//! The output of `urls --format`, used by its programs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use azure_core::http::headers::HeaderName;
use azure_core::http::{Method, Request};
use mediamirror::transport::network;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::nginx::Nginx;
use crate::origin::{Asked, Authority, FILM, Origin, dns};
use crate::tools;

/// A library that is mirrored between two emulated regions; viewers reach them by other names.
struct Mirrored {
    emulator: Child,
    place: TempDir,
}

impl Mirrored {
    /// Makes one with those values of `streaming_url`.
    fn new(source: &str, target: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        Self::filled(place, ["--generate", "assets=3,blobs=2,seed=1,sizes=small,awkward=false"], source, target)
    }

    /// Makes one with an asset and a manifest of those names.
    fn named(asset: &str, manifest: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("library").join(asset);
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join(manifest), "<smil/>").expect("written");
        Self::filled(place, ["--library", "library"], "https://a.media.test", "https://b.media.test")
    }

    fn filled(place: TempDir, library: [&str; 2], source: &str, target: &str) -> Self {
        let mut emulator = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
            .args(["emulator", "--quiet", "--write-config", "mirror.toml"])
            .args(library)
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut ready = String::new();
        let stdout = emulator.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut ready).expect("it prints text");
        let path = place.path().join("mirror.toml");
        let mut text = std::fs::read_to_string(&path).expect("it wrote the file");
        let ready: Value = serde_json::from_str(&ready).expect("the ready line is JSON");
        for (region, url) in [(0, source), (1, target)] {
            let own = ready["regions"][region]["streaming"].as_str().expect("a URL");
            assert!(text.contains(own), "{text}");
            text = text.replace(own, url);
        }
        std::fs::write(&path, text).expect("written");
        let mirrored = Self { emulator, place };
        mediamirror(mirrored.place.path(), &["sync"]);
        mirrored
    }

    fn write(&self, format: &str) -> String {
        mediamirror(self.place.path(), &["urls", "--format", format])
    }

    /// The path of a manifest.
    fn path(&self) -> String {
        let pairs: Value =
            serde_json::from_str(&mediamirror(self.place.path(), &["urls", "-o", "json"])).expect("it is JSON");
        let url: url::Url = pairs[0]["source_url"].as_str().expect("a URL").parse().expect("a URL");
        url.path().to_owned()
    }
}

impl Drop for Mirrored {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

/// The output of the program, which must end with 0.
fn mediamirror(place: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mediamirror")).args(arguments).current_dir(place).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// An answer of nginx to a viewer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    side: Option<String>,
    caching: Option<String>,
    body: String,
}

async fn ask(method: Method, port: u16, path: &str) -> Answer {
    let request = Request::new(format!("http://127.0.0.1:{port}{path}").parse().expect("a URL"), method);
    let client = network().expect("TLS is set up");
    let answer = client.execute_request(&request).await.expect("an answer");
    let header =
        |name: &'static str| answer.headers().get_optional_str(&HeaderName::from_static(name)).map(str::to_owned);
    let (side, caching) = (header("x-mediamirror-side"), header("cache-control"));
    let status = answer.status().into();
    let body = answer.try_into_raw_response().await.expect("a body").into_body();
    Answer { status, side, caching, body: String::from_utf8_lossy(&body).into_owned() }
}

async fn get(port: u16, path: &str) -> Answer {
    ask(Method::Get, port, path).await
}

fn film_from(side: &str) -> Answer {
    Answer { status: 200, side: Some(side.to_owned()), caching: Some("max-age=2".to_owned()), body: FILM.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx, a Debian package: tests/run --all"]
async fn nginx_serves_a_film_from_a_and_from_b_when_a_is_stopped() {
    let authority = Authority::new();
    let mut a = Origin::start(&authority, "a.media.test", true).await;
    let b = Origin::start(&authority, "b.media.test", false).await;
    let [url_a, url_b] =
        [("a", &a), ("b", &b)].map(|(name, origin)| format!("https://{name}.media.test:{}", origin.port));
    let library = Mirrored::new(&url_a, &url_b);
    let path = library.path();
    let nginx = Nginx::start(&library.write("nginx"), dns().await, &authority.pem).await;
    let asked = |name: &str, port: u16, path: &str| Asked {
        tls_name: format!("{name}.media.test"),
        host: format!("{name}.media.test:{port}"),
        path: path.to_owned(),
    };

    assert_eq!(get(nginx.port, &path).await, film_from("source"));
    assert_eq!((a.take_asked(), b.take_asked()), (vec![asked("a", a.port, &path)], vec![]));
    // B does not serve what A has withdrawn, but what A cannot serve now.
    let missing = get(nginx.port, "/missing").await;
    assert_eq!((missing.status, missing.side.as_deref()), (404, Some("source")));
    assert_eq!((a.take_asked().len(), b.take_asked()), (1, vec![]));
    assert_eq!(get(nginx.port, "/busy").await, film_from("target"));
    assert_eq!((a.take_asked().len(), b.take_asked()), (1, vec![asked("b", b.port, "/busy")]));
    assert_eq!(ask(Method::Put, nginx.port, &path).await.status, 403);
    assert_eq!((a.take_asked(), b.take_asked()), (vec![], vec![]));

    a.stop().await;
    for _ in 0..5 {
        assert_eq!(get(nginx.port, &path).await, film_from("target"));
    }
    assert_eq!((a.take_asked(), b.take_asked()), (vec![], vec![asked("b", b.port, &path); 5]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx, a Debian package: tests/run --all"]
async fn nginx_does_not_trust_a_host_with_the_certificate_of_another_one() {
    let authority = Authority::new();
    let a = Origin::start(&authority, "elsewhere.test", false).await;
    let b = Origin::start(&authority, "b.media.test", false).await;
    let [url_a, url_b] =
        [("a", &a), ("b", &b)].map(|(name, origin)| format!("https://{name}.media.test:{}", origin.port));
    let library = Mirrored::new(&url_a, &url_b);
    let nginx = Nginx::start(&library.write("nginx"), dns().await, &authority.pem).await;
    assert_eq!(get(nginx.port, &library.path()).await, film_from("target"));
    assert_eq!(a.take_asked(), []);
}

#[test]
fn a_parser_of_bicep_reads_both_files_of_azure() {
    let library = Mirrored::new("https://a.media.test", "https://b.media.test");
    let front_door = parsed(&library.write("front-door"));
    let names: Vec<&String> = front_door["resources"].as_object().expect("resources").keys().collect();
    assert_eq!(names, ["endpoint", "originGroup", "profile", "route", "source", "target"]);
    for (side, host, priority) in [("source", "a.media.test", "1"), ("target", "b.media.test", "2")] {
        let properties = &front_door["resources"][side]["config"]["properties"];
        assert_eq!(properties["hostName"], format!("{side}Host"));
        assert_eq!(properties["originHostHeader"], format!("{side}Host"));
        assert_eq!(front_door["parameters"][format!("{side}Host")]["default"], host);
        assert_eq!(front_door["parameters"][format!("{side}Priority")]["default"].to_string(), priority);
    }
    let probe = &front_door["parameters"]["probePath"]["default"];
    let pairs = mediamirror(library.place.path(), &["urls", "-o", "json"]);
    let path = probe.as_str().expect("a path");
    assert!(path.ends_with("/manifest") && pairs.contains(&format!("https://b.media.test{path}\"")), "{probe}");

    let traffic = parsed(&library.write("traffic-manager"));
    let properties = &traffic["resources"]["profile"]["config"]["properties"];
    assert_eq!(properties["trafficRoutingMethod"], "Priority");
    assert_eq!(
        (&properties["monitorConfig"]["protocol"], &properties["monitorConfig"]["port"]),
        (&json!("HTTPS"), &json!(443))
    );
    let targets = properties["endpoints"].as_array().expect("endpoints").iter();
    let targets: Vec<&Value> = targets.map(|endpoint| &endpoint["properties"]["target"]).collect();
    assert_eq!(targets, ["sourceHost", "targetHost"]);
    assert_eq!(&traffic["parameters"]["probePath"]["default"], probe);
}

/// Names come from the services. Their content must not become a part of a file's structure.
#[test]
fn a_hostile_name_adds_nothing_to_any_file() {
    let hostile = "=1+1'${x}\nparam evil string = '\"; return 200";
    let library = Mirrored::named(hostile, "film'${y};$host {.ism");
    let plain = Mirrored::named("film", "film.ism");
    for format in ["front-door", "traffic-manager"] {
        let [found, expected] = [&library, &plain].map(|library| parsed(&library.write(format)));
        for (kind, names) in expected.as_object().expect("an object") {
            let names_of = |names: &Value| names.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
            assert_eq!(names_of(&found[kind]), names_of(names), "{format}: {kind}");
        }
        let path = found["parameters"]["probePath"]["default"].as_str().expect("a path").to_owned();
        assert!(path.ends_with("/film%27%24%7By%7D%3B%24host%20%7B.ism/manifest"), "{path}");
    }
    let [found, expected] = [&library, &plain].map(|library| library.write("nginx").lines().count());
    assert_eq!(found, expected);
    let table = library.write("csv");
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.contains("\r\n\"'=1+1'${x}\\nparam evil string = '\"\"; return 200\","), "{table}");
}

/// The file parsed by a parser of Bicep.
fn parsed(bicep: &str) -> Value {
    let mut parser = Command::new("python3")
        .arg(tools::tests().join("tools/bicep_parse.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is on the PATH, as tests/run checks");
    parser.stdin.take().expect("piped").write_all(bicep.as_bytes()).expect("it reads");
    let output = parser.wait_with_output().expect("it ends");
    assert!(output.status.success(), "what it says is above; the file: {bicep}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn hls_js_follows_the_steering_manifest_to_b_when_a_fails() {
    let library = Mirrored::new("https://a.media.test", "https://b.media.test");
    let text = library.write("steering");
    let playlist = format!("https://a.media.test{}(format=m3u8-aapl)", library.path());
    let both = played(&text, &playlist, &["a.media.test", "b.media.test"]);
    assert_eq!(both["accepted"], serde_json::from_str::<Value>(&text).expect("it is JSON"));
    assert_eq!(both["pathways"], json!([".", "target"]));
    let asked = |run: &Value| -> Vec<String> {
        let urls = run["asked"].as_array().expect("a list").iter();
        urls.map(|url| url.as_str().expect("a URL").to_owned()).filter(|url| url.contains("QualityLevels")).collect()
    };
    let from_a = asked(&both);
    assert!(from_a.len() > 1 && from_a.iter().all(|url| url.starts_with("https://a.media.test/")), "{both}");

    let failed = asked(&played(&text, &playlist, &["b.media.test"]));
    let from_b = failed.iter().filter(|url| url.starts_with("https://b.media.test/"));
    let as_on_a: Vec<String> = from_b.map(|url| url.replace("//b.", "//a.")).collect();
    assert!(as_on_a.len() > 1 && as_on_a.iter().all(|url| failed.contains(url)), "only the host differs: {failed:?}");

    let mut switched: Value = serde_json::from_str(&text).expect("it is JSON");
    switched["PATHWAY-PRIORITY"].as_array_mut().expect("a list").reverse();
    let run = played(&switched.to_string(), &playlist, &["a.media.test", "b.media.test"]);
    let levels = run["levels"].as_array().expect("a list");
    assert!(levels[0].as_str().expect("a URL").starts_with("https://b.media.test/"), "{run}");
}

/// The results of hls.js with that manifest, if only those hosts answer.
fn played(manifest: &str, playlist: &str, living: &[&str]) -> Value {
    tools::installed("hls.js/dist/hls.js");
    let place = tempfile::tempdir().expect("a folder");
    let file = place.path().join("steering.json");
    std::fs::write(&file, manifest).expect("written");
    let output = Command::new("node")
        .arg(tools::tests().join("tools/hls_steering.js"))
        .arg(&file)
        .arg(playlist)
        .args(living)
        .output()
        .expect("node is on the PATH, as tests/run checks");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}
