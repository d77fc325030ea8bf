//! Restarts on demand: every service but the admin's breaks its connections, is away for a while, and listens again where it
//! was, with what it had stored; as a service behind durable storage does.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

/// Another program may hold the port for a moment.
const TRIES: usize = 100;

/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);

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
