//! Why the emulator did not start.

use super::library::LibraryError;
use super::settings::SettingsError;

/// Why the emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// The settings are wrong; the message names key, line and remedy.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A listener could not be opened.
    #[error("cannot listen on 127.0.0.1:{port} for {service}: {source}; choose another port, or 0 for any free one")]
    Listen {
        /// Which service wanted the port.
        service: String,
        /// The port.
        port: u16,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The library could not be loaded.
    #[error("cannot load the library: {0}")]
    Library(#[from] LibraryError),
}
