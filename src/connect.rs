//! From a configuration to two accounts that can be talked to.

use std::sync::Arc;

use azure_core::http::HttpClient;

use crate::blob::BlobAccount;
use crate::config::Config;
use crate::error::Error;
use crate::media::MediaService;
use crate::model::AccountName;
use crate::throttle::Lane;

/// One side of the mirror.
#[derive(Debug)]
pub struct Endpoint {
    /// The media account.
    pub media: Arc<dyn MediaService>,
    /// Its storage accounts; the first is the default one.
    pub storage: Vec<Arc<BlobAccount>>,
    /// All lanes of this side, for statistics.
    pub lanes: Vec<Arc<Lane>>,
    /// Asynchronous copies that may be pending at once in each storage account.
    pub pending_copies: usize,
    /// Scheme and host to show streaming URLs with, where configured.
    pub streaming_url: Option<url::Url>,
}

impl Endpoint {
    /// The storage account of that name; `None` = the default one.
    pub fn blobs(&self, account: Option<&AccountName>) -> Option<&Arc<BlobAccount>> {
        match account {
            None => self.storage.first(),
            Some(name) => self.storage.iter().find(|storage| storage.name() == name),
        }
    }
}

/// A source and a target.
#[derive(Debug)]
pub struct Pair {
    /// Read only.
    pub source: Endpoint,
    /// Written.
    pub target: Endpoint,
}

/// Makes the clients of both accounts. Nothing is sent yet.
///
/// `client` is the network, or an emulator in the same process.
pub fn connect(_config: &Config, _client: Arc<dyn HttpClient>) -> Result<Pair, Error> {
    todo!("integration")
}
