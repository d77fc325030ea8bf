//! Restarts on demand: every service but the admin's breaks its connections, is away for a while, and listens again where it
//! was, with what it had stored; as a service behind durable storage does.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

/// Another program may hold the port for a moment.
const TRIES: usize = 100;

/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Where restarts are ordered.
#[derive(Debug)]
pub(in crate::emulator) struct Restarts(watch::Sender<Duration>);

impl Default for Restarts {
    fn default() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }
}

impl Restarts {
    /// Has every service restart that waits for orders, and be away for so long; `false` where none does, in process.
    pub(in crate::emulator) fn order(&self, away: Duration) -> bool {
        self.0.send(away).is_ok()
    }

    /// What is ordered from now on.
    pub(super) fn orders(&self) -> Orders {
        Orders(self.0.subscribe())
    }
}

/// The restarts that one service is ordered to make.
pub(super) struct Orders(watch::Receiver<Duration>);

impl Orders {
    /// Waits for the next one, and says how long to be away.
    pub(super) async fn next(&mut self) -> Duration {
        match self.0.changed().await {
            Ok(()) => *self.0.borrow_and_update(),
            // All senders are dropped.
            Err(_) => std::future::pending().await,
        }
    }
}

/// Closes the listener, and listens at its address again after that time.
pub(super) async fn listen_again(listener: TcpListener, away: Duration) -> io::Result<TcpListener> {
    let address = listener.local_addr()?;
    drop(listener);
    tokio::time::sleep(away).await;
    let mut tries = 1;
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => tries += 1,
            bound => return bound,
        }
        tokio::time::sleep(PAUSE).await;
    }
}
