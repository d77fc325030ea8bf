//! Orders to restart the services: the admin service gives them, the listeners take them.

use std::time::Duration;

use tokio::sync::watch;

/// Where restarts are ordered.
#[derive(Debug)]
pub(crate) struct Restarts(watch::Sender<Duration>);

impl Default for Restarts {
    fn default() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }
}

impl Restarts {
    /// Restarts all services that wait for orders, with that downtime; `false` if none waits, as in process.
    pub(crate) fn order(&self, away: Duration) -> bool {
        self.0.send(away).is_ok()
    }

    /// Subscribes to future orders.
    pub(crate) fn orders(&self) -> Orders {
        Orders(self.0.subscribe())
    }
}

/// The restarts that one service is ordered to make.
pub(crate) struct Orders(watch::Receiver<Duration>);

impl Orders {
    /// Waits for the next order, and returns the downtime.
    pub(crate) async fn next(&mut self) -> Duration {
        match self.0.changed().await {
            Ok(()) => *self.0.borrow_and_update(),
            // All senders are dropped.
            Err(_) => std::future::pending().await,
        }
    }
}
