//! Creates the clients of both accounts from a configuration.

mod viewer;

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_core::http::HttpClient;

use crate::blob::{Access, BlobAccount};
use crate::call::Caller;
use crate::config::{
    AccountConfig, AuthConfig, BlobsConfig, Config, ConfigError, ServiceConfig, SignIn, StorageCredential,
};
use crate::error::{Error, Failure};
use crate::identity::Tokens;
use crate::library::Library;
use crate::library::ams_v2::AmsV2;
use crate::library::authoring::Authoring;
use crate::library::blobs::Blobs;
use crate::memory::Memory;
use crate::model::{AccountName, Archived, Asset, Plane, Selection, Side};
use crate::retry::RetryPolicy;
use crate::throttle::{Lane, LaneLimits, Rates};
use crate::transport::{AllowedHosts, guarded, guarded_for_viewers};
pub use viewer::{Viewer, ViewerAnswer, ViewerRequest};

/// The number of viewer requests at once to each side. A browser has six connections to a host.
const VIEWERS: usize = 16;

/// The audience of the tokens for storage accounts.
const STORAGE: &str = "https://storage.azure.com";

/// One side of the mirror.
#[derive(Debug)]
pub struct Endpoint {
    /// The media account.
    pub library: Arc<dyn Library>,
    /// The same account, for the operations that a mirror does not need: jobs, single locators, policies. `None`: it
    /// does not support them.
    pub authoring: Option<Arc<dyn Authoring>>,
    /// Its storage accounts. The first one has the assets whose storage account the media account does not report.
    pub storage: Vec<Arc<BlobAccount>>,
    /// All lanes of this side, for statistics.
    pub lanes: Vec<Arc<Lane>>,
    /// Asynchronous copies that may be pending at once in each storage account.
    pub pending_copies: usize,
    /// Scheme and host for streaming URLs, if configured.
    pub streaming_url: Option<url::Url>,
    /// The URLs of its storage accounts, in their order.
    pub storage_urls: Vec<url::Url>,
    /// The network for viewer requests, without credentials.
    pub viewer: Viewer,
    /// Which side it is.
    pub side: Side,
}

impl Endpoint {
    /// The account, for the operations on single assets.
    ///
    /// # Errors
    /// It is a storage account, which has neither jobs nor locators.
    pub fn authoring(&self) -> Result<&dyn Authoring, Error> {
        self.authoring.as_deref().ok_or_else(|| {
            let subject = format!("account {}", self.library.account());
            Error::input(
                subject,
                "it is a storage account; this command needs a media account",
                "use the tools of its vendor",
            )
        })
    }

    /// The storage account of that name; `None` = the first one.
    pub fn blobs(&self, account: Option<&AccountName>) -> Option<&Arc<BlobAccount>> {
        match account {
            None => self.storage.first(),
            Some(name) => self.storage.iter().find(|storage| storage.name() == name),
        }
    }

    /// Requests the head of that URL from the host of `streaming_url`. Any status is an answer.
    ///
    /// # Errors
    /// No answer: the name is unknown, the connection or TLS fails, or the time is over. The URL is of another host.
    pub async fn ask_as_viewer(&self, url: &url::Url) -> Result<u16, Failure> {
        self.viewer.head(url).await
    }

    /// The media account's default storage account, which stores the state, at any position in the configuration. If
    /// several are configured, the media account is asked; if its API does not report it (below 2.2), the first one is
    /// used.
    ///
    /// # Errors
    /// It is not configured, or the media account does not answer.
    pub async fn default_storage(&self) -> Result<&Arc<BlobAccount>, Error> {
        if let [only] = &self.storage[..] {
            return Ok(only);
        }
        let name = self.library.default_storage().await?;
        self.blobs(name.as_ref()).ok_or_else(|| {
            let (side, media, name) =
                (self.side, self.library.account(), name.as_ref().map_or("", AccountName::as_str));
            let problem = format!("the default storage account {name} of media account {media} is not configured");
            let place = format!("[[{side}.storage]]");
            ConfigError { place, problem, remedy: "add it: it keeps the lock and the state".to_owned(), excerpt: None }
                .into()
        })
    }
}

/// A source and a target.
#[derive(Debug)]
pub struct Pair {
    /// Read only.
    pub source: Endpoint,
    /// Written.
    pub target: Endpoint,
    /// Source storage account -> target storage account in which the copies of its assets are created.
    pub storage_map: BTreeMap<AccountName, AccountName>,
}

impl Pair {
    /// The target storage account in which the copy of that asset is created; `None`: the media account's default one.
    pub fn storage_for(&self, asset: &Asset) -> Option<&AccountName> {
        let account =
            asset.storage_account.as_ref().or_else(|| self.source.storage.first().map(|first| first.name()))?;
        self.storage_map.get(account)
    }
}

/// Creates the clients of both accounts. Sends no requests.
///
/// `client` is the network, or an emulator in the same process. Each side gets a separate allow-list and separate
/// lanes.
///
/// # Errors
/// A storage key is invalid.
pub fn connect(config: &Config, client: Arc<dyn HttpClient>) -> Result<Pair, Error> {
    let memory = Memory::default();
    // Blobs that are archived only on the target do not play there, and are reported.
    let of_the_target = Selection { archived: Archived::Report, ..config.blobs.selection.clone() };
    let of_the_target = BlobsConfig { selection: of_the_target, split: config.blobs.split.clone() };
    Ok(Pair {
        source: endpoint(&config.source, &config.blobs, (Arc::clone(&client), &memory), Side::Source)?,
        target: endpoint(&config.target, &of_the_target, (client, &memory), Side::Target)?,
        storage_map: config.storage_map.clone(),
    })
}

fn endpoint(
    account: &AccountConfig,
    blobs: &BlobsConfig,
    (client, memory): (Arc<dyn HttpClient>, &Memory),
    side: Side,
) -> Result<Endpoint, Error> {
    let (hosts, streaming) = (AllowedHosts::default(), AllowedHosts::default());
    if let Some(url) = &account.streaming_url {
        streaming.allow(url);
    }
    if matches!(account.service, ServiceConfig::Blobs) {
        // Viewers read the blobs themselves.
        account.storage.iter().for_each(|settings| streaming.allow(&settings.endpoint));
    }
    let name = AccountName::new(&account.account);
    let viewer = {
        let client = guarded_for_viewers(Arc::clone(&client), streaming.clone());
        let limits = LaneLimits { in_flight: account.limits.blob.in_flight.min(VIEWERS), ..account.limits.blob };
        let rates = Rates::timed(limits, account.limits.blob_timetables.clone());
        Viewer::new(client, streaming, caller(&Lane::sharing(name.clone(), Plane::Viewer, limits.in_flight, rates)))
    };
    let client = guarded(client, hosts.clone(), memory);
    let media = account.limits.media;
    let rates = Rates::timed(media, account.limits.media_timetables.clone());
    let mut lanes = vec![Lane::sharing(name.clone(), Plane::Media, media.in_flight, rates)];
    let mut sign_ins = SignIns { client: Arc::clone(&client), hosts: hosts.clone(), known: Vec::new() };
    let mut storage = Vec::with_capacity(account.storage.len());
    for settings in &account.storage {
        hosts.allow(&settings.endpoint);
        let name = AccountName::new(&settings.account);
        let (slots, rates) =
            (account.limits.blob.in_flight, Rates::timed(account.limits.blob, account.limits.blob_timetables.clone()));
        let read = Lane::sharing(name.clone(), Plane::BlobRead, slots, Arc::clone(&rates));
        let write = Lane::sharing(name.clone(), Plane::BlobWrite, slots, rates);
        let access = sign_ins.access(&settings.credential, &name);
        let endpoint = settings.endpoint.clone();
        let client = (Arc::clone(&client), memory.clone());
        let account = BlobAccount::new(name, endpoint, access, client, caller(&read), caller(&write))?;
        storage.push(Arc::new(account.with_selection(blobs.selection.clone())));
        lanes.extend([read, write]);
    }
    let (library, authoring): (Arc<dyn Library>, Option<Arc<dyn Authoring>>) = match &account.service {
        ServiceConfig::AmsV2(settings) => {
            let default = storage.first().map(|account| account.name().clone());
            let media = Arc::new(AmsV2::new(name, default, settings, client, hosts, caller(&lanes[0])));
            (Arc::<AmsV2>::clone(&media), Some(media))
        }
        ServiceConfig::Blobs => (Arc::new(Blobs::new(Arc::clone(&storage[0]), blobs.split.clone())), None),
    };
    Ok(Endpoint {
        library,
        authoring,
        storage,
        lanes,
        side,
        pending_copies: account.limits.pending_copies,
        streaming_url: account.streaming_url.clone(),
        storage_urls: account.storage.iter().map(|settings| settings.endpoint.clone()).collect(),
        viewer,
    })
}

/// The principals of one side's storage accounts, each with separate tokens.
struct SignIns {
    client: Arc<dyn HttpClient>,
    hosts: AllowedHosts,
    known: Vec<(SignIn, Arc<Tokens>)>,
}

impl SignIns {
    /// The access to an account. Accounts with the same principal share its tokens.
    fn access(&mut self, credential: &StorageCredential, account: &AccountName) -> Access {
        let sign_in = match credential {
            StorageCredential::Key(key) => return Access::Key(key.clone()),
            StorageCredential::Sas(sas) => return Access::Sas(sas.clone()),
            StorageCredential::SignIn(sign_in) => sign_in,
        };
        if let Some((_, tokens)) = self.known.iter().find(|(known, _)| known == sign_in) {
            return Access::Tokens(Arc::clone(tokens));
        }
        let lane = Lane::new(account.clone(), Plane::SignIn, LaneLimits::default());
        let auth = AuthConfig::Entra { sign_in: sign_in.clone(), resource: STORAGE.to_owned() };
        let tokens = Arc::new(Tokens::new(auth, Arc::clone(&self.client), &self.hosts, caller(&lane)));
        self.known.push((sign_in.clone(), Arc::clone(&tokens)));
        Access::Tokens(tokens)
    }
}

fn caller(lane: &Arc<Lane>) -> Caller {
    Caller::new(Arc::clone(lane), RetryPolicy::default())
}
