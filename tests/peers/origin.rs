//! Two hosts for viewers, with their own names, certificates and a DNS server.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The bytes that both hosts serve.
pub(crate) const FILM: &str = "the same film on both hosts";

/// A certificate authority of this test.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut authority = CertificateParams::new([]).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL treats a certificate as self-signed if its name is that of the authority.
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = authority.self_signed(&key).expect("signed").pem();
        Self { issuer: Issuer::new(authority, key), pem }
    }

    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let own = CertificateParams::new([name.to_owned()]).expect("a name");
        let own = own.signed_by(&key, &self.issuer).expect("signed");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![own.into()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
            .expect("a certificate");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A request as a host got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The name in TLS.
    pub(crate) tls_name: String,
    /// The header `Host`.
    pub(crate) host: String,
    /// The path.
    pub(crate) path: String,
}

/// A host that serves [`FILM`] under every path except `/missing` (404) and `/busy` (503).
pub(crate) struct Origin {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    server: JoinHandle<()>,
}

impl Origin {
    /// Starts a host with a certificate for that name. `busy`: does it answer `/busy` with 503?
    pub(crate) async fn start(authority: &Authority, certificate_name: &str, busy: bool) -> Self {
        let acceptor = authority.acceptor(certificate_name);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
                tokio::spawn(async move {
                    // A client that does not trust the authority ends the connection here.
                    let Ok(mut connection) = acceptor.accept(connection).await else { return };
                    let tls_name = connection.get_ref().1.server_name().unwrap_or_default().to_owned();
                    let (host, path) = read(&mut connection).await;
                    // Or it ends the connection here, without a request.
                    if path.is_empty() {
                        return;
                    }
                    let answer = answer(&path, busy);
                    log.lock().expect("not poisoned").push(Asked { tls_name, host, path });
                    let _ = connection.write_all(answer.as_bytes()).await;
                    let _ = connection.shutdown().await;
                });
            }
        });
        Self { port, asked, server }
    }

    /// The requests since the last call.
    pub(crate) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().expect("not poisoned"))
    }

    /// Stops it: from now on, connections are refused.
    pub(crate) async fn stop(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
    }
}

/// The header `Host` and the path of a request.
async fn read(connection: &mut (impl tokio::io::AsyncRead + Unpin)) -> (String, String) {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") && bytes.len() < 16 << 10 {
        if connection.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let host = text.lines().find_map(|line| line.strip_prefix("Host: ")).unwrap_or_default();
    let path = text.split(' ').nth(1).unwrap_or_default();
    (host.to_owned(), path.to_owned())
}

fn answer(path: &str, busy: bool) -> String {
    let status = match path {
        "/missing" => "404 Not Found",
        "/busy" if busy => "503 Service Unavailable",
        _ => "200 OK",
    };
    let headers = "Content-Type: video/mp4\r\nCache-Control: max-age=2\r\nETag: \"film\"\r\nConnection: close";
    format!("HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {}\r\n\r\n{FILM}", FILM.len())
}

/// Bytes before the question of a DNS message.
const DNS_HEADER: usize = 12;

/// Port of a DNS server that resolves every name to this machine.
pub(crate) async fn dns() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let port = socket.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let mut query = [0; 512];
        while let Ok((length, sender)) = socket.recv_from(&mut query).await {
            if let Some(answer) = dns_answer(&query[..length]) {
                let _ = socket.send_to(&answer, sender).await;
            }
        }
    });
    port
}

/// The answer to a question for addresses (type A); to other questions, that there are none.
fn dns_answer(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(DNS_HEADER..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(DNS_HEADER..DNS_HEADER + name + 5)?;
    let is_a = question[name + 1..name + 3] == [0, 1];
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    answer.extend(question);
    if is_a {
        // The name of the question, type A, class IN, valid for a second, four bytes of an address.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(answer)
}
