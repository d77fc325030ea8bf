//! Azurite with two accounts, started when a test needs it, and ended with the last test that uses it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::blob_contract::Access;
use crate::tools;

/// Keys of the two accounts; any base64 is valid.
const SOURCE_KEY: &str = "c291cmNlLWtleS1vZi10aGUtdGVzdHM=";
const TARGET_KEY: &str = "dGFyZ2V0LWtleS1vZi10aGUtdGVzdHM=";
/// The time limit for starting it; it takes two seconds on an idle machine.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Another process may take a free port before this one listens on it.
const ATTEMPTS: u32 = 3;

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// The running instance, if there is one.
static RUNNING: Mutex<Weak<Azurite>> = Mutex::const_new(Weak::new());

/// A running Azurite; the process ends when it is dropped, or when this process ends.
#[derive(Debug)]
pub(crate) struct Azurite {
    process: Child,
    port: u16,
    scheme: &'static str,
}

impl Azurite {
    /// The running instance, or a new one.
    pub(crate) async fn shared() -> Arc<Self> {
        let mut running = RUNNING.lock().await;
        if let Some(azurite) = running.upgrade() {
            return azurite;
        }
        let azurite = Arc::new(Self::start().await);
        *running = Arc::downgrade(&azurite);
        azurite
    }

    pub(crate) async fn start() -> Self {
        Self::start_by(|| Self::spawn(|_| {}, "http")).await
    }

    /// An instance with https and tokens. Its certificate is `own.pem` in that folder, its key `own.key`.
    pub(crate) async fn with_tokens(place: &Path) -> Self {
        let secure = |command: &mut Command| {
            command.arg("--cert").arg(place.join("own.pem")).arg("--key").arg(place.join("own.key"));
            // It reads the sources of copies from itself, with its own certificate.
            command.args(["--oauth", "basic"]).env("NODE_EXTRA_CA_CERTS", place.join("own.pem"));
        };
        Self::start_by(|| Self::spawn(secure, "https")).await
    }

    async fn start_by(spawn: impl Fn() -> Self) -> Self {
        for _ in 0..ATTEMPTS {
            let mut azurite = spawn();
            if azurite.is_ready().await {
                return azurite;
            }
        }
        panic!("Azurite does not start; what it says is above");
    }

    fn spawn(change: impl Fn(&mut Command), scheme: &'static str) -> Self {
        let port = free_port();
        let mut command = Command::new("node");
        command
            .arg("--require")
            .arg(tools::tests().join("tools/end-with-owner.js"))
            .arg(tools::installed("azurite/dist/src/blob/main.js"))
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args(["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"])
            .env("AZURITE_ACCOUNTS", format!("srcacct:{SOURCE_KEY};dstacct:{TARGET_KEY}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        change(&mut command);
        let process = command.spawn().expect("node is on the PATH, as tests/run checks");
        Self { process, port, scheme }
    }

    /// Waits until it answers; false if it ended.
    async fn is_ready(&mut self) -> bool {
        let started = Instant::now();
        while self.process.try_wait().expect("our own child").is_none() {
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return true;
            }
            assert!(started.elapsed() < READY_WITHIN, "Azurite does not listen within {READY_WITHIN:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The account that is copied from.
    pub(crate) fn source(&self) -> Access {
        self.access("srcacct", SOURCE_KEY)
    }

    /// The account that is copied to.
    pub(crate) fn target(&self) -> Access {
        self.access("dstacct", TARGET_KEY)
    }

    fn access(&self, name: &str, key: &str) -> Access {
        let endpoint = format!("{}://127.0.0.1:{}/{name}", self.scheme, self.port).parse().expect("a URL");
        Access { name: name.to_owned(), endpoint, key: key.to_owned() }
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
