//! The host of a film stops in the middle of playback: hls.js, in a browser, continues from the copy, according to the
//! steering manifest of `urls --format steering`.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::azurite::{Azurite, free_port};
use crate::blob_library::{mediamirror, python, write_config};
use crate::play::{SUBTITLES, make_hls, with};
use crate::tools;

const SECONDS: u32 = 24;
/// Frames of the picture in a second.
const RATE: u32 = 24;
/// The host names for viewers: as in the cloud, the first part is the account's name. Only the browser resolves them.
const NAMES: [&str; 2] = ["srcacct.media.test", "dstacct.media.test"];
/// The longest time in milliseconds that the picture may stop, even on a busy machine.
const LONGEST_STAND: f64 = 5_000.0;

/// A browser that plays a film.
struct Viewer {
    process: Child,
    said: BufReader<std::process::ChildStdout>,
}

impl Viewer {
    /// Starts it on a page of that port, with that steering manifest. `names`: `NAME=ADDRESS` of the hosts.
    fn start(place: &Path, port: u16, url: &str, [steering, pictures]: [&Path; 2], names: &[String]) -> Self {
        let mut process = Command::new("node")
            .arg(tools::tests().join("tools/switch_in_browser.mjs"))
            .args([&port.to_string(), url])
            .args([steering, pictures])
            .args(names)
            // The browser is unpacked there once.
            .env("TMPDIR", place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is on the PATH, as tests/run checks");
        let said = BufReader::new(process.stdout.take().expect("it is piped"));
        Self { process, said }
    }

    /// Its next message.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it prints text");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}; what it says is above"))
    }

    /// Tells the browser that the host is stopped.
    fn go_on(&mut self) {
        self.process.stdin.take().expect("it is piped").write_all(b"stopped\n").expect("it reads");
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // Its input ends with this process, and so does the browser; after a failure it may wait for a stopped film.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A host for viewers, which forwards everything to the storage.
struct Host {
    address: &'static str,
    server: JoinHandle<()>,
}

impl Host {
    /// Starts it on a port of that address; 0 for any free one. Returns the port, too.
    async fn start(address: &'static str, port: u16, storage: u16) -> (Self, u16) {
        let listener = TcpListener::bind((address, port)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = tokio::spawn(async move {
            // Dropping the set ends every connection.
            let mut connections = JoinSet::new();
            while let Ok((mut viewer, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut storage = TcpStream::connect(("127.0.0.1", storage)).await.expect("Azurite runs");
                    // It ends when one of the two closes the connection.
                    let _ = copy_bidirectional(&mut viewer, &mut storage).await;
                });
            }
        });
        (Self { address, server }, port)
    }

    /// Stops it: its connections end, and new ones are refused.
    async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }
}

/// The hosts of the loaded segments.
fn hosts(seen: &Value) -> BTreeSet<&str> {
    let segments = seen["segments"].as_array().expect("a list").iter();
    segments.map(|segment| segment[1].as_str().expect("a host")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hls_js_continues_from_b_when_a_is_stopped_in_the_middle_of_a_film() {
    let azurite = Azurite::start().await;
    let (source, target) = (azurite.source(), azurite.target());
    // As in the cloud, only the name differs: each host has its own address and the same port.
    let (mut a, hosts_port) = Host::start("127.0.0.1", 0, azurite.port()).await;
    let (b, _) = Host::start("127.0.0.2", hosts_port, azurite.port()).await;
    let [from, to] =
        [&source, &target].map(|access| [access.endpoint.to_string(), access.name.clone(), access.key.clone()]);
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    let films = place.join("films");
    std::fs::create_dir(&films).expect("a folder");
    std::fs::write(films.join("en.vtt"), SUBTITLES).expect("written");
    make_hls(place, SECONDS as usize);
    let port = free_port();
    let site = format!("http://127.0.0.1:{port}");
    // The one line that an operator adds to a playlist.
    let playlist = films.join("hls/master.m3u8");
    let text = std::fs::read_to_string(&playlist).expect("ffmpeg wrote it");
    let line = format!("#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI=\"{site}/steering.json\"");
    std::fs::write(&playlist, text.replacen("#EXTM3U", &line, 1)).expect("written");

    python(&with("upload", &from, &["films", films.to_str().expect("a path")]));
    python(&with("open", &from, &["films"]));
    for access in [&from, &to] {
        python(&with("pages", access, &[&site]));
    }
    write_config(place, [("source", &source), ("target", &target)]);
    // Names can only be configured with this scheme; the steering manifest only has the names, so the player keeps its
    // own scheme.
    let urls = NAMES.map(|name| format!("https://{name}:{hosts_port}"));
    let config = place.join("mirror.toml");
    let mut text = std::fs::read_to_string(&config).expect("it is written");
    for (side, url) in ["[source]", "[target]"].into_iter().zip(&urls) {
        text = text.replace(side, &format!("{side}\nstreaming_url = \"{url}\""));
    }
    std::fs::write(&config, text).expect("written");
    let (code, text) = mediamirror(place, &["sync"]);
    assert_eq!(code, Some(0), "{text}");
    let steering = place.join("steering.json");
    let output = Command::new(env!("CARGO_BIN_EXE_mediamirror"))
        .args(["urls", "--format", "steering"])
        .current_dir(place)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(&steering, &output.stdout).expect("written");

    // Kept for inspection in target/tmp/failover.
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("failover");
    std::fs::create_dir_all(&pictures).expect("a folder");
    let url = format!("{}/films/hls/master.m3u8", urls[0].replace("https", "http"));
    let names = [(NAMES[0], &a), (NAMES[1], &b)].map(|(name, side)| format!("{name}={}", side.address));
    let mut viewer = Viewer::start(place, port, &url, [&steering, &pictures], &names);
    let before = viewer.next();
    let expected: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(before["steering"], expected, "{before}");
    assert_eq!((&before["errors"], hosts(&before)), (&Value::Array(Vec::new()), BTreeSet::from([NAMES[0]])));
    assert!(before["buffered"].as_f64() < Some(f64::from(SECONDS) * 0.75), "it needs more of the film: {before}");

    a.stop().await;
    viewer.go_on();
    let after = viewer.next();
    assert_eq!(hosts(&after), BTreeSet::from([NAMES[1]]), "{after}");
    assert_eq!(after["pathways"], serde_json::json!(["target"]), "{after}");
    let errors = after["errors"].as_array().expect("a list");
    assert!(!errors.is_empty() && errors.iter().all(|error| error["fatal"] == false), "{after}");
    assert!(after["ended"] == true && after["seconds"].as_f64() > Some(f64::from(SECONDS) - 0.5), "{after}");
    assert!(after["frames"].as_u64() >= Some(u64::from(SECONDS * RATE)), "{after}");
    assert!(after["longestStand"].as_f64() < Some(LONGEST_STAND), "{after}");
}
