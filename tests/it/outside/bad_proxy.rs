//! A proxy between the program and the services, in a separate process. It damages the traffic.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::{BINARY, Run};
use crate::cli::against_emulator::Emulator;

const PROXY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/bad_proxy.py");

/// A running proxy, ended when dropped.
#[derive(Debug)]
pub(super) struct BadProxy {
    process: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl BadProxy {
    /// Starts one.
    pub(super) fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new("python3")
            .arg(PROXY)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        let mut port = String::new();
        output.read_line(&mut port).expect("its port");
        let port: u16 = port.trim().parse().expect("the proxy says its port");
        Self { process, output, url: format!("http://127.0.0.1:{port}") }
    }

    /// Ends the proxy. Returns how many bytes of huge answers it has sent.
    pub(super) fn sent(mut self) -> u64 {
        drop(self.process.stdin.take());
        let mut sent = String::new();
        self.output.read_line(&mut sent).expect("what it sent");
        sent.trim().parse().expect("a number")
    }

    /// Starts the program with this proxy.
    pub(super) fn run(&self, emulator: &Emulator, arguments: &[&str]) -> Run {
        Run::spawn(emulator, Command::new(BINARY).args(arguments).env("HTTP_PROXY", &self.url).env_remove("NO_PROXY"))
    }
}

impl Drop for BadProxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
