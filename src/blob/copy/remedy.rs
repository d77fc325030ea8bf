//! What a refused copy means, and the two things that can be done about it here: sign the source's URL anew, and leave the
//! tier to the account.

use std::sync::atomic::Ordering;

use azure_storage_blob::models::AccessTier;

use super::super::properties::refused_with;
use super::super::{BlobAccount, CopySource, SignedUrl};
use super::tier_of;
use crate::error::{CallError, Disposition, Error, Failure};
use crate::verdict::Cause;

/// Codes by which an account refuses a tier.
const TIER_REFUSALS: &[&str] = &["InvalidBlobTier", "UnsupportedHeader", "BlobAccessTierNotSupportedForAccountType"];
/// Codes by which a condition of ours is not met. Copies set conditions on their source only.
const CHANGED: &[&str] = &["SourceConditionNotMet", "ConditionNotMet"];
/// The code by which the target says that it could not read the source, for whatever reason.
const UNREADABLE: &[&str] = &["CannotVerifyCopySource"];
/// Codes by which the target says that it keeps a blob as it is, and what somebody has to do there before another run.
const HINDRANCES: &[(&[&str], &str)] = &[
    (
        &["LeaseIdMissing"],
        "somebody holds a lease on it in the target; break the lease, or have it released, and run again",
    ),
    (
        &["BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold"],
        "an immutability policy or a legal hold of the target protects it; lift it, or wait until it ends, and run again",
    ),
    (
        &["BlobArchived", "BlobBeingRehydrated"],
        "the blob that is there in the target is archived; rehydrate or delete it there, and run again",
    ),
    (
        &["ContainerBeingDeleted", "ContainerNotFound"],
        "its container in the target was deleted; the next run says which asset has to be deleted there",
    ),
];

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

/// What a refusal says about the source.
fn meaning(mut error: CallError, from: &CopySource<'_>) -> Error {
    let subject = from.subject();
    let (source_code, said) = match &error.failure {
        Failure::Refused { source_refusal, message, .. } => {
            (source_refusal.as_ref().and_then(|source| source.code.as_deref()), message.as_str())
        }
        _ => (None, ""),
    };
    // Without word from the source it may as well be an archived destination, which cannot be written over.
    let asleep = refused_with(&error, &["BlobArchived"]) && from.blob.tier.as_deref() == Some("Archive");
    let archived = asleep || source_code == Some("BlobArchived");
    // The service has no code of its own for this one.
    let modified = error.failure.status() == Some(409) && said.contains("has been modified");
    match source_status(&error) {
        _ if archived => Error::found(subject, Cause::ArchivedInSource, ""),
        Some(412) => Error::found(subject, Cause::SourceChanging, ""),
        _ if modified || refused_with(&error, CHANGED) => Error::found(subject, Cause::SourceChanging, ""),
        Some(404) => Error::found(subject, Cause::SourceVanished, ""),
        // A copy does not need its destination to exist, so the blob not found is the source.
        _ if refused_with(&error, &["BlobNotFound"]) => Error::found(subject, Cause::SourceVanished, ""),
        Some(401 | 403) => {
            if let Failure::Refused { message, .. } = &mut error.failure {
                *message = format!(
                    "the target cannot read the source {subject}: its firewall, the target's AllowedCopyScope, \
                     or the source's key does not permit it"
                );
            }
            error.disposition = Disposition::Fatal;
            error.into()
        }
        _ => hindered(error).into(),
    }
}

/// The error with what to do about it, where the target keeps the blob as it is. Nothing of another program's is in its
/// place, whatever the status says: it is this copy that fails.
fn hindered(mut error: CallError) -> CallError {
    let remedy = HINDRANCES.iter().find(|(codes, _)| refused_with(&error, codes)).map(|(_, remedy)| *remedy);
    if let (Some(remedy), Failure::Refused { message, .. }) = (remedy, &mut error.failure) {
        *message = if message.is_empty() { remedy.to_owned() } else { format!("{message} - {remedy}") };
        error.disposition = Disposition::Permanent;
    }
    error
}
