//! The services go away while a run is under way, and come back. The emulator keeps its state in memory alone, so that it
//! cannot be ended and started again with what it had; it is cut off instead, by a proxy before it, and stopped.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{LOOK, Run, copies, done, is_mirrored, library, regions};
use crate::cli::against_emulator::{Emulator, signal};
use crate::cli::counted::wait_for;

/// How long services are away.
const AWAY: Duration = Duration::from_secs(3);

/// Blobs of the library.
const BLOBS: u64 = 100;

/// Tokens live for two seconds: new ones are needed while nobody gives any.
fn emulator() -> Emulator {
    Emulator::with(&regions(50, 2), &library(20), "")
}

fn sync(emulator: &Emulator) -> Run {
    let run = Run::start(emulator, &["sync", "--quiet", "--max-in-flight", "2", "--assets-in-flight", "2"]);
    wait_for(emulator, "CreateAsset", 4);
    run
}

#[test]
fn services_that_restart_under_a_run_are_waited_for() {
    let emulator = emulator();
    let mut proxies: Vec<Proxy> = ["blob", "token"].map(|service| Proxy::before(&emulator, service)).into();
    let run = sync(&emulator);
    proxies.iter_mut().for_each(Proxy::cut);
    let begun = copies(&emulator);
    std::thread::sleep(AWAY);
    // Two were in flight when the connections broke, and may have been counted after that.
    assert!(begun < BLOBS && copies(&emulator) <= begun + 2, "it went on without the services");
    proxies.iter_mut().for_each(Proxy::mend);
    run.end().with(0);
    assert!(copies(&emulator) <= BLOBS + 2, "{} copies", copies(&emulator));
    assert_eq!(done(&emulator, &["CreateAsset"]), 20);
    is_mirrored(&emulator);
}

#[test]
fn services_that_fall_silent_under_a_run_are_waited_for() {
    let emulator = emulator();
    let mut run = sync(&emulator);
    signal(&emulator.process, "-STOP");
    assert!(!run.ended_within(AWAY), "it ended while nobody answered");
    signal(&emulator.process, "-CONT");
    run.end().with(0);
    assert_eq!((copies(&emulator), done(&emulator, &["CreateAsset"])), (BLOBS, 20));
    is_mirrored(&emulator);
}

/// Passes connections on to a service of the target, until it is cut.
struct Proxy {
    here: SocketAddr,
    there: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
    listening: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Proxy {
    /// Puts one before that service of the target, in the configuration as well.
    fn before(emulator: &Emulator, service: &str) -> Self {
        let url = emulator.region(1, service);
        let (_, rest) = url.split_once("://").unwrap();
        let authority = rest.split('/').next().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        emulator.change(url, &url.replace(authority, &here.to_string()));
        let mut proxy = Self { here, there: authority.parse().unwrap(), open: Arc::default(), listening: None };
        proxy.listen(listener);
        proxy
    }

    fn listen(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (stop, open, there) = (Arc::new(AtomicBool::new(false)), Arc::clone(&self.open), self.there);
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((near, _)) => pass_on(near, there, &open),
                    Err(_) => std::thread::sleep(LOOK),
                }
            }
        });
        self.listening = Some((stop, thread));
    }

    /// Breaks every connection and accepts no more: whoever comes is refused by the system.
    fn cut(&mut self) {
        if let Some((stop, thread)) = self.listening.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().unwrap();
        }
        for stream in self.open.lock().unwrap().drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens again where it was.
    fn mend(&mut self) {
        self.listen(TcpListener::bind(self.here).unwrap());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

/// Both directions of a connection, a thread each.
fn pass_on(near: TcpStream, there: SocketAddr, open: &Mutex<Vec<TcpStream>>) {
    let far = TcpStream::connect(there).unwrap();
    near.set_nonblocking(false).unwrap();
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap();
    }
    let both = |stream: &TcpStream| (stream.try_clone().unwrap(), stream.try_clone().unwrap());
    let ((near_in, near_out), (far_in, far_out)) = (both(&near), both(&far));
    open.lock().unwrap().extend([near, far]);
    for (mut from, mut to) in [(near_in, far_out), (far_in, near_out)] {
        std::thread::spawn(move || {
            // However it ends, the other side has to learn of it.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
}
