//! Which operation a request is, and which permission it needs.

use axum::http::Method;

use super::ask::Ask;
use super::missing_features::{self, SNAPSHOTS};
use super::refusal::Refusal;

/// Declares the operations with the names the statistics use.
macro_rules! operations {
    ($($name:ident),* $(,)?) => {
        /// An operation of the blob service.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Operation { $($name),* }

        impl Operation {
            /// The API's name of it.
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

operations!(
    ListContainers,
    GetAccountInformation,
    GetUserDelegationKey,
    GetBlobServiceProperties,
    SetBlobServiceProperties,
    CreateContainer,
    DeleteContainer,
    GetContainerProperties,
    SetContainerMetadata,
    GetContainerAcl,
    SetContainerAcl,
    ListBlobs,
    PutBlob,
    PutBlobFromUrl,
    PutBlock,
    PutBlockFromUrl,
    PutBlockList,
    GetBlockList,
    AppendBlock,
    AppendBlobSeal,
    PutPage,
    GetBlob,
    GetBlobProperties,
    SetBlobProperties,
    SetBlobMetadata,
    SetBlobTags,
    GetBlobTags,
    SetBlobTier,
    DeleteBlob,
    LeaseBlob,
    LeaseContainer,
    CopyBlob,
    CopyFromUrl,
    AbortCopy,
    Unknown,
);

/// The level of an account's tree an operation works on, with the letter account signatures have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Service,
    Container,
    Blob,
}

impl Level {
    pub(super) fn letter(self) -> char {
        match self {
            Self::Service => 's',
            Self::Container => 'c',
            Self::Blob => 'o',
        }
    }
}

impl Operation {
    /// Determines the operation from method, URL and headers.
    pub(super) fn of(ask: &Ask<'_>) -> Result<Self, Refusal> {
        let comp = ask.query("comp").unwrap_or_default().to_ascii_lowercase();
        if ask.target.query.is("restype", "account")
            && comp == "properties"
            && matches!(*ask.method, Method::GET | Method::HEAD)
        {
            return Ok(Self::GetAccountInformation);
        }
        if ask.target.blob.is_some() {
            return Self::on_blob(ask, &comp);
        }
        if ask.target.container.is_none() && ask.target.query.is("restype", "service") && comp == "properties" {
            match *ask.method {
                Method::GET => return Ok(Self::GetBlobServiceProperties),
                Method::PUT => return Ok(Self::SetBlobServiceProperties),
                _ => {}
            }
        }
        let on_container = ask.target.container.is_some() && ask.target.query.is("restype", "container");
        Ok(match (ask.method, comp.as_str()) {
            (&Method::GET, "list") if ask.target.container.is_none() => Self::ListContainers,
            (&Method::POST, "userdelegationkey") if ask.target.container.is_none() => Self::GetUserDelegationKey,
            (&Method::GET, "list") if on_container => Self::ListBlobs,
            (&Method::GET | &Method::HEAD, "" | "metadata") if on_container => Self::GetContainerProperties,
            (&Method::GET | &Method::HEAD, "acl") if on_container => Self::GetContainerAcl,
            (&Method::PUT, "") if on_container => Self::CreateContainer,
            (&Method::PUT, "metadata") if on_container => Self::SetContainerMetadata,
            (&Method::PUT, "acl") if on_container => Self::SetContainerAcl,
            (&Method::PUT, "lease") if on_container => Self::LeaseContainer,
            (&Method::DELETE, "") if on_container => Self::DeleteContainer,
            _ => return Err(missing_features::operation(ask, &comp)),
        })
    }

    fn on_blob(ask: &Ask<'_>, comp: &str) -> Result<Self, Refusal> {
        if ask.query("snapshot").is_some() || ask.query("versionid").is_some() {
            return Err(Refusal::not_implemented(SNAPSHOTS));
        }
        let from_url = ask.headers.contains_key("x-ms-copy-source");
        Ok(match (ask.method, comp) {
            (&Method::GET, "" | "metadata") => Self::GetBlob,
            (&Method::HEAD, "" | "metadata") => Self::GetBlobProperties,
            (&Method::DELETE, "") => Self::DeleteBlob,
            (&Method::PUT, "") => return Self::written(ask, from_url),
            (&Method::PUT, "block") if from_url => Self::PutBlockFromUrl,
            (&Method::PUT, "block") => Self::PutBlock,
            (&Method::PUT, "blocklist") => Self::PutBlockList,
            (&Method::PUT, "appendblock") => Self::AppendBlock,
            (&Method::PUT, "seal") => Self::AppendBlobSeal,
            (&Method::PUT, "page") => Self::PutPage,
            (&Method::GET, "blocklist") => Self::GetBlockList,
            (&Method::PUT, "properties") => Self::SetBlobProperties,
            (&Method::PUT, "metadata") => Self::SetBlobMetadata,
            (&Method::PUT, "tags") => Self::SetBlobTags,
            (&Method::GET, "tags") => Self::GetBlobTags,
            (&Method::PUT, "tier") => Self::SetBlobTier,
            (&Method::PUT, "copy") => Self::AbortCopy,
            (&Method::PUT, "lease") => Self::LeaseBlob,
            _ => return Err(missing_features::operation(ask, comp)),
        })
    }

    fn written(ask: &Ask<'_>, from_url: bool) -> Result<Self, Refusal> {
        match (ask.header("x-ms-blob-type"), from_url) {
            (Some("BlockBlob"), true) => Ok(Self::PutBlobFromUrl),
            (Some("BlockBlob" | "AppendBlob" | "PageBlob"), false) => Ok(Self::PutBlob),
            (Some(_), _) => Err(Refusal::header("x-ms-blob-type")),
            (None, true) if ask.header("x-ms-requires-sync").is_some_and(|sync| sync.eq_ignore_ascii_case("true")) => {
                Ok(Self::CopyFromUrl)
            }
            (None, true) => Ok(Self::CopyBlob),
            (None, false) => Err(Refusal::missing_header("x-ms-blob-type")),
        }
    }

    /// The level on which it works.
    pub(super) fn level(self) -> Level {
        match self {
            Self::ListContainers
            | Self::GetUserDelegationKey
            | Self::GetAccountInformation
            | Self::GetBlobServiceProperties
            | Self::SetBlobServiceProperties => Level::Service,
            Self::CreateContainer
            | Self::DeleteContainer
            | Self::GetContainerProperties
            | Self::SetContainerMetadata
            | Self::GetContainerAcl
            | Self::SetContainerAcl
            | Self::LeaseContainer
            | Self::ListBlobs => Level::Container,
            _ => Level::Blob,
        }
    }

    /// The permission letters of which a signature must have one; `None` = no signature allows it.
    pub(super) fn permissions(self) -> Option<&'static str> {
        match self {
            Self::ListContainers | Self::ListBlobs => Some("l"),
            Self::GetAccountInformation => Some("racwdxltmeop"),
            Self::GetContainerProperties
            | Self::GetBlob
            | Self::GetBlobProperties
            | Self::GetBlockList
            | Self::GetBlobServiceProperties => Some("r"),
            Self::CreateContainer
            | Self::PutBlob
            | Self::PutBlobFromUrl
            | Self::PutBlock
            | Self::PutBlockFromUrl
            | Self::CopyBlob
            | Self::CopyFromUrl => Some("cw"),
            Self::AppendBlock => Some("aw"),
            Self::SetContainerMetadata
            | Self::SetBlobServiceProperties
            | Self::PutBlockList
            | Self::AppendBlobSeal
            | Self::PutPage
            | Self::SetBlobProperties
            | Self::SetBlobMetadata
            | Self::SetBlobTier
            | Self::AbortCopy => Some("w"),
            Self::DeleteContainer | Self::DeleteBlob => Some("d"),
            Self::LeaseBlob | Self::LeaseContainer => Some("wd"),
            Self::SetBlobTags | Self::GetBlobTags => Some("t"),
            Self::GetUserDelegationKey | Self::GetContainerAcl | Self::SetContainerAcl | Self::Unknown => None,
        }
    }
}
