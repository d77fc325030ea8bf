//! Interruption: the first signal asks the run to drain, the second ends the program immediately.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit_code::ExitCode;
use super::failure::CommandFailure;
use super::printer;
use super::progress::Screen;

/// Listens for SIGINT and SIGTERM.
#[derive(Debug, Clone)]
pub(crate) struct Interruption {
    /// Cancelled by the first signal.
    pub(crate) stop: CancellationToken,
    code: Arc<AtomicU8>,
}

impl Interruption {
    /// Starts to listen. `hint` is printed above the progress at the first signal.
    pub(crate) fn listen(screen: &Screen, hint: &'static str) -> Result<Self, CommandFailure> {
        let refused = |error| CommandFailure::unexpected(format!("failed to listen for signals: {error}"));
        let interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let terminate = signal(SignalKind::terminate()).map_err(refused)?;
        let listening = Self { stop: CancellationToken::new(), code: Arc::default() };
        tokio::spawn(listening.clone().wait(interrupt, terminate, screen.clone(), hint));
        Ok(listening)
    }

    /// The exit code of the signal; that of SIGINT if something else stopped the run.
    pub(crate) fn code(&self) -> ExitCode {
        if self.code.load(Ordering::Relaxed) == ExitCode::Terminated as u8 {
            ExitCode::Terminated
        } else {
            ExitCode::Interrupted
        }
    }

    async fn wait(self, mut interrupt: Signal, mut terminate: Signal, screen: Screen, hint: &'static str) {
        let code = next(&mut interrupt, &mut terminate).await;
        self.code.store(code as u8, Ordering::Relaxed);
        self.stop.cancel();
        if !hint.is_empty() {
            screen.above(|| printer::note(hint));
        }
        let code = next(&mut interrupt, &mut terminate).await;
        // While the bars are hidden; nothing draws them again.
        screen.above(|| leave(code));
    }
}

/// The code of the next signal.
async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> ExitCode {
    tokio::select! {
        _ = interrupt.recv() => ExitCode::Interrupted,
        _ = terminate.recv() => ExitCode::Terminated,
    }
}

/// Ends the program now. The ledger stays valid: the next run checks every started step with the services.
#[expect(clippy::exit, reason = "the operator asked twice; the program must not wait for work in progress")]
fn leave(code: ExitCode) -> ! {
    std::process::exit(i32::from(code as u8))
}
