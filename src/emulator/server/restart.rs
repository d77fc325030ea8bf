//! Restarts on demand: every service except the admin service breaks its connections, is unavailable for a time, and
//! then listens at the same address again, with its stored data.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

/// Another program may hold the port for a moment.
const TRIES: usize = 100;

/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(50);

/// Closes the listener, and opens it again at the same address after that time.
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
