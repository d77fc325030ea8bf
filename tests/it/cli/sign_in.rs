//! Each way to sign in with the real binary: its environment, its files, and a program on its path.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::against_emulator::Emulator;
use super::{stderr, stdout, write_private};

const KEY: &[u8] = include_bytes!("../../../src/emulator/media_v2/protection/key.der");
const CERTIFICATE: &[u8] = include_bytes!("../../../src/emulator/media_v2/protection/certificate.der");
const SECRET: &str = "s3cret~of-the-application";
const FEDERATED: &str = "head.of-the-cluster.signature";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// An emulator with one principal that may do everything. It can sign in with a secret, a certificate, or a token.
fn emulator() -> Emulator {
    let certificate = pem("CERTIFICATE", CERTIFICATE);
    Emulator::start(&format!(
        "[[principals]]\nclient_id = \"app\"\ntenant = \"contoso\"\nsecret = \"{SECRET}\"\nfederated_token = \"{FEDERATED}\"\n\
         certificate = \"\"\"\n{certificate}\"\"\"\nmanaged = true\nmedia = [\"mediawest\", \"mediaeast\"]\n\
         roles = [{{ account = \"storewest\", role = \"owner\" }}, {{ account = \"storeeast\", role = \"owner\" }}]\n"
    ))
}

/// The token service of the emulator.
fn authority(emulator: &Emulator) -> String {
    emulator.region(0, "token").trim_end_matches("/v2/OAuth2-13").to_owned()
}

/// Configures only the sign-in `keys` for both media accounts and both storage accounts.
fn sign_in(emulator: &Emulator, keys: &[(&str, &str)]) {
    let path = emulator.path().join("mirror.toml");
    let mut text = String::new();
    let inline: Vec<String> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    for line in std::fs::read_to_string(&path).expect("readable").lines() {
        if line.starts_with("kind = ") {
            let _ = writeln!(text, "{}", inline.join("\n"));
        } else if line.starts_with("key = ") {
            let _ = writeln!(text, "auth = {{ {} }}", inline.join(", "));
        } else if !line.starts_with("token_url = ") && !line.starts_with("secret = ") {
            let _ = writeln!(text, "{line}");
        }
    }
    std::fs::write(&path, text).expect("written");
}

fn run(emulator: &Emulator, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mediamirror"));
    command.args(arguments).current_dir(emulator.path());
    for name in ["MEDIAMIRROR_CONFIG", "MEDIAMIRROR_LOG", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"] {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().expect("the binary runs");
    crate::schemas::check(arguments, &stdout(&output), &stderr(&output));
    output
}

/// Mirrors everything, compares, and searches all output for secrets.
fn mirrors(emulator: &Emulator, variables: &[(&str, &str)]) {
    let first = run(emulator, &["sync", "--output", "json"], variables);
    assert_eq!(first.status.code(), Some(0), "{}{}", stdout(&first), stderr(&first));
    let summary: Value = serde_json::from_str(&stdout(&first)).expect("JSON");
    assert_eq!(summary["assets"]["mirrored"], 4);
    let second = run(emulator, &["verify"], variables);
    assert_eq!(second.status.code(), Some(0), "{}{}", stdout(&second), stderr(&second));
    let doctor = run(emulator, &["doctor", "--write-test"], variables);
    assert_eq!(doctor.status.code(), Some(0), "{}{}", stdout(&doctor), stderr(&doctor));
    assert!(stdout(&doctor).contains("user delegation key"), "{}", stdout(&doctor));
    for output in [first, second, doctor] {
        let printed = stdout(&output) + &stderr(&output);
        assert!(![SECRET, FEDERATED, "eyJ"].iter().any(|secret| printed.contains(secret)), "{printed}");
    }
}

#[test]
fn the_environment_is_enough_to_sign_in() {
    let emulator = emulator();
    sign_in(&emulator, &[("kind", "\"environment\"")]);
    let missing = run(&emulator, &["sync"], &[]);
    assert_eq!(missing.status.code(), Some(5), "{}", stderr(&missing));
    assert!(stderr(&missing).contains("AZURE_TENANT_ID is not set"), "{}", stderr(&missing));
    let authority = authority(&emulator);
    let variables = [
        ("AZURE_TENANT_ID", "contoso"),
        ("AZURE_CLIENT_ID", "app"),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("AZURE_AUTHORITY_HOST", authority.as_str()),
    ];
    mirrors(&emulator, &variables);
}

#[test]
fn a_workload_signs_in_with_the_token_of_its_cluster() {
    let emulator = emulator();
    sign_in(&emulator, &[("kind", "\"workload-identity\"")]);
    std::fs::write(emulator.path().join("token"), format!("{FEDERATED}\n")).expect("written");
    let (file, authority) = (emulator.path().join("token"), authority(&emulator));
    let variables = [
        ("AZURE_TENANT_ID", "contoso"),
        ("AZURE_CLIENT_ID", "app"),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().expect("a text")),
        ("AZURE_AUTHORITY_HOST", authority.as_str()),
    ];
    mirrors(&emulator, &variables);
}

#[test]
fn a_machine_signs_in_with_its_identity() {
    let emulator = emulator();
    sign_in(&emulator, &[("kind", "\"managed-identity\"")]);
    mirrors(&emulator, &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &authority(&emulator))]);
}

/// A proxy that refuses everything; returns its address and the first lines of requests.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&lines);
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request =
                BufReader::new(connection.try_clone().expect("a second handle")).lines().map_while(Result::ok);
            heard.lock().expect("no panic").push(request.next().unwrap_or_default());
            let _ = request.find(String::is_empty);
            let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (url, lines)
}

#[test]
fn tokens_of_the_machine_do_not_pass_through_a_proxy() {
    let emulator = emulator();
    sign_in(&emulator, &[("kind", "\"managed-identity\"")]);
    let (proxy, lines) = proxy();
    let variables = [
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", authority(&emulator)),
        ("HTTP_PROXY", proxy.clone()),
        ("http_proxy", proxy),
        ("NO_PROXY", String::new()),
        ("no_proxy", String::new()),
    ];
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let output = run(&emulator, &["doctor"], &variables);
    assert_ne!(output.status.code(), Some(0), "the proxy refuses everything: {}", stdout(&output));
    let lines = lines.lock().expect("no panic");
    assert!(lines.iter().any(|line| line.contains("/storewest/")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("/metadata/identity/")), "{lines:?}");
}

#[test]
fn an_application_signs_with_its_certificate() {
    let emulator = emulator();
    let authority = format!("\"{}\"", authority(&emulator));
    write_private(&emulator.path().join("app.pem"), &(pem("PRIVATE KEY", KEY) + &pem("CERTIFICATE", CERTIFICATE)));
    let keys = [
        ("kind", "\"entra\""),
        ("authority", authority.as_str()),
        ("tenant", "\"contoso\""),
        ("client_id", "\"app\""),
        ("certificate", "\"app.pem\""),
    ];
    sign_in(&emulator, &keys);
    mirrors(&emulator, &[]);
}

/// The answer of the machine's identity service for a resource.
fn issued(emulator: &Emulator, resource: &str) -> Value {
    let authority = authority(emulator);
    let host = authority.trim_start_matches("http://");
    let mut connection = TcpStream::connect(host).expect("it listens");
    write!(
        connection,
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource} HTTP/1.1\r\nHost: {host}\r\n\
         Metadata: true\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("answered");
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).expect("a body")).expect("JSON")
}

/// Writes a program `az` with that script into a separate folder.
fn put_az(place: &Path, script: &str) -> String {
    let folder = place.join("bin");
    std::fs::create_dir_all(&folder).expect("created");
    let program = folder.join("az");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
    format!("{}:{}", folder.display(), std::env::var("PATH").expect("there is one"))
}

#[test]
fn the_user_of_the_azure_cli_is_signed_in() {
    let emulator = emulator();
    sign_in(&emulator, &[("kind", "\"azure-cli\""), ("tenant", "\"contoso\"")]);
    for (name, resource) in [("storage", "https://storage.azure.com"), ("media", "https://rest.media.azure.net")] {
        let issued = issued(&emulator, resource);
        let expires_on: i64 = issued["expires_on"].as_str().expect("a text").parse().expect("a number");
        let printed = serde_json::json!({
            "accessToken": issued["access_token"],
            "expires_on": expires_on,
            "expiresOn": "2026-11-30 12:00:00.000000",
            "subscription": "s",
            "tenant": "contoso",
            "tokenType": "Bearer",
        });
        std::fs::write(emulator.path().join(format!("{name}.json")), printed.to_string()).expect("written");
    }
    let path = put_az(
        emulator.path(),
        "case \"$*\" in\n\
         \"account get-access-token -o json --scope https://storage.azure.com/.default --tenant contoso\") exec cat storage.json;;\n\
         \"account get-access-token -o json --scope https://rest.media.azure.net/.default --tenant contoso\") exec cat media.json;;\n\
         esac\nexit 2",
    );
    mirrors(&emulator, &[("PATH", &path)]);

    let path = put_az(emulator.path(), "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let refused = run(&emulator, &["sync"], &[("PATH", &path)]);
    assert_eq!(refused.status.code(), Some(5), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("Please run 'az login'"), "{}", stderr(&refused));
    // The order in which the accounts are used is not fixed.
    let (told, file) = (stderr(&refused), std::fs::read_to_string(emulator.path().join("mirror.toml")).expect("read"));
    let line = told.split("mirror.toml:").nth(1).and_then(|rest| rest.split(':').next()).and_then(|n| n.parse().ok());
    let named = line.and_then(|line: usize| file.lines().nth(line - 1));
    assert!(named.is_some_and(|named| named.contains("azure-cli")), "{told}");
}
