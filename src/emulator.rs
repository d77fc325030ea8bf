//! An emulator of Azure Media Services v2 and blob storage, written only from the API documents.
//!
//! It shares no code with the clients, so that an error in one is not hidden by the same error in the other.
//!
//! Any number of regions run side by side, each with a media account, its storage accounts and a streaming host. They
//! answer on sockets of 127.0.0.1 ([`EmulatorBuilder::start`]), or inside the process through an `HttpClient` of the
//! official SDK ([`EmulatorBuilder::start_in_process`]), where a whole run can use tokio's virtual time.
//!
//! ```no_run
//! # async fn example() -> Result<(), mediamirror::emulator::EmulatorError> {
//! use mediamirror::emulator::{Emulator, Generate};
//! let generate = Generate::parse("assets=60,blobs=20,seed=1").expect("a good recipe");
//! let emulator = Emulator::builder().generate(generate).start().await?;
//! println!("{}", emulator.ready().json());
//! emulator.shutdown().await;
//! # Ok(())
//! # }
//! ```

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) mod admin;
pub(crate) mod blob;
pub(crate) mod clock;
pub(crate) mod directory;
mod error;
pub(crate) mod external;
mod fault_injection;
pub mod faults;
mod handle;
pub(crate) mod http;
mod in_process;
pub mod library;
pub(crate) mod media_account;
pub(crate) mod media_v2;
pub(crate) mod mp4;
mod ready;
mod restarts;
mod server;
pub(crate) mod service_model;
mod services;
pub mod settings;
mod snapshots;
pub mod stats;
pub(crate) mod storage;
pub(crate) mod storage_account;
pub(crate) mod streaming;
mod tamper;
pub(crate) mod world;

pub use error::EmulatorError;
pub use faults::plan::FaultPlan;
pub use handle::EmulatorHandle;
pub use library::{Generate, GenerateError, Sizes};
pub use media_v2::{AssetLook, FileLook, LocatorLook, NewLocator, Operator, OperatorError};
pub use ready::{Ready, ReadyRegion, ReadyStorage};
pub use settings::{PrincipalSettings, Protection, Role, RoleAssignment, SourceAccess, TagSupport};
pub use settings::{Settings, SettingsError};
pub use stats::StatsSnapshot;
pub use storage::{Described, Headers};
pub use streaming::plays::{Played, PlayedAnswer};

/// The emulator; see [`Emulator::builder`].
#[derive(Debug)]
pub struct Emulator;

impl Emulator {
    /// A builder with two regions, `west` and `east`, no limits and an empty library.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }
}

/// Builds an emulator; see [`Emulator::builder`].
#[derive(Debug, Default)]
pub struct EmulatorBuilder {
    settings: Option<Settings>,
    settings_file: Option<PathBuf>,
    library_dirs: Vec<PathBuf>,
    generate: Option<Generate>,
    faults: FaultPlan,
}

impl EmulatorBuilder {
    /// Regions, accounts, ports and the service model. Wins over [`Self::settings_file`].
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The same from a TOML file, read at the start.
    #[must_use]
    pub fn settings_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings_file = Some(path.into());
        self
    }

    /// Loads real files into the first region: one folder per asset.
    #[must_use]
    pub fn library_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.library_dirs.push(path.into());
        self
    }

    /// Generates a library in the first region.
    #[must_use]
    pub fn generate(mut self, generate: Generate) -> Self {
        self.generate = Some(generate);
        self
    }

    /// Injects faults by that plan, after the library is loaded.
    #[must_use]
    pub fn faults(mut self, plan: FaultPlan) -> Self {
        self.faults = plan;
        self
    }

    /// Starts on sockets of 127.0.0.1.
    pub async fn start(self) -> Result<EmulatorHandle, EmulatorError> {
        let settings = self.checked_settings()?;
        let listeners = server::Listeners::bind(&settings).await?;
        let world = Arc::new(world::World::build(&settings, &listeners.authorities()?)?);
        self.load_library(&world).await?;
        world.set_faults(&self.faults);
        Ok(EmulatorHandle::new(world, |world, stop| Some(server::run(listeners, world, stop))))
    }

    /// Starts without sockets, at invented authorities that only [`EmulatorHandle::http_client`] can reach.
    pub async fn start_in_process(self) -> Result<EmulatorHandle, EmulatorError> {
        let settings = self.checked_settings()?;
        let authorities = in_process::made_up_authorities(&settings);
        let world = Arc::new(world::World::build(&settings, &authorities)?);
        self.load_library(&world).await?;
        world.set_faults(&self.faults);
        Ok(EmulatorHandle::new(world, |_, _| None))
    }

    fn checked_settings(&self) -> Result<Settings, SettingsError> {
        let settings = match (&self.settings, &self.settings_file) {
            (Some(settings), _) => settings.clone(),
            (None, Some(path)) => Settings::read(path)?,
            (None, None) => Settings::default(),
        };
        settings.check()?;
        self.faults.check()?;
        Ok(settings)
    }

    async fn load_library(&self, world: &world::World) -> Result<(), library::LibraryError> {
        for dir in &self.library_dirs {
            library::load::load(world, 0, dir).await?;
        }
        if let Some(generate) = &self.generate {
            library::generate::fill(world, 0, generate).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
