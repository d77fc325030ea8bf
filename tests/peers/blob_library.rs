//! The program itself mirrors a storage account to another one, both in Azurite; the vendor's Python library fills the source
//! and compares, and so does rclone.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use azure_core::http::{Method, Request};
use mediamirror::transport::network;

use crate::azurite::Azurite;
use crate::blob_contract::Access;
use crate::nginx::Nginx;
use crate::tools;

const CONTAINERS: &str = "30";

/// The output of the vendor's library.
pub(crate) fn python(arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg(tools::tests().join("tools/blob_accounts.py"))
        .args(arguments)
        .output()
        .expect("python3 is on the PATH, as tests/run checks");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The exit code and what the program prints on both streams.
pub(crate) fn mediamirror(place: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_mediamirror")).args(arguments).current_dir(place).output().expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Writes a configuration of two storage accounts and its files.
pub(crate) fn write_config(place: &Path, sides: [(&str, &Access); 2]) {
    use std::os::unix::fs::PermissionsExt as _;
    let mut text = String::new();
    for (side, access) in sides {
        let key = place.join(format!("{side}.key"));
        std::fs::write(&key, &access.key).expect("the file is written");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("the mode is set");
        let _ = write!(
            text,
            "[{side}]\nservice = \"blobs\"\n[[{side}.storage]]\naccount = \"{}\"\nendpoint = \"{}\"\nkey = {{ file = \"{side}.key\" }}\n",
            access.name, access.endpoint
        );
    }
    std::fs::write(place.join("mirror.toml"), text).expect("the file is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_containers_are_mirrored_and_a_second_sync_copies_nothing() {
    let azurite = Azurite::start().await;
    let (source, target) = (azurite.source(), azurite.target());
    let [from, to] =
        [&source, &target].map(|access| [access.endpoint.to_string(), access.name.clone(), access.key.clone()]);
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    python(&[&["fill"], from.as_slice(), &[CONTAINERS]].concat());
    let place = tempfile::tempdir().expect("a folder");
    write_config(place.path(), [("source", &source), ("target", &target)]);

    let (code, text) = mediamirror(place.path(), &["sync"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(text.matches("does not implement Put Blob From URL").count(), 1, "{text}");
    let compared = python(&[&["compare"], from.as_slice(), to.as_slice()].concat());
    assert_eq!(compared.trim(), "30 containers, 195 blobs, 0 differences");
    let (code, text) = mediamirror(place.path(), &["verify"]);
    assert!(code == Some(0) && text.contains("30 in scope: 30 same"), "{text}");

    let (code, text) = mediamirror(place.path(), &["sync"]);
    assert!(code == Some(0) && text.contains("30 assets, nothing to do"), "{text}");

    // Another tool appends to a log, and changes the type of a blob.
    python(&[&["append"], from.as_slice(), &["library-05"]].concat());
    let (code, text) = mediamirror(place.path(), &["sync"]);
    assert!(code == Some(0) && text.contains("2 blobs"), "{text}");
    let compared = python(&[&["compare"], from.as_slice(), to.as_slice()].concat());
    assert_eq!(compared.trim(), "30 containers, 195 blobs, 0 differences");

    // A container that is public in the source becomes public on the target, and one that is public only on the target
    // is closed.
    for (opened, change) in [(&from, "public access opened"), (&to, "public access closed")] {
        let container = if opened == &from { "library-07" } else { "library-08" };
        python(&[&["open"], opened.as_slice(), &[container]].concat());
        let (code, text) = mediamirror(place.path(), &["sync"]);
        assert!(code == Some(0) && text.contains(container) && text.contains(change), "{text}");
        for command in ["sync", "verify"] {
            let (code, text) = mediamirror(place.path(), &[command]);
            assert_eq!(code, Some(0), "{command}: {text}");
        }
    }
}

/// The output of `rclone check` for two accounts, with all bytes read; it must end with 0.
fn rclone_check(place: &Path, sides: [(&str, &Access); 2]) -> String {
    let mut config = String::new();
    for (side, access) in sides {
        let _ = write!(
            config,
            "[{side}]\ntype = azureblob\naccount = {}\nkey = {}\nendpoint = {}\n",
            access.name, access.key, access.endpoint
        );
    }
    std::fs::write(place.join("rclone.conf"), config).expect("the file is written");
    let output = Command::new(tools::rclone())
        .args(["--config", "rclone.conf", "check", "--download", "--exclude", "/mediamirror-state/**"])
        .args(["--transfers", "16", "--checkers", "16"])
        .args(sides.map(|(side, _)| format!("{side}:")))
        .current_dir(place)
        .output()
        .expect("rclone runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_containers_are_equal_according_to_the_python_library_and_rclone() {
    let azurite = Azurite::start().await;
    let (source, target) = (azurite.source(), azurite.target());
    let [from, to] =
        [&source, &target].map(|access| [access.endpoint.to_string(), access.name.clone(), access.key.clone()]);
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    python(&[&["fill"], from.as_slice(), &["300", "2"]].concat());
    let place = tempfile::tempdir().expect("a folder");
    let sides = [("source", &source), ("target", &target)];
    write_config(place.path(), sides);
    let (code, text) = mediamirror(place.path(), &["sync"]);
    assert_eq!(code, Some(0), "{text}");

    let compared = python(&[&["compare"], from.as_slice(), to.as_slice()].concat());
    assert_eq!(compared.trim(), "300 containers, 620 blobs, 0 differences");
    let checked = rclone_check(place.path(), sides);
    assert!(checked.contains(" 0 differences found") && checked.contains(" 620 matching files"), "{checked}");
}

/// Locators of a former media service.
const OLD_LOCATORS: [(&str, &str); 2] =
    [("43452ce3-1cd2-4c27-b1ef-fd3d39f38ffb", "library-00"), ("af51cda1-5236-478c-80ba-d4d64823fea5", "library-01")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs nginx, a Debian package: tests/run --all"]
async fn nginx_serves_an_old_streaming_url_from_its_container() {
    let azurite = Azurite::start().await;
    let sides = [azurite.source(), azurite.target()];
    let [from, to] = sides.each_ref().map(|side| [side.endpoint.to_string(), side.name.clone(), side.key.clone()]);
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    python(&[&["fill"], from.as_slice(), &["2"]].concat());
    let place = tempfile::tempdir().expect("a folder");
    write_config(place.path(), [("source", &sides[0]), ("target", &sides[1])]);
    assert_eq!(mediamirror(place.path(), &["sync"]).0, Some(0));
    let front_door = || mediamirror(place.path(), &["urls", "--format", "front-door"]);
    let (code, text) = front_door();
    assert!(code == Some(5) && text.contains("no blob is public on both sides"), "{text}");
    for (_, container) in OLD_LOCATORS {
        for side in [&from, &to] {
            python(&[&["open"], side.as_slice(), &[container]].concat());
        }
    }
    let (code, text) = front_door();
    assert!(code == Some(5) && text.contains("needs two host names"), "both are on this machine: {text}");

    let mut table = "asset,locator_id,container\r\n".to_owned();
    for (locator, container) in OLD_LOCATORS {
        let _ = write!(table, "=film,{},{container}\r\n", locator.to_uppercase());
    }
    std::fs::write(place.path().join("old.csv"), table).expect("the file is written");
    let (code, text) = mediamirror(place.path(), &["urls", "--format", "nginx", "--old-locators", "old.csv"]);
    assert_eq!(code, Some(0), "{text}");
    let nginx = Nginx::start(&text, 9, "").await;
    let client = network().expect("TLS is set up");
    let get = async |path: &str| {
        let url = format!("http://127.0.0.1:{}{path}", nginx.port).parse().expect("a URL");
        let answer = client.execute_request(&Request::new(url, Method::Get)).await.expect("an answer");
        let status = u16::from(answer.status());
        (status, answer.try_into_raw_response().await.expect("a body").into_body().to_vec())
    };
    for (locator, container) in OLD_LOCATORS {
        for blob in ["hls/master.m3u8", "hls/segment%200.ts", "ni%C3%B1o/%C3%A4+&%2525%20%231.xml"] {
            let by_name = get(&format!("/{container}/{blob}")).await;
            assert_eq!(by_name.0, 200, "{container}/{blob}");
            assert_eq!(get(&format!("/{locator}/{blob}")).await, by_name, "{blob}");
            assert_eq!(get(&format!("/{}/{blob}", locator.to_uppercase())).await, by_name, "{blob}");
        }
        assert_eq!(get(&format!("/{locator}/no such blob").replace(' ', "%20")).await.0, 404);
    }
    assert_eq!(get("/00000000-0000-0000-0000-000000000000/hls/master.m3u8").await.0, 404);
}
