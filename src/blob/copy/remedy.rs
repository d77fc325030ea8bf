//! What a refused copy means, and the two things that can be done about it here: sign the source's URL anew, and leave the
//! tier to the account.

use std::sync::atomic::Ordering;

use azure_storage_blob::models::AccessTier;

use super::super::properties::refused_with;
use super::super::{BlobAccount, CopySource, SignedUrl};
use super::tier_of;
use crate::error::{CallError, Error, Failure};
use crate::failure::copy_refusal;
use crate::verdict::Cause;

/// Codes by which an account refuses a tier.
const TIER_REFUSALS: &[&str] = &["InvalidBlobTier", "UnsupportedHeader", "BlobAccessTierNotSupportedForAccountType"];
/// Codes by which a condition of ours is not met. Copies set conditions on their source only.
const CHANGED: &[&str] = &["SourceConditionNotMet", "ConditionNotMet"];
/// The code by which the target says that it could not read the source, for whatever reason.
const UNREADABLE: &[&str] = &["CannotVerifyCopySource"];
/// The length of an MD5.
const MD5_BYTES: usize = 16;

/// A copy and what was changed about it so far.
pub(super) struct Plan<'a> {
    pub(super) from: &'a CopySource<'a>,
    pub(super) tier: Option<AccessTier>,
    resigned: Option<SignedUrl>,
}

impl Plan<'_> {
    /// The signed URL, for a header.
    pub(super) fn source_url(&self) -> String {
        self.resigned.as_ref().unwrap_or(&self.from.url).expose().to_owned()
    }
}

impl CopySource<'_> {
    /// What messages call it.
    pub(in crate::blob) fn subject(&self) -> String {
        format!("{}/{}", self.container, self.blob.name)
    }
}

impl BlobAccount {
    /// A first plan.
    pub(super) fn plan<'a>(&self, from: &'a CopySource<'a>) -> Plan<'a> {
        let tiers = !self.without_tiers.load(Ordering::Relaxed);
        let tier = tier_of(from.blob.tier.as_deref()).filter(|_| tiers);
        Plan { from, tier, resigned: None }
    }

    /// Changes the plan so that another try is worth it, or tells what the error means.
    pub(super) fn remedy(&self, error: CallError, plan: &mut Plan<'_>) -> Result<(), Error> {
        if plan.tier.is_some() && refused_with(&error, TIER_REFUSALS) {
            if !self.without_tiers.swap(true, Ordering::Relaxed) {
                tracing::warn!(account = %self.name, "takes no access tiers; blobs get the account's default");
            }
            plan.tier = None;
            return Ok(());
        }
        if plan.resigned.is_none() && source_status(&error).is_some_and(|status| matches!(status, 401 | 403)) {
            plan.resigned = Some(plan.from.resigned());
            return Ok(());
        }
        Err(meaning(error, plan.from))
    }
}

/// The source's status, where the target says that it could not read the source.
fn source_status(error: &CallError) -> Option<u16> {
    match &error.failure {
        Failure::Refused { source_refusal: Some(source), .. } => Some(source.status),
        Failure::Refused { status, .. } if refused_with(error, UNREADABLE) => Some(*status),
        _ => None,
    }
}

/// What a refusal says about the source or the target.
fn meaning(error: CallError, from: &CopySource<'_>) -> Error {
    let subject = from.subject();
    let (source_code, said) = match &error.failure {
        Failure::Refused { source_refusal, message, .. } => {
            (source_refusal.as_ref().and_then(|source| source.code.as_deref()), message.as_str())
        }
        _ => (None, ""),
    };
    // The service has no code of its own for this one.
    let modified = error.failure.status() == Some(409) && said.contains("has been modified");
    let source = source_status(&error);
    if let Some(cause) = source.and_then(|status| copy_refusal::of_source(status, source_code)) {
        return refused(subject, cause, error);
    }
    match source {
        Some(412) => Error::found(subject, Cause::SourceChanging, ""),
        _ if modified || refused_with(&error, CHANGED) => Error::found(subject, Cause::SourceChanging, ""),
        Some(404) => Error::found(subject, Cause::SourceVanished, ""),
        // A copy does not need its destination to exist, so the blob not found is the source.
        _ if refused_with(&error, &["BlobNotFound"]) => Error::found(subject, Cause::SourceVanished, ""),
        _ => match target_refusal(&error) {
            // Without word from the source either may be archived; the target's cannot be written over.
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

/// Why the target keeps a blob as it is, where its answer has a code for that. Nothing of another program's is in the
/// blob's place, whatever the status says.
pub(in crate::blob) fn target_refusal(error: &CallError) -> Option<Cause> {
    error.failure.code().and_then(copy_refusal::of_target)
}

/// Refuses a source whose stored MD5 has not the length of one: the services would refuse it in words of their own.
pub(super) fn check_md5(from: &CopySource<'_>) -> Result<(), Error> {
    match &from.blob.properties.content_md5 {
        Some(md5) if md5.len() != MD5_BYTES => {
            Err(Error::Copy { subject: from.subject(), cause: Cause::WrongChecksum, failure: None })
        }
        _ => Ok(()),
    }
}
