//! An emulator of Azure Media Services v2 and blob storage, written from the API documents alone.
//!
//! It shares no code with the clients, so that a wrong parser cannot agree with a wrong printer.
//!
//! Any number of regions run side by side, each with a media account, its storage accounts and a streaming host.
//! They answer on sockets of 127.0.0.1 ([`EmulatorBuilder::start`]), or inside the process through an
//! `HttpClient` of the official SDK ([`EmulatorBuilder::start_in_process`]), where a whole run fits in tokio's
//! virtual time.
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

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) mod admin;
pub(crate) mod blob;
pub(crate) mod clock;
pub(crate) mod external;
pub mod faults;
mod in_process;
pub mod library;
pub(crate) mod media_v2;
mod ready;
mod server;
pub(crate) mod service_model;
pub mod settings;
pub mod stats;
pub(crate) mod storage;
pub(crate) mod streaming;
mod tamper;
pub(crate) mod world;

pub use faults::plan::FaultPlan;
pub use library::generate::{Generate, GenerateError, Sizes};
pub use media_v2::{AssetLook, FileLook, LocatorLook, NewLocator, Operator, OperatorError};
pub use ready::{Ready, ReadyRegion, ReadyStorage};
pub use settings::{Settings, SettingsError};
pub use settings::{SourceAccess, TagSupport};
pub use stats::StatsSnapshot;
pub use streaming::plays::{Played, PlayedAnswer};
pub use tamper::{Described, Headers};

/// A request as every service receives it.
pub(crate) type Request = axum::http::Request<axum::body::Body>;
/// An answer as every service gives it.
pub(crate) type Response = axum::http::Response<axum::body::Body>;

/// The emulator; see [`Emulator::builder`].
#[derive(Debug)]
pub struct Emulator;

impl Emulator {
    /// A builder with two regions, `west` and `east`, no limits and an empty library.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }
}

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
        /// What the system said.
        source: std::io::Error,
    },
    /// The library could not be loaded.
    #[error("cannot load the library: {0}")]
    Library(#[from] library::LibraryError),
}

/// What the emulator is to be; see [`Emulator::builder`].
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

    /// Loads real files into the first region: one folder an asset.
    #[must_use]
    pub fn library_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.library_dirs.push(path.into());
        self
    }

    /// Makes a library up in the first region.
    #[must_use]
    pub fn generate(mut self, generate: Generate) -> Self {
        self.generate = Some(generate);
        self
    }

    /// Spoils answers by that plan from the start; the library is loaded before.
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

    /// Starts without sockets, at made-up authorities that only [`EmulatorHandle::http_client`] knows.
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

/// A running emulator. Dropping it stops the listeners; [`Self::shutdown`] also waits for what is being answered.
#[derive(Debug)]
pub struct EmulatorHandle {
    world: Arc<world::World>,
    ready: Ready,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl EmulatorHandle {
    fn new(
        world: Arc<world::World>,
        run: impl FnOnce(&Arc<world::World>, CancellationToken) -> Option<JoinHandle<()>>,
    ) -> Self {
        let stop = CancellationToken::new();
        let ready = Ready::of(&world);
        let server = run(&world, stop.clone());
        Self { world, ready, stop, server }
    }

    /// Where everything answers, and the keys.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// A client of the official SDK that answers for every authority of this emulator inside the process, and fails
    /// to connect to any other.
    pub fn http_client(&self) -> Arc<dyn azure_core::http::HttpClient> {
        Arc::new(in_process::InProcessClient::new(Arc::clone(&self.world), self.stop.clone()))
    }

    /// The requests so far.
    pub fn stats(&self) -> StatsSnapshot {
        self.world.stats.snapshot()
    }

    /// A digest of a blob's content, equal for equal content however it was copied or cut into blocks, made without
    /// producing synthetic bytes; `None` where there is no such blob, or it is stored outside.
    pub fn fingerprint(&self, account: &str, container: &str, blob: &str) -> Option<[u8; 32]> {
        match self.world.storage(account)?.as_ref() {
            storage::StorageAccount::Internal(account) => account.fingerprint(container, blob).ok(),
            storage::StorageAccount::External(_) => None,
        }
    }

    /// Deletes a blob as somebody else would, without a request; `false` where there is no such blob, or it is stored outside.
    #[must_use]
    pub fn delete_blob(&self, account: &str, container: &str, blob: &str) -> bool {
        match self.world.storage(account).map(AsRef::as_ref) {
            Some(storage::StorageAccount::Internal(account)) => account.delete_blob(container, blob).is_ok(),
            Some(storage::StorageAccount::External(_)) | None => false,
        }
    }

    /// A region's media account in the hands of its operator: edits and looks without a request.
    ///
    /// # Panics
    /// When there is no such region.
    pub fn operator(&self, region: usize) -> Operator<'_> {
        assert!(region < self.world.regions.len(), "there is no region {region}");
        Operator::new(&self.world, region)
    }

    /// What plays: guid of every streaming locator of a region -> what the streaming host would answer now for what it
    /// publishes. No request is counted.
    ///
    /// # Panics
    /// When there is no such region.
    pub async fn plays(&self, region: usize) -> BTreeMap<String, Played> {
        assert!(region < self.world.regions.len(), "there is no region {region}");
        streaming::plays::plays(&self.world, region).await
    }

    /// Puts another fault plan in force, from its beginning; an empty one ends all faults.
    pub fn set_faults(&self, plan: &FaultPlan) -> Result<(), SettingsError> {
        plan.check()?;
        self.world.set_faults(plan);
        Ok(())
    }

    /// Gives a storage account other limits from now on; `false` where there is no such account here.
    #[must_use]
    pub fn set_limits(&self, account: &str, limits: &settings::BlobLimits) -> bool {
        match self.world.storage(account).map(AsRef::as_ref) {
            Some(storage::StorageAccount::Internal(account)) => {
                account.set_limits(limits);
                true
            }
            Some(storage::StorageAccount::External(_)) | None => false,
        }
    }

    /// How often each rule of the fault plan has struck since it was put in force.
    pub fn fault_strikes(&self) -> Vec<u64> {
        self.world.faults.strikes()
    }

    /// Counts from zero again.
    pub fn reset_stats(&self) {
        self.world.stats.reset();
    }

    /// Accepts nothing more and waits, for a bounded time, for the answers under way.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            // The server ends by itself within its grace period; an error here is its panic, reported already.
            let _ = server.await;
        }
    }
}

impl Drop for EmulatorHandle {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests;
