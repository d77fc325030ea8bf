//! Hooks of the real binary: commands of the operator, and a webhook.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::against_emulator::Emulator;
use super::{MIRROR, files_in, mediamirror, place, stderr, stdout, write_private};

/// Each hook writes its input and its variables to files.
const HOOKS: &str = r#"
[hooks]
on_success = ["sh", "-c", "cat > success.json; env > success.env; echo on standard output"]
on_failure = ["sh", "-c", "cat > failure.json; env > failure.env"]
on_finding = ["sh", "-c", "cat > finding.json; env > finding.env"]
"#;

fn add(emulator: &Emulator, hooks: &str) {
    let path = emulator.path().join("mirror.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    std::fs::write(&path, text + hooks).expect("written");
}

fn json(emulator: &Emulator, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(emulator.path().join(name)).expect("the hook ran")).expect("JSON")
}

fn variables(emulator: &Emulator, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(emulator.path().join(name)).expect("the hook ran");
    let ours = text.lines().filter(|line| line.starts_with("MEDIAMIRROR_"));
    let mut ours: Vec<String> = ours.map(str::to_owned).collect();
    ours.sort();
    ours
}

fn has(emulator: &Emulator, name: &str) -> bool {
    emulator.path().join(name).exists()
}

#[test]
fn a_hook_reads_the_summary_and_its_variables_after_a_success() {
    let emulator = Emulator::start("");
    add(&emulator, HOOKS);
    let (code, printed) = emulator.json(&["sync"]);
    assert_eq!(code, Some(0), "what the hook prints is not among the data");
    let summary = json(&emulator, "success.json");
    assert_eq!((&summary["message_type"], &summary["version"]), (&"summary".into(), &1.into()));
    assert_eq!((&summary["result"]["run"], &summary["exit_code"]), (&printed["run"], &0.into()));
    let run = format!("MEDIAMIRROR_RUN={}", printed["run"].as_str().expect("a text"));
    let expected = [
        "MEDIAMIRROR_COMMAND=sync",
        "MEDIAMIRROR_EXIT_CODE=0",
        "MEDIAMIRROR_FINDINGS=0",
        "MEDIAMIRROR_OUTCOME=complete",
    ];
    assert_eq!(variables(&emulator, "success.env"), [&expected[..], &[run.as_str()]].concat());
    assert!(!has(&emulator, "failure.json") && !has(&emulator, "finding.json"));
}

#[test]
fn owed_findings_run_the_hooks_of_findings_and_failures_once_with_the_whole_list() {
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=1,sizes=small,awkward=true", "");
    add(&emulator, HOOKS);
    let (code, printed) = emulator.json(&["sync"]);
    assert_eq!(code, Some(3));
    let problems = printed["problems"].as_array().expect("a list");
    let owed = problems.iter().filter(|problem| problem["owed"] == true).count();
    assert!(owed > 0);
    assert_eq!(json(&emulator, "finding.json")["result"]["problems"], printed["problems"]);
    assert!(variables(&emulator, "finding.env").contains(&format!("MEDIAMIRROR_FINDINGS={owed}")));
    assert!(variables(&emulator, "failure.env").contains(&"MEDIAMIRROR_EXIT_CODE=3".to_owned()));
    assert!(!has(&emulator, "success.json"));
}

#[test]
fn a_command_that_fails_before_its_run_runs_its_hook() {
    let emulator = Emulator::start("");
    add(&emulator, HOOKS);
    std::fs::remove_file(emulator.path().join("west.media.key")).expect("it is there");
    let output = mediamirror(emulator.path(), &["verify"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let summary = json(&emulator, "failure.json");
    assert_eq!((&summary["command"], &summary["outcome"]), (&"verify".into(), &"failed".into()));
    assert!(summary["exit_error"]["message"].as_str().is_some_and(|message| message.contains("west.media.key")));
    assert!(variables(&emulator, "failure.env").contains(&"MEDIAMIRROR_RUN=".to_owned()));
}

#[test]
fn a_failed_hook_is_a_warning_and_dry_runs_and_no_hooks_run_none() {
    let emulator = Emulator::start("");
    add(&emulator, "[hooks]\non_success = [\"sh\", \"-c\", \"touch ran; exit 7\"]\n");
    for arguments in [&["sync", "--dry-run"][..], &["sync", "--no-hooks"]] {
        let output = mediamirror(emulator.path(), arguments);
        assert_eq!((output.status.code(), has(&emulator, "ran")), (Some(0), false), "{}", stderr(&output));
    }
    let output = mediamirror(emulator.path(), &["sync", "-q"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
    assert_eq!(stderr(&output).trim_end(), "warning: hooks.on_success: sh ended with exit status: 7");
    emulator.change(
        "on_success = [\"sh\", \"-c\", \"touch ran; exit 7\"]",
        "timeout_seconds = 1\non_success = [\"sleep\", \"60\"]",
    );
    let output = mediamirror(emulator.path(), &["sync", "-q"]);
    assert_eq!((output.status.code(), stderr(&output).contains("sleep did not end within 1s")), (Some(0), true));
}

/// A received request: the headers by name, and the body.
type Received = (Vec<(String, String)>, String);

/// A receiver of webhooks that answers with one status after the other; returns its `host:port`.
fn receiver(statuses: &'static [&'static str]) -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let (send, received) = channel();
    std::thread::spawn(move || {
        for (status, stream) in statuses.iter().zip(listener.incoming()) {
            let mut stream = stream.expect("accepted");
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let (mut headers, mut line) = (Vec::new(), String::new());
            while reader.read_line(&mut line).expect("text") > 2 {
                if let Some((name, value)) = line.trim_end().split_once(": ") {
                    headers.push((name.to_ascii_lowercase(), value.to_owned()));
                }
                line.clear();
            }
            let length = headers.iter().find(|(name, _)| name == "content-length").expect("a length").1.parse();
            let mut body = vec![0; length.expect("a number")];
            reader.read_exact(&mut body).expect("the body");
            let location = "Location: http://127.0.0.1:9/elsewhere";
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            let _ = send.send((headers, String::from_utf8(body).expect("text")));
        }
    });
    (address, received)
}

fn header<'a>(received: &'a Received, name: &str) -> &'a str {
    &received.0.iter().find(|(known, _)| known == name).expect("the header").1
}

#[test]
fn a_webhook_is_signed_and_retried_with_the_same_id_until_it_is_accepted() {
    let emulator = Emulator::start("");
    let (address, received) = receiver(&["503 Service Unavailable", "204 No Content"]);
    let secret = format!("whsec_{}", BASE64.encode([7; 32]));
    write_private(&emulator.path().join("webhook.key"), &format!("{secret}\n"));
    write_private(&emulator.path().join("webhook.url"), &format!("http://{address}/hidden-path?token=hidden-token\n"));
    add(&emulator, "[hooks]\nwebhook = { url = { file = \"webhook.url\" }, secret = { file = \"webhook.key\" } }\n");
    let output = mediamirror(emulator.path(), &["sync", "-vvv", "--log-file", "mirror.log"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let next = || received.recv_timeout(Duration::from_secs(30)).expect("a post");
    let (first, second) = (next(), next());
    assert_eq!((header(&first, "webhook-id"), &first.1), (header(&second, "webhook-id"), &second.1));
    let signed = [header(&second, "webhook-id"), header(&second, "webhook-timestamp"), &second.1].join(".");
    let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("a key");
    mac.update(signed.as_bytes());
    assert_eq!(header(&second, "webhook-signature"), format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())));
    let body: Value = serde_json::from_str(&second.1).expect("JSON");
    assert_eq!((&body["message_type"], &body["outcome"]), (&"summary".into(), &"complete".into()));
    let log = std::fs::read_to_string(emulator.path().join("mirror.log")).expect("readable");
    for text in [log, stderr(&output), stdout(&output)] {
        for hidden in [secret.as_str(), "hidden-path", "hidden-token"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
}

#[test]
fn a_webhook_follows_no_redirect_and_its_refusal_is_a_warning() {
    let emulator = Emulator::start("");
    let (address, received) = receiver(&["302 Found"]);
    add(&emulator, &format!("[hooks]\nwebhook = {{ url = \"http://{address}/hook\" }}\n"));
    let output = mediamirror(emulator.path(), &["sync", "-q"]);
    assert_eq!(output.status.code(), Some(0));
    let warned = stderr(&output);
    assert!(
        warned.starts_with(&format!("warning: hooks.webhook: failed to post to the webhook {address}")),
        "{warned}"
    );
    assert!(warned.contains("302"), "{warned}");
    let post = received.recv_timeout(Duration::from_secs(30)).expect("a post");
    assert!(post.0.iter().all(|(name, _)| name != "webhook-signature"), "there is no key");
}

#[test]
fn invalid_hooks_are_refused_with_place_and_remedy() {
    let key = format!("{MIRROR}[hooks]\n");
    for (hooks, problem, remedy) in [
        ("on_success = []\n", "`hooks.on_success`: no program", "write a program"),
        ("on_failure = \"page me\"\n", "`hooks.on_failure`: ", "correct that line"),
        ("on_sucess = [\"a\"]\n", "unknown key", "did you mean `on_success`?"),
        ("webhook = { url = \"http://a.example/x\" }\n", "http sends keys unencrypted", "write https://"),
        ("webhook = { url = \"https://a.example/x?t=1\" }\n", "has a query, which may be a secret", "{ file = "),
        ("webhook = { url = \"https://a.example\", secret = { file = \"a.key\" } }\n", "`whsec_`", "openssl rand"),
        ("webhook = { url = \"https://a.example\", secret = \"open\" }\n", "must not be written", "chmod 600"),
        ("webhook = [\"https://a.example\"]\n", "a list where a table is expected", "write its keys in braces"),
    ] {
        let place = place(&format!("{key}{hooks}"));
        let line = key.lines().count() + 1;
        let output = mediamirror(place.path(), &["sync"]);
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{hooks}: {printed}");
        assert!(printed.contains(&format!("mirror.toml:{line}: ")), "{hooks}: {printed}");
        assert!(printed.contains(problem) && printed.contains(remedy), "{hooks}: {printed}");
        assert_eq!(files_in(&place), ["a.key", "mirror.toml"]);
    }
}
