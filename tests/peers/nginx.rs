//! nginx with a configuration that `urls --format nginx` wrote, changed as its comment says.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tools;

/// The time limit for starting it; it takes a tenth of a second on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running nginx, ended when dropped.
pub(crate) struct Nginx {
    process: Child,
    /// The port for viewers.
    pub(crate) port: u16,
    _place: TempDir,
}

impl Nginx {
    /// Starts it with that DNS server and that authority (PEM), after its own check of the configuration.
    pub(crate) async fn start(configuration: &str, dns: u16, authority: &str) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let ports = free_ports();
        write(place.path(), configuration, ports, dns, authority);
        let checked = check(place.path());
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        let process = command(place.path()).stdin(Stdio::null()).spawn().expect("nginx is there");
        let mut nginx = Self { process, port: ports[0], _place: place };
        nginx.wait().await;
        nginx
    }

    async fn wait(&mut self) {
        let started = Instant::now();
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            assert!(self.process.try_wait().expect("our own child").is_none(), "nginx ended; what it says is above");
            assert!(started.elapsed() < READY_WITHIN, "nginx does not listen within {READY_WITHIN:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Three ports that nobody listens on.
fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.map(|listener| listener.local_addr().expect("bound").port())
}

/// Writes the configuration with the changes of its comment, and the main file of nginx's package.
fn write(place: &Path, configuration: &str, [viewers, source, target]: [u16; 3], dns: u16, authority: &str) {
    std::fs::write(place.join("authority.pem"), authority).expect("written");
    let mut changed = configuration.to_owned();
    for (from, to) in [
        ("listen 8080;", format!("listen 127.0.0.1:{viewers};")),
        ("127.0.0.1:18081", format!("127.0.0.1:{source}")),
        ("127.0.0.1:18082", format!("127.0.0.1:{target}")),
        ("resolver 127.0.0.53", format!("resolver 127.0.0.1:{dns}")),
    ] {
        assert!(changed.contains(from), "{from} is missing: {configuration}");
        changed = changed.replace(from, &to);
    }
    changed = changed.replace("/etc/ssl/certs/ca-certificates.crt", "authority.pem");
    std::fs::write(place.join("mediamirror.conf"), changed).expect("written");
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = kinds.map(|kind| format!("    {kind}_temp_path temp/{kind};\n")).concat();
    std::fs::create_dir(place.join("temp")).expect("made");
    let frame = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\n\
         http {{\n{folders}    access_log off;\n    include mediamirror.conf;\n}}\n"
    );
    std::fs::write(place.join("nginx.conf"), frame).expect("written");
}

fn command(place: &Path) -> Command {
    let mut command = Command::new(tools::nginx());
    command.arg("-p").arg(place).arg("-c").arg(place.join("nginx.conf")).args(["-e", "stderr"]);
    command
}

/// Nginx's own check of the configuration.
fn check(place: &Path) -> Output {
    command(place).arg("-t").output().expect("nginx is there")
}
