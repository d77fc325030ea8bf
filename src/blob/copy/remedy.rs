//! Classifies refused copies, and applies the two remedies available here: sign the source's URL again, and use the
//! account's default tier.

use std::sync::atomic::Ordering;

use azure_storage_blob::models::AccessTier;

use super::super::account::{BlobAccount, CopySource};
use super::super::arriving::tier_of;
use super::super::properties::refused_with;
use super::super::sas::SignedUrl;
use super::super::tag_access::TagAccess;
use crate::call::Call;
use crate::error::{CallError, Error, Failure};
use crate::failure::copy_refusal;
use crate::model::BlobRef;
use crate::retry::Idempotency;
use crate::verdict::Cause;

/// Codes with which an account refuses a tier.
const TIER_REFUSALS: &[&str] = &["InvalidBlobTier", "UnsupportedHeader", "BlobAccessTierNotSupportedForAccountType"];
/// Codes for a failed condition. Copies set conditions only on their source.
const CHANGED: &[&str] = &["SourceConditionNotMet", "ConditionNotMet"];
/// The code with which the target reports that it could not read the source. It does not state the reason.
const UNREADABLE: &[&str] = &["CannotVerifyCopySource"];
/// Codes of status 409 that are about one blob and are handled elsewhere.
const OF_BLOB: &[&str] = &["BlobIsSealed", "InvalidBlobType", "PendingCopyOperation"];
/// The code of an account that has no index tags.
const NO_TAGS: &str = "FeatureNotYetSupportedForHierarchicalNamespaceAccounts";
/// The length of an MD5.
const MD5_BYTES: usize = 16;

/// The settings of a copy, with the changes so far.
pub(super) struct Plan<'a> {
    pub(super) from: &'a CopySource<'a>,
    pub(super) tier: Option<AccessTier>,
    resigned: Option<SignedUrl>,
    /// Are the blob's index tags sent along? Another copy may have been refused because of them meanwhile.
    tags: bool,
}

/// A copy's call.
pub(super) fn copy_call<'a>(
    operation: &'static str,
    subject: &'a BlobRef,
    from: &'a CopySource<'a>,
    bytes: u64,
) -> Call<'a, BlobRef> {
    // A repeated copy results in the same state; a Copy Blob that was started twice is adopted.
    let idempotency = Idempotency::Repeatable;
    Call { operation, attempted: "copy blob", subject, idempotency, bytes, source: Some(&from.lane) }
}

impl Plan<'_> {
    /// The signed URL, for a header.
    pub(super) fn source_url(&self) -> String {
        self.resigned.as_ref().unwrap_or(&self.from.url).expose().to_owned()
    }
}

impl CopySource<'_> {
    /// The blob's name in messages.
    pub(in crate::blob) fn subject(&self) -> String {
        format!("{}/{}", self.container, self.blob.name)
    }
}

impl BlobAccount {
    /// The plan of the first attempt.
    pub(super) fn plan<'a>(&self, from: &'a CopySource<'a>) -> Plan<'a> {
        let tiers = !self.without_tiers.load(Ordering::Relaxed);
        let tier = tier_of(from.blob.tier.as_deref()).filter(|_| tiers);
        let tags = self.tags_header(&from.blob.properties).is_some();
        Plan { from, tier, resigned: None, tags }
    }

    /// Changes the plan if a retry can succeed; otherwise returns the error with its cause.
    pub(super) async fn remedy(&self, to: &BlobRef, error: CallError, plan: &mut Plan<'_>) -> Result<(), Error> {
        if plan.tier.is_some() && refused_with(&error, TIER_REFUSALS) {
            if !self.without_tiers.swap(true, Ordering::Relaxed) {
                tracing::warn!(account = %self.name, "takes no access tiers; blobs get the account's default");
            }
            plan.tier = None;
            return Ok(());
        }
        if let Some(access) = self.refused_tags(&error).filter(|_| plan.tags) {
            self.note_tag_access(access);
            plan.tags = false;
            return Ok(());
        }
        if plan.resigned.is_none() && source_status(&error).is_some_and(|status| matches!(status, 401 | 403)) {
            plan.resigned = Some(plan.from.resigned().await?);
            return Ok(());
        }
        Err(match meaning(error, plan.from) {
            Error::Call(error) => self.refused_write(to, error).await,
            error => error,
        })
    }

    /// The error of a write that the target refused with a code of no known cause. The code for a destination of object
    /// replication is not documented, but a blob that replication wrote has a header that shows it.
    pub(in crate::blob) async fn refused_write(&self, to: &BlobRef, error: CallError) -> Error {
        let unknown = error.failure.status() == Some(409) && !refused_with(&error, OF_BLOB);
        if unknown && matches!(self.head(to).await, Ok(Some(head)) if head.replicated) {
            return refused(error.subject.clone(), Cause::TargetNotWritable, error);
        }
        error.into()
    }

    /// Is the refusal possibly about index tags? Some accounts have none, and a principal needs a separate role to
    /// write them. From then on, no tags are sent. If the reason was another one, the next attempt is refused as well.
    fn refused_tags(&self, error: &CallError) -> Option<TagAccess> {
        match error.failure.code()? {
            _ if source_status(error).is_some() => None,
            "AuthorizationPermissionMismatch" if self.signs_in() => Some(TagAccess::Refused),
            NO_TAGS => Some(TagAccess::NotOffered),
            _ => None,
        }
    }
}

/// The source's status, if the target reports that it could not read the source.
fn source_status(error: &CallError) -> Option<u16> {
    match &error.failure {
        Failure::Refused { source_refusal: Some(source), .. } => Some(source.status),
        Failure::Refused { status, .. } if refused_with(error, UNREADABLE) => Some(*status),
        _ => None,
    }
}

/// The cause of a refusal in the source or the target.
fn meaning(error: CallError, from: &CopySource<'_>) -> Error {
    let subject = from.subject();
    let (source_code, said) = match &error.failure {
        Failure::Refused { source_refusal, message, .. } => {
            (source_refusal.as_ref().and_then(|source| source.code.as_deref()), message.as_str())
        }
        _ => (None, ""),
    };
    // The service has no code for this case.
    let modified = error.failure.status() == Some(409) && said.contains("has been modified");
    let source = source_status(&error);
    if let Some(cause) = source.and_then(|status| copy_refusal::of_source(status, source_code)) {
        return refused(subject, cause, error);
    }
    match source {
        Some(412) => Error::found(subject, Cause::SourceChanging, ""),
        _ if modified || refused_with(&error, CHANGED) => Error::found(subject, Cause::SourceChanging, ""),
        Some(404) => Error::found(subject, Cause::SourceVanished, ""),
        // A copy does not need an existing destination, so the missing blob is the source.
        _ if refused_with(&error, &["BlobNotFound"]) => Error::found(subject, Cause::SourceVanished, ""),
        _ => match target_refusal(&error) {
            // Without an answer from the source, either blob may be archived; an archived target blob cannot be
            // overwritten.
            Some(Cause::ArchivedInTarget) if from.blob.tier.as_deref() == Some("Archive") => {
                refused(subject, Cause::ArchivedInSource, error)
            }
            Some(cause @ (Cause::CustomerKey | Cause::WrongChecksum)) => refused(subject, cause, error),
            Some(cause) => refused(error.subject.clone(), cause, error),
            None => error.into(),
        },
    }
}

fn refused(subject: String, cause: Cause, error: CallError) -> Error {
    Error::Copy { subject, cause, failure: Some(error.failure) }
}

/// Why the target refuses to overwrite a blob, if its answer has a code for that. No status means that another
/// program's blob is in the way.
pub(in crate::blob) fn target_refusal(error: &CallError) -> Option<Cause> {
    error.failure.code().and_then(copy_refusal::of_target)
}

/// Refuses a source whose stored MD5 does not have the length of an MD5: the services' own errors for it are unclear.
pub(super) fn check_md5(from: &CopySource<'_>) -> Result<(), Error> {
    match &from.blob.properties.content_md5 {
        Some(md5) if md5.len() != MD5_BYTES => {
            Err(Error::Copy { subject: from.subject(), cause: Cause::WrongChecksum, failure: None })
        }
        _ => Ok(()),
    }
}
