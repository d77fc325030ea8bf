//! The program mirrors a storage account to another one as a principal of Entra ID: both are in an Azurite with https,
//! which checks tokens independently of our code, and verifies signatures by user delegation.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::azurite::Azurite;
use crate::blob_contract::Access;
use crate::tools;

const SECRET: &str = "s3cret-of-the-application";

/// Writes a certificate of this machine, signed by itself, with its key. Azurite does not trust itself with other
/// kinds.
fn write_certificate(place: &Path) {
    let key = KeyPair::generate().expect("a key");
    let own = CertificateParams::new(["127.0.0.1".to_owned()]).expect("an address");
    let own = own.self_signed(&key).expect("signed");
    std::fs::write(place.join("own.pem"), own.pem()).expect("the file is written");
    std::fs::write(place.join("own.key"), key.serialize_pem()).expect("the file is written");
}

/// A token in the format of Entra ID. Its signature is not verified.
fn token(number: usize) -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = serde_json::json!({
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3_600,
        "oid": "23657296-5cd5-45b0-a809-d972a7f4dfe1",
        "tid": "ab1f708d-50f6-404c-a006-d71b2ac7a606",
        "jti": number.to_string(),
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"typ":"JWT","alg":"RS256"}"#), part(&claims.to_string()), part("signature"))
}

/// Answers one request for a token; the request must be right.
async fn answer(mut connection: TcpStream, number: usize) {
    let mut request = String::new();
    while !request.contains("scope=") {
        let mut piece = [0; 4_096];
        let read = connection.read(&mut piece).await.expect("readable");
        assert_ne!(read, 0, "it ends early: {request}");
        request.push_str(std::str::from_utf8(&piece[..read]).expect("text"));
    }
    let right = request.starts_with("POST /contoso/oauth2/v2.0/token ")
        && request.contains(&format!("client_secret={SECRET}"))
        && request.contains("scope=https%3A%2F%2Fstorage.azure.com%2F.default");
    let (status, body) = if right {
        ("200 OK", format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{}"}}"#, token(number)))
    } else {
        ("401 Unauthorized", r#"{"error":"invalid_client"}"#.to_owned())
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    connection.write_all((head + &body).as_bytes()).await.expect("sent");
}

/// A token service. Returns its root, and how many tokens it has issued.
async fn token_service() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("bound"));
    let issued = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&issued);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, count.fetch_add(1, Ordering::SeqCst)));
        }
    });
    (root, issued)
}

fn write_config(place: &Path, authority: &str, sides: [(&str, &Access); 2]) {
    use std::os::unix::fs::PermissionsExt as _;
    let secret = place.join("secret");
    std::fs::write(&secret, SECRET).expect("the file is written");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("the mode is set");
    let mut text = String::from("ca_file = \"own.pem\"\n");
    for (side, access) in sides {
        let _ = write!(
            text,
            "[{side}]\nservice = \"blobs\"\n[[{side}.storage]]\naccount = \"{}\"\nendpoint = \"{}\"\n\
             auth = {{ kind = \"entra\", authority = \"{authority}\", tenant = \"contoso\", client_id = \"app\", \
             secret = {{ file = \"secret\" }} }}\n",
            access.name, access.endpoint
        );
    }
    std::fs::write(place.join("mirror.toml"), text).expect("the file is written");
}

/// The output of the vendor's library, which uses the account keys.
fn python(place: &Path, arguments: &[&str]) -> String {
    let output = Command::new("python3")
        .arg(tools::tests().join("tools/blob_accounts.py"))
        .args(arguments)
        .env("REQUESTS_CA_BUNDLE", place.join("own.pem"))
        .output()
        .expect("python3 is on the PATH, as tests/run checks");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The exit code and what the program prints on both streams.
async fn mediamirror(place: &Path, arguments: &'static [&'static str]) -> (Option<i32>, String) {
    let place = place.to_owned();
    let run = move || Command::new(env!("CARGO_BIN_EXE_mediamirror")).args(arguments).current_dir(place).output();
    let output = tokio::task::spawn_blocking(run).await.expect("it does not panic").expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_accounts_that_accept_tokens_are_mirrored_without_their_keys() {
    let place = tempfile::tempdir().expect("a folder");
    let place = place.path();
    write_certificate(place);
    let azurite = Azurite::with_tokens(place).await;
    let (source, target) = (azurite.source(), azurite.target());
    let [from, to] =
        [&source, &target].map(|access| [access.endpoint.to_string(), access.name.clone(), access.key.clone()]);
    let from: Vec<&str> = from.iter().map(String::as_str).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    python(place, &[&["fill"], from.as_slice(), &["5"]].concat());
    let (authority, issued) = token_service().await;
    write_config(place, &authority, [("source", &source), ("target", &target)]);

    let (code, text) = mediamirror(place, &["doctor", "--write-test"]).await;
    assert!(code == Some(0) && text.contains("a user delegation key is issued"), "{text}");
    assert!(text.contains("a blob may be read with a signature"), "{text}");
    let before = issued.load(Ordering::SeqCst);
    let (code, text) = mediamirror(place, &["sync"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(issued.load(Ordering::SeqCst) - before, 2, "one token a side");
    let compared = python(place, &[&["compare"], from.as_slice(), to.as_slice()].concat());
    assert!(compared.contains("5 containers") && compared.contains(" 0 differences"), "{compared}");
    let (code, text) = mediamirror(place, &["verify"]).await;
    assert!(code == Some(0) && text.contains("5 in scope: 5 same"), "{text}");
}
