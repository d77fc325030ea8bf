//! The real binary: its exit codes and its output. Rows 9, 10, 12, 14 and 15.

use azure_core::http::{Method, Request};
use futures::TryStreamExt;
use mediamirror::config::Config;
use mediamirror::connect::{Pair, connect};
use mediamirror::model::AssetChange;
use mediamirror::transport;
use serde_json::Value;

use crate::cli::against_emulator::Emulator;
use crate::cli::{mediamirror, stderr, stdout, unwrapped};

/// Two regions, of which the source has two storage accounts.
const TWO_ACCOUNTS: &str = r#"
[[regions]]
name = "west"
account = "mediawest"
storage = [{ account = "storewest" }, { account = "storewest2" }]
[[regions]]
name = "east"
account = "mediaeast"
storage = [{ account = "storeeast" }]
"#;

fn library(assets: u32) -> String {
    format!("assets={assets},blobs=2,seed=3,sizes=small,awkward=false,real=false")
}

/// Runs an action on the accounts of the emulator's configuration.
fn with_accounts<T>(emulator: &Emulator, action: impl AsyncFnOnce(Pair) -> T) -> T {
    let config = Config::load(&emulator.path().join("mirror.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let pair = connect(&config, transport::network().unwrap()).unwrap();
    runtime.block_on(action(pair))
}

/// The exit code of a command.
fn code(emulator: &Emulator, arguments: &[&str]) -> Option<i32> {
    mediamirror(emulator.path(), arguments).status.code()
}

/// Sends an operator's request to the media API of a region, and returns the answer.
fn operate(emulator: &Emulator, region: usize, method: Method, path: &str) -> Value {
    let of = |key: &str| emulator.region(region, key).to_owned();
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", &of("account"));
    form.append_pair("client_secret", &of("account_key")).append_pair("scope", "urn:WindowsAzureMediaServices");
    let mut token = Request::new(of("token").parse().unwrap(), Method::Post);
    token.insert_header("content-type", "application/x-www-form-urlencoded");
    token.set_body(form.finish());
    let mut ask = Request::new(format!("http://{}/api/{path}", of("cluster")).parse().unwrap(), method);
    ask.insert_header("accept", "application/json");
    ask.insert_header("content-length", "0");
    ask.insert_header("x-ms-version", "2.19");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let network = transport::network().unwrap();
        let answered = async |request: &Request| {
            let answer = network.execute_request(request).await.unwrap();
            assert!(u16::from(answer.status()) < 300, "{path}: {}", answer.status());
            let body = answer.into_body().collect().await.unwrap();
            serde_json::from_slice::<Value>(&body).unwrap_or_default()
        };
        let token = answered(&token).await;
        ask.insert_header("authorization", format!("Bearer {}", token["access_token"].as_str().unwrap()));
        answered(&ask).await
    })
}

/// Row 9.
#[test]
fn sync_and_verify_exit_with_three_and_doctor_fails_if_a_storage_account_is_not_configured() {
    let emulator = Emulator::with(TWO_ACCOUNTS, &library(3), "");
    with_accounts(&emulator, async |pair| {
        let wanted = mediamirror::model::NewAsset {
            name: Some("elsewhere".to_owned()),
            alternate_id: String::new(),
            encryption: mediamirror::model::AssetEncryption::None,
            storage_account: Some(pair.source.storage[1].name().clone()),
        };
        pair.source.library.create_asset(&wanted).await.unwrap();
    });
    let text = std::fs::read_to_string(emulator.path().join("mirror.toml")).unwrap();
    let block = text.split("[[source.storage]]").nth(2).unwrap().split("\n[").next().unwrap();
    emulator.change(&format!("[[source.storage]]{block}"), "");
    for command in ["sync", "verify", "sync"] {
        let output = mediamirror(emulator.path(), &[command]);
        assert_eq!(output.status.code(), Some(3), "{command}: {}{}", stdout(&output), stderr(&output));
        let printed = stdout(&output) + &stderr(&output);
        assert!(
            printed.contains("storage-account-not-configured") && printed.contains("storewest2"),
            "{command}: {printed}"
        );
    }
    let doctor = mediamirror(emulator.path(), &["doctor"]);
    assert_eq!(doctor.status.code(), Some(5), "{}", stdout(&doctor));
    let line = unwrapped(&stdout(&doctor)).into_iter().find(|line| line.starts_with("fail")).unwrap();
    assert!(line.contains("storewest2") && line.contains("add the storage account"), "{line}");
}

/// Row 10.
#[test]
fn a_storage_account_that_refuses_requests_is_only_a_warning_while_it_has_no_asset_of_the_library() {
    let refused =
        "[[rule]]\naccount = \"storewest2\"\nfault = { refuse = { status = 403, code = \"AuthorizationFailure\" } }\n";
    let emulator = Emulator::with(TWO_ACCOUNTS, &library(3), refused);
    let output = mediamirror(emulator.path(), &["sync"]);
    assert_eq!(output.status.code(), Some(0), "none of its assets are there: {}{}", stdout(&output), stderr(&output));
    let warnings = stderr(&output).matches("warning: ").count();
    assert!(warnings == 1 && stderr(&output).contains("storewest2"), "{}", stderr(&output));
    assert_eq!(code(&emulator, &["verify"]), Some(0));
    assert_eq!(code(&emulator, &["doctor"]), Some(5));
}

/// Row 12.
#[test]
fn sync_verify_and_urls_exit_with_three_if_the_streaming_endpoint_of_the_target_is_stopped() {
    let emulator = Emulator::with("", &library(2), "");
    assert_eq!(code(&emulator, &["sync"]), Some(0));
    let endpoints = operate(&emulator, 1, Method::Get, "StreamingEndpoints");
    let id = endpoints["value"][0]["Id"].as_str().unwrap().to_owned();
    operate(&emulator, 1, Method::Post, &format!("StreamingEndpoints('{id}')/Stop"));
    for arguments in [&["sync"][..], &["sync", "--dry-run"], &["verify"], &["urls"]] {
        let output = mediamirror(emulator.path(), arguments);
        let printed = stdout(&output) + &stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {printed}");
        assert!(printed.contains("target-not-streaming"), "{arguments:?}: {printed}");
    }
    emulator.change("ledger = ", "accept = [{ cause = \"target-not-streaming\" }]\nledger = ");
    for arguments in [&["sync"][..], &["verify"], &["urls"]] {
        assert_eq!(code(&emulator, arguments), Some(0), "{arguments:?}: accepted");
    }
}

#[test]
fn urls_end_as_verify_does() {
    let emulator = Emulator::with("", &library(3), "");
    let both = || (code(&emulator, &["urls"]), code(&emulator, &["verify"]));
    assert_eq!(both(), (Some(4), Some(4)), "nothing is mirrored yet");
    assert_eq!(code(&emulator, &["sync"]), Some(0));
    assert_eq!(both(), (Some(0), Some(0)));
    let nothing = ["--include", "no such asset"];
    let codes = ["urls", "verify"].map(|command| code(&emulator, &[&[command][..], &nothing].concat()));
    assert_eq!(codes, [Some(5), Some(5)], "an argument names nothing");
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=2,sizes=small,awkward=true", "");
    assert_eq!(code(&emulator, &["sync"]), Some(3));
    let urls = mediamirror(emulator.path(), &["urls"]);
    assert_eq!((urls.status.code(), code(&emulator, &["verify"])), (Some(3), Some(3)), "{}", stderr(&urls));
    assert!(stdout(&urls).contains("(not mirrored: ") && stderr(&urls).contains("warning: "), "{}", stdout(&urls));
}

/// Row 14.
#[test]
fn a_dry_run_exits_with_the_code_of_the_run() {
    let emulator = Emulator::with("", "assets=12,blobs=3,seed=2,sizes=small,awkward=true", "");
    let planned = code(&emulator, &["sync", "--dry-run"]);
    assert_eq!((planned, code(&emulator, &["sync"])), (Some(3), Some(3)));
    let emulator = Emulator::with("", &library(3), "");
    assert_eq!((code(&emulator, &["sync", "--dry-run"]), code(&emulator, &["sync"])), (Some(0), Some(0)));
    with_accounts(&emulator, async |pair| {
        for asset in pair.source.library.assets().try_concat().await.unwrap() {
            pair.source.library.delete_asset(&asset.id).await.unwrap();
        }
    });
    let held = mediamirror(emulator.path(), &["sync"]);
    assert_eq!((code(&emulator, &["sync", "--dry-run"]), held.status.code()), (Some(9), Some(9)));
    assert!(stdout(&held).contains("--allow-shrink"), "it says how to go on: {}", stdout(&held));
}

/// Row 15.
#[test]
fn three_changes_in_a_large_library_are_printed_as_three_names_with_reasons_and_a_total() {
    let emulator = Emulator::with("", "assets=300,blobs=1,seed=3,sizes=small,awkward=false,real=false", "");
    assert_eq!(code(&emulator, &["sync", "--quiet"]), Some(0));
    let names = with_accounts(&emulator, async |pair| {
        let mut names = Vec::new();
        let assets = pair.source.library.assets().try_concat().await.unwrap();
        for (n, asset) in assets.iter().step_by(100).enumerate() {
            let name = format!("renamed {n}");
            let change = AssetChange { name: Some(Some(name.clone())), ..AssetChange::default() };
            pair.source.library.update_asset(&asset.id, &change).await.unwrap();
            names.push(name);
        }
        names
    });
    let output = mediamirror(emulator.path(), &["sync"]);
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for name in &names {
        let line = lines.iter().find(|line| line.contains(name.as_str())).unwrap();
        assert!(line.trim_end().ends_with("name"), "{line}");
    }
    assert!(lines[3].contains("300 assets"), "{lines:#?}");
    let verbose = mediamirror(emulator.path(), &["sync", "-v"]);
    let printed = stdout(&verbose) + &stderr(&verbose);
    assert!(printed.lines().count() < 50, "the unchanged ones are not listed: {printed}");
}
