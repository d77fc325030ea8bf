//! Certificates: an unknown authority is refused with the remedy, and trusted when `ca_file` names it.

use std::path::Path;
use std::sync::Arc;

use azure_core::http::{HttpClient, Method, Request, Url};
use mediamirror::config::Config;
use mediamirror::error::Failure;
use mediamirror::transport::{network, network_trusting};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::cli::against_emulator::Emulator;
use super::cli::{MIRROR, mediamirror, place, stderr};

/// The server's answer to every request; it is not the API.
const ANSWER: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";

/// A certificate authority of this test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = authority.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(authority, key), pem }
    }

    /// Port of a TLS server on this machine, whose certificate this authority signed. It forwards requests to the
    /// server on the port `behind`; without one, it answers everything with [`ANSWER`].
    async fn serve(&self, behind: Option<u16>) -> u16 {
        self.serve_as(own_certificate(), behind, |_| false).await
    }

    /// The same with a certificate of these terms. The connections for which `broken` is true, counted from 1, end
    /// within their handshake.
    async fn serve_as(&self, own: CertificateParams, behind: Option<u16>, broken: fn(u32) -> bool) -> u16 {
        let key = KeyPair::generate().unwrap();
        let own = own.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.into()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let mut accepted = 0;
            while let Ok((mut connection, _)) = listener.accept().await {
                accepted += 1;
                if broken(accepted) {
                    // The first bytes are read, then the connection is closed.
                    let _ = connection.read(&mut [0; 64]).await;
                    continue;
                }
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust the authority ends the connection here.
                    let Ok(mut connection) = acceptor.accept(connection).await else { return };
                    if let Some(behind) = behind {
                        let mut behind = tokio::net::TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                        let _ = tokio::io::copy_bidirectional(&mut connection, &mut behind).await;
                        return;
                    }
                    let _ = connection.read(&mut [0; 4096]).await;
                    let _ = connection.write_all(ANSWER).await;
                    let _ = connection.shutdown().await;
                });
            }
        });
        port
    }
}

/// The certificate of a server on this machine.
fn own_certificate() -> CertificateParams {
    CertificateParams::new(["127.0.0.1".to_owned()]).unwrap()
}

/// Port of a TLS server on this machine, and the certificate (PEM) of the authority that signed its own.
async fn server() -> (u16, String) {
    let authority = Authority::new();
    (authority.serve(None).await, authority.pem)
}

async fn ask(client: &dyn HttpClient, port: u16) -> Result<u16, Failure> {
    let url = Url::parse(&format!("https://127.0.0.1:{port}/")).unwrap();
    let answer = client.execute_request(&Request::new(url, Method::Get)).await.map_err(Failure::from)?;
    Ok(answer.status().into())
}

/// A configuration for that port, with `ca_file` if wanted.
fn configuration(port: u16, ca_file: bool) -> String {
    let text = MIRROR.replace("http://127.0.0.1:9/", &format!("https://127.0.0.1:{port}/"));
    if ca_file { format!("ca_file = \"ca.pem\"\n{text}") } else { text }
}

#[tokio::test]
async fn an_unknown_authority_is_refused_and_one_named_by_ca_file_is_trusted() {
    let (port, pem) = server().await;
    let Err(Failure::Connect(why)) = ask(&*network().unwrap(), port).await else { panic!("it must be refused") };
    assert!(why.contains("certificate") && why.contains("UnknownIssuer"), "{why}");

    let place = place(&configuration(port, true));
    std::fs::write(place.path().join("ca.pem"), &pem).unwrap();
    let config = Config::load(&place.path().join("mirror.toml")).unwrap();
    assert_eq!(ask(&*network_trusting(&config.roots).unwrap(), port).await.unwrap(), 403);

    // Another authority with the same name does not make it trusted.
    let (_, other) = server().await;
    std::fs::write(place.path().join("ca.pem"), &other).unwrap();
    let config = Config::load(&place.path().join("mirror.toml")).unwrap();
    assert!(ask(&*network_trusting(&config.roots).unwrap(), port).await.is_err());
}

/// Exit code and standard error of `mediamirror verify` there.
async fn verified(directory: &Path) -> (Option<i32>, String) {
    let directory = directory.to_owned();
    let output = tokio::task::spawn_blocking(move || mediamirror(&directory, &["verify"])).await.unwrap();
    (output.status.code(), stderr(&output))
}

#[tokio::test]
async fn the_program_recommends_ca_file_if_it_is_missing_and_uses_it_if_it_is_set() {
    let (port, pem) = server().await;
    let untrusting = place(&configuration(port, false));
    let (code, printed) = verified(untrusting.path()).await;
    assert_ne!(code, Some(0));
    assert!(printed.contains("UnknownIssuer") && printed.contains("`ca_file`"), "{printed}");

    let trusting = place(&configuration(port, true));
    std::fs::write(trusting.path().join("ca.pem"), pem).unwrap();
    let (code, printed) = verified(trusting.path()).await;
    assert_ne!(code, Some(0));
    assert!(printed.contains("403") && !printed.contains("UnknownIssuer"), "{printed}");
}

#[tokio::test]
async fn a_certificate_that_is_expired_or_of_another_host_is_refused_with_the_host_and_the_remedy() {
    let mut expired = own_certificate();
    (expired.not_before, expired.not_after) = (rcgen::date_time_ymd(2015, 1, 1), rcgen::date_time_ymd(2016, 1, 1));
    let mut early = own_certificate();
    (early.not_before, early.not_after) = (rcgen::date_time_ymd(2200, 1, 1), rcgen::date_time_ymd(2201, 1, 1));
    let other = CertificateParams::new(["media.example".to_owned()]).unwrap();
    for (certificate, problem, remedy) in [
        (expired, "expired", "clock"),
        (early, "not valid yet", "clock"),
        (other, "not valid for name", "belongs to another host"),
    ] {
        let authority = Authority::new();
        let port = authority.serve_as(certificate, None, |_| false).await;
        let place = place(&configuration(port, true));
        std::fs::write(place.path().join("ca.pem"), &authority.pem).unwrap();
        let (code, printed) = verified(place.path()).await;
        assert_eq!(code, Some(5), "{printed}");
        assert!(printed.contains(&format!("127.0.0.1:{port}")), "{printed}");
        assert!(printed.contains(problem) && printed.contains(remedy), "{printed}");
        assert_eq!(printed.matches("error: ").count(), 1, "{printed}");
    }
}

#[tokio::test]
async fn handshakes_that_fail_at_first_and_later_are_retried() {
    let emulator = tokio::task::spawn_blocking(|| Emulator::start("")).await.unwrap();
    let authority = Authority::new();
    std::fs::write(emulator.path().join("ca.pem"), &authority.pem).unwrap();
    let blob = Url::parse(emulator.region(1, "blob")).unwrap().origin().ascii_serialization();
    let broken = |connection| connection <= 2 || connection % 3 == 0;
    let port = authority.serve_as(own_certificate(), Url::parse(&blob).unwrap().port(), broken).await;
    emulator.change(&blob, &format!("https://127.0.0.1:{port}"));
    emulator.change("", "ca_file = \"ca.pem\"\n");
    let (code, printed) = tokio::task::spawn_blocking(move || emulator.json(&["sync"])).await.unwrap();
    assert_eq!((code, &printed["outcome"]), (Some(0), &"complete".into()), "{printed}");

    // Nothing was sent, so any request may be sent again.
    let port = authority.serve_as(own_certificate(), None, |_| true).await;
    assert!(matches!(ask(&*network().unwrap(), port).await, Err(Failure::Connect(_))));
}

#[tokio::test]
async fn the_tutorials_manifests_are_fetched_with_the_authority_of_ca_file() {
    let emulator = tokio::task::spawn_blocking(|| Emulator::start("")).await.unwrap();
    let authority = Authority::new();
    std::fs::write(emulator.path().join("ca.pem"), &authority.pem).unwrap();
    for index in [0, 1] {
        let streaming = emulator.region(index, "streaming");
        let port = authority.serve(Url::parse(streaming).unwrap().port()).await;
        emulator
            .change(&format!("streaming_url = \"{streaming}"), &format!("streaming_url = \"https://127.0.0.1:{port}"));
    }
    emulator.change("", "ca_file = \"ca.pem\"\n");
    let printed = tokio::task::spawn_blocking(move || {
        let film = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bars/bars_200.mp4");
        emulator.json(&["tutorial", film, "--config", "mirror.toml"])
    });
    let (code, printed) = printed.await.unwrap();
    assert_eq!((code, &printed["equal"]), (Some(0), &true.into()), "{printed}");
    let url = printed["manifests"][0]["target_url"].as_str().unwrap();
    assert!(url.starts_with("https://"), "{url}");
}

#[test]
fn a_ca_file_that_cannot_be_used_is_refused_with_its_name_and_the_remedy() {
    let place = place(&configuration(9, true));
    let refused = |problem: &str| {
        let output = mediamirror(place.path(), &["verify"]);
        let printed = stderr(&output);
        assert_eq!(output.status.code(), Some(5), "{printed}");
        assert!(printed.contains("mirror.toml:1: `ca_file`: ") && printed.contains(problem), "{printed}");
        assert!(printed.contains("ca.pem") && printed.contains("-----BEGIN CERTIFICATE-----"), "{printed}");
    };
    refused("failed to read");
    let path = place.path().join("ca.pem");
    for (text, problem) in [
        ("", "there is no certificate in"),
        ("some text\n", "there is no certificate in"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "there is no certificate in"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 in"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "not well-formed PEM"),
    ] {
        std::fs::write(&path, text).unwrap();
        refused(problem);
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    refused("failed to read");
}
