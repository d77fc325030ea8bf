//! A storage account, and what a copy reads from it.

use std::fmt;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use azure_core::http::{ClientOptions, HttpClient, RetryOptions, Transport};
use azure_storage_blob::{BlobClient, BlobServiceClient, BlobServiceClientOptions};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::{Position, Url};

use super::caller::AccountCaller;
use super::delegation::{Delegation, KeySource};
use super::namespace::NamespaceKnown;
use super::sas::{Reading, SasMint, SharedAccess, SignedUrl};
use super::signer::{Access, Credential, Signer};
use super::tag_access::TagsKnown;
use crate::call::Caller;
use crate::config::ConfigError;
use crate::error::Error;
use crate::memory::Memory;
use crate::model::{AccountName, Blob, BlobRef, ContainerName, Selection};
use crate::throttle::Lane;
use crate::verdict::Cause;

/// The service refuses a longer source URL, including its signature.
const SOURCE_URL_LIMIT: usize = 2 << 10;

/// Capacity for a source URL without its signature; longer names reallocate.
const USUAL_URL: usize = 256;

/// What the URL standard encodes in one segment of a path, including the slash and the backslash, which would end the
/// segment.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// A storage account.
pub struct BlobAccount {
    pub(super) name: AccountName,
    /// Root of the account, without trailing slash unless it is the host's root.
    pub(super) endpoint: Url,
    pub(super) mint: Arc<SasMint>,
    pub(super) service: BlobServiceClient,
    /// The transport of the library's clients, also used for requests that we write ourselves.
    pub(super) transport: Arc<dyn HttpClient>,
    /// The limits that the answers of both sides share.
    memory: Memory,
    pub(super) signer: Arc<Signer>,
    /// `x-ms-version` of all requests.
    pub(super) version: String,
    pub(super) read: Arc<AccountCaller>,
    pub(super) write: AccountCaller,
    /// What is known about index tags of the account.
    pub(super) tags: TagsKnown,
    /// The account refused an access tier.
    pub(super) without_tiers: AtomicBool,
    /// The service does not implement Put Blob From URL.
    pub(super) without_put_from_url: AtomicBool,
    /// The service does not list ranges of names.
    pub(super) without_ranges: AtomicBool,
    /// Which of its blobs belong to the library.
    pub(super) selection: Selection,
    /// Whether the account has a hierarchical namespace.
    pub(super) namespace: NamespaceKnown,
}

impl fmt::Debug for BlobAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobAccount")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

/// What a copy reads: a signed URL and the state the source must still be in.
#[derive(Debug, Clone)]
pub struct CopySource<'a> {
    /// The source blob's URL with a read-only SAS.
    pub url: SignedUrl,
    /// The blob as listed: its entity tag is the condition of the copy, its properties are sent with the copy.
    pub blob: &'a Blob,
    /// The lane to slow when the source is throttled.
    pub lane: Arc<Lane>,
    /// The source's container.
    pub(super) container: &'a ContainerName,
    /// Signs the URL again if necessary.
    pub(super) mint: Arc<SasMint>,
}

/// What a finished copy left at the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The destination's entity tag.
    pub etag: Option<String>,
}

impl BlobAccount {
    /// An account: its transport, whose answers share the limit of `memory`, its credential, and the lanes of reads and
    /// writes.
    ///
    /// # Errors
    /// The key or the endpoint cannot be used.
    pub fn new(
        name: AccountName,
        endpoint: Url,
        access: Access,
        (transport, memory): (Arc<dyn HttpClient>, Memory),
        read: Caller,
        write: Caller,
    ) -> Result<Self, Error> {
        let credential = Credential::new(name.clone(), access)?;
        let (read, write) = (Arc::new(AccountCaller::new(read, &credential)), AccountCaller::new(write, &credential));
        let mut endpoint = endpoint;
        endpoint.set_query(None);
        if let Ok(mut segments) = endpoint.path_segments_mut() {
            segments.pop_if_empty();
        }
        let signer = Arc::new(Signer { account: name.clone(), credential: credential.clone() });
        let client_options = ClientOptions {
            per_try_policies: vec![Arc::<Signer>::clone(&signer)],
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::clone(&transport))),
            ..ClientOptions::default()
        };
        let options = BlobServiceClientOptions { client_options, ..BlobServiceClientOptions::default() };
        let version = options.version.clone();
        let tags = TagsKnown::at_first(&signer.credential);
        let service = BlobServiceClient::new(endpoint.clone(), None, Some(options)).map_err(|_| ConfigError {
            place: format!("endpoint of storage account {name}"),
            problem: format!("{endpoint} cannot be the root of an account"),
            remedy: "write it like `https://<account>.blob.core.windows.net`".to_owned(),
            excerpt: None,
        })?;
        let reading = match credential {
            Credential::Key(key) => Reading::Key(key),
            Credential::Sas(sas) => Reading::Sas(sas),
            Credential::Tokens(_) => Reading::Delegation(
                name.clone(),
                Delegation::new(KeySource {
                    account: name.clone(),
                    endpoint: endpoint.clone(),
                    transport: Arc::clone(&transport),
                    signer: Arc::clone(&signer),
                    version: version.clone(),
                    read: Arc::clone(&read),
                }),
            ),
        };
        let mint = Arc::new(SasMint::new(reading, endpoint.scheme() == "https"));
        Ok(Self {
            name,
            endpoint,
            mint,
            service,
            transport,
            memory,
            signer,
            version,
            read,
            write,
            tags,
            namespace: NamespaceKnown::default(),
            without_tiers: AtomicBool::new(false),
            without_put_from_url: AtomicBool::new(false),
            without_ranges: AtomicBool::new(false),
            selection: Selection::default(),
        })
    }

    /// Limits the account to the blobs that belong to the library.
    #[must_use]
    pub fn with_selection(self, selection: Selection) -> Self {
        Self { selection, ..self }
    }

    /// The memory limits that its answers share with those of other accounts.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Its name.
    pub fn name(&self) -> &AccountName {
        &self.name
    }

    /// The terms of the shared access signature with which we sign in; `None`: we use the account's key or a token.
    pub fn shared_access(&self) -> Option<SharedAccess> {
        match &self.signer.credential {
            Credential::Key(_) | Credential::Tokens(_) => None,
            Credential::Sas(sas) => Some(SharedAccess::read(sas.expose())),
        }
    }

    /// Do we sign in as a principal of Entra ID?
    pub fn signs_in(&self) -> bool {
        self.signer.credential.tokens().is_some()
    }

    /// Its lane of copies and other writes.
    pub(crate) fn writes(&self) -> &Arc<Lane> {
        self.write.lane()
    }

    /// What a copy of that blob reads. The container's read-only SAS is minted once and renewed before it ends.
    pub async fn copy_source<'a>(&self, container: &'a ContainerName, blob: &'a Blob) -> Result<CopySource<'a>, Error> {
        let subject = || format!("{container}/{}", blob.name);
        addressable(&blob.name).map_err(|reason| Error::found(subject(), Cause::NameNotUsable, reason))?;
        // Slashes stay as they are: `%2F` would need three characters of the limit.
        let url = self.text_of(iter::once(container.as_str()).chain(blob.name.split('/')));
        let url = self.mint.signed(container, &url).await?;
        let length = url.expose().len();
        if length > SOURCE_URL_LIMIT {
            let reason = format!("its signed URL has {length} characters; a copy's source may have {SOURCE_URL_LIMIT}");
            return Err(Error::found(subject(), Cause::NameNotUsable, reason));
        }
        Ok(CopySource { url, blob, lane: Arc::clone(self.read.lane()), container, mint: Arc::clone(&self.mint) })
    }

    /// The container's URL.
    pub(super) fn container_url(&self, container: &ContainerName) -> Url {
        self.url_of([container.as_str()])
    }

    /// A blob's URL, with encoded slashes, as the library writes it.
    pub(super) fn blob_url(&self, blob: &BlobRef) -> Result<Url, Error> {
        addressable(&blob.name).map_err(|reason| Error::found(blob.to_string(), Cause::NameNotUsable, reason))?;
        Ok(self.url_of([blob.container.as_str(), &blob.name]))
    }

    /// The URL of that path below the account's root.
    pub(super) fn url_of<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }

    /// The same as text.
    pub(super) fn text_of<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> String {
        let root = self.endpoint[..Position::AfterPath].trim_end_matches('/');
        let mut text = String::with_capacity(USUAL_URL);
        text.push_str(root);
        for segment in path {
            text.push('/');
            text.extend(utf8_percent_encode(segment, SEGMENT));
        }
        text
    }

    /// The library's client of a blob.
    pub(super) fn blob_client(&self, blob: &BlobRef) -> Result<BlobClient, Error> {
        addressable(&blob.name).map_err(|reason| Error::found(blob.to_string(), Cause::NameNotUsable, reason))?;
        Ok(self.service.blob_client(blob.container.as_str(), &blob.name))
    }
}

impl CopySource<'_> {
    /// The URL with a signature minted just now.
    pub(super) async fn resigned(&self) -> Result<SignedUrl, Error> {
        self.mint.renew(self.container);
        self.mint.signed(self.container, self.url.unsigned()).await
    }
}

/// Checks that a URL can contain the name: clients and proxies resolve a segment `.` or `..`.
fn addressable(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a blob without a name has no URL".to_owned());
    }
    if name.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err("a name with a segment `.` or `..` has no URL of its own".to_owned());
    }
    if name.contains(['\t', '\n', '\r']) {
        return Err("a name with a tab or a line break has no URL: parsers drop them".to_owned());
    }
    Ok(())
}
