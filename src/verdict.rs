//! Causes why the target differs from the source, with stable codes, and the changes of a run.
//!
//! Decisions are made and passed on as these types. They become text only for display. A code never changes its
//! meaning, so that scripts and configurations can use it.

mod change;
mod deletions;
mod directions;
mod outcome;
mod plans;
mod readiness;
mod table;
#[cfg(test)]
mod tests;
mod viewers;

use std::borrow::Cow;
use std::fmt;

pub use change::{Change, Withdrawal};
pub use outcome::Outcome;
use table::Entry;

/// Why an asset, or a part of it, differs between the source and the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// It is in a storage account that is not configured.
    StorageAccountNotConfigured,
    /// Encrypted with a key of the source media account.
    StorageEncrypted,
    /// It has content keys or delivery policies.
    Protected,
    /// It is or was published on the target although it is protected in the source, and a guard holds the withdrawal.
    PlaysInTheClear,
    /// Its protection could not be read.
    ProtectionUnreadable,
    /// The public access of its container could not be set on the target.
    PublicAccess,
    /// It has append or page blobs.
    NotBlockBlobs,
    /// Published and empty, and never mirrored.
    SourceEmpty,
    /// Mirrored before; the source has lost its blobs.
    SourceLost,
    /// A blob is in the archive tier in the source.
    ArchivedInSource,
    /// A copy is in the archive tier on the target.
    ArchivedInTarget,
    /// A locator was changed in the source after it was listed.
    LocatorChanged,
    /// One of its locator ids is already used on the target.
    LocatorIdTaken,
    /// The copy has as many locators as the service allows.
    NoLocatorRoom,
    /// A locator moved in the source, and one of the two assets is not part of this run.
    LocatorMovedOutOfScope,
    /// A locator that mediamirror did not create plays on our copy, and the source has withdrawn its id.
    ForeignLocatorRevoked,
    /// Several assets of the target are marked as its copy.
    TwoCopies,
    /// The target has an asset for it that mediamirror did not create.
    ForeignCopy,
    /// The source asset is a copy of an asset in the target account.
    CopyOfTarget,
    /// A guard holds the change.
    HeldByGuard,
    /// A blob in the source is older than its copy.
    SourceOlder,
    /// The operator withholds it.
    Withheld,
    /// An entry of the operator's `withhold` list matches nothing.
    WithholdUnmatched,
    /// A listing omits something that exists.
    ListingIncomplete,
    /// It changed each time it was copied.
    SourceChanging,
    /// It was deleted from the source during the run.
    SourceVanished,
    /// The target's service cannot see the source blob.
    SourceNotVisible,
    /// The source account refuses requests from the target's service.
    SourceRefusesTarget,
    /// The source account refuses the signature in requests from the target's service.
    SourceSignatureRefused,
    /// A container on the target cannot be written to, because it is the destination of object replication.
    TargetNotWritable,
    /// The container of a copy was deleted.
    TargetContainerDeleted,
    /// A blob is encrypted with a key that the customer sends with each request.
    CustomerKey,
    /// A blob is in an encryption scope that cannot be copied.
    EncryptionScope,
    /// The stored checksum of a blob does not match its bytes.
    WrongChecksum,
    /// Another program holds a lease on a blob on the target.
    BlobLeased,
    /// An immutability policy or a legal hold forbids changing a blob on the target.
    BlobImmutable,
    /// A blob has the name of a directory of the target, or one of its folders has the name of a blob.
    NameIsDirectory,
    /// A blob has a name that cannot be part of a URL.
    NameNotUsable,
    /// The mark does not fit into the alternate id.
    MarkTooLong,
    /// The copy differs from its source.
    DiffersAfterCopy,
    /// The source contains copies of the target's assets.
    DirectionReversed,
    /// The target is the active side, after a failover.
    TargetActive,
    /// The source is the active side.
    SourceActive,
    /// Both sides of an asset were changed since they were last equal.
    ChangedOnBothSides,
    /// Only the original was changed since both sides were last equal.
    OriginalChanged,
    /// The target has copies of the source, but the state of the pair is missing.
    StateMissing,
    /// A copy made by another tool has blobs without a checksum.
    AdoptionUnproven,
    /// The clocks of this machine and of a service differ too much.
    ClockSkew,
    /// No streaming endpoint of the target is running.
    TargetNotStreaming,
    /// Another run created a copy of it at the same time.
    MadeByAnotherRun,
    /// A service acknowledged a change that is missing when it is read back.
    NotThereWhenReadBack,
    /// A service refused a request.
    RequestRefused,
    /// A service refused a request because a permission is missing.
    PermissionMissing,
    /// A service did not complete a request, even after all retries.
    ServiceUnavailable,
    /// Index tags could not be read.
    TagsUnreadable,
    /// The service does not support it.
    NotSupported,
    /// Viewers of the target get something else.
    PlaysDifferently,
    /// Pages of other sites may not use both sides in the same way.
    CorsDiffers,
    /// A manifest names the host of one side.
    ManifestNamesOtherHost,
    /// An answer does not specify how long it may be cached.
    NoCacheControl,
    /// Viewers get the same refusal on both sides.
    NotPlayableAtSource,
    /// It is unknown whether it plays.
    PlayUnchecked,
    /// A copy has other bytes.
    BytesDiffer,
    /// The bytes of a copy could not be read.
    BytesUnchecked,
    /// The configuration leaves out every blob.
    NothingSelected,
    /// Stored access policies or settings of an account could not be read.
    SettingsUnchecked,
    /// Deletions are due, and this run does not delete.
    DeletionsPutOff,
    /// Something is not deleted because it may belong to another program.
    NotDeleted,
    /// It changed after the applied plan was made.
    PlanStale,
    /// The applied plan does not contain it.
    NotInPlan,
    /// The copy changed on the target since it was proven.
    CopyAltered,
    /// The ledger names a copy that does not exist.
    CopyMissing,
    /// A copy has content keys or delivery policies, and its source has none.
    CopyProtected,
    /// Filters of an asset or of the account differ.
    FiltersDiffer,
    /// Filters could not be read.
    FiltersUnchecked,
    /// Viewers of the target cannot get it.
    DoesNotPlay,
    /// A locator that plays in the source does not play from the target.
    LocatorMissing,
    /// There is no complete copy yet.
    NotMirroredYet,
    /// It is unproven whether it should play, or whether the copy is complete.
    NotProven,
    /// It is unknown whether it plays from the target.
    ProbeUnanswered,
}

/// The meaning of a cause for the promise that everything that plays in the source plays on the target, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Left out. A run cannot repair it.
    Skipped,
    /// This run failed to mirror it.
    Failed,
    /// It is in conflict with something that mediamirror did not create.
    Conflict,
    /// A guard holds it until a person decides.
    Held,
    /// A property could not be read, so nothing is decided from it.
    Unchecked,
    /// The operator withholds it.
    Withheld,
    /// Reported, but the target owes nothing.
    Noted,
}

impl Cause {
    /// Its stable code, such as `locator-id-taken`.
    pub fn code(self) -> &'static str {
        self.entry().code
    }

    /// What is wrong, as a sentence without a full stop.
    pub fn sentence(self) -> &'static str {
        self.entry().sentence
    }

    /// What the operator can do.
    pub fn remedy(self) -> &'static str {
        self.entry().remedy
    }

    /// The class of the verdict.
    pub fn class(self) -> Class {
        self.entry().class
    }

    /// Could the run have missed something that the source has? Then it deletes nothing.
    pub fn hides(self) -> bool {
        matches!(
            self,
            Self::ListingIncomplete
                | Self::ServiceUnavailable
                | Self::RequestRefused
                | Self::PermissionMissing
                | Self::ClockSkew
                | Self::ProtectionUnreadable
                | Self::SourceVanished
                | Self::NothingSelected
        ) || self.class() == Class::Held
    }

    /// Does the promise cover it? A cause that is not owed does not change the exit code.
    pub fn owed(self) -> bool {
        !matches!(self.class(), Class::Withheld | Class::Noted)
    }

    /// The cause with that code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::all().find(|cause| cause.code() == code)
    }

    /// All causes in order of code.
    pub fn all() -> impl Iterator<Item = Self> {
        let mut entries: Vec<&Entry> = Self::entries().collect();
        entries.sort_by_key(|entry| entry.code);
        entries.into_iter().map(|entry| entry.cause)
    }

    fn entries() -> impl Iterator<Item = &'static Entry> {
        let some = table::ENTRIES.iter().chain(viewers::ENTRIES).chain(plans::ENTRIES);
        some.chain(deletions::ENTRIES).chain(directions::ENTRIES).chain(readiness::ENTRIES)
    }

    fn entry(self) -> &'static Entry {
        Self::entries().find(|entry| entry.cause == self).expect("a test holds the table complete")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl serde::Serialize for Cause {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl schemars::JsonSchema for Cause {
    fn schema_name() -> Cow<'static, str> {
        "Cause".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<_> = Self::all()
            .map(|cause| schemars::json_schema!({ "const": cause.code(), "description": cause.sentence() }))
            .collect();
        schemars::json_schema!({ "type": "string", "oneOf": codes })
    }
}

/// A cause, and the part of the asset that has it.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema, serde::Serialize)]
pub struct Finding {
    /// The cause.
    #[serde(rename = "code")]
    pub cause: Cause,
    /// The part of the asset that it concerns, and the service's message; may be empty. It does not contain the asset's
    /// name.
    pub detail: String,
    /// Does the asset not play in the source either? Then the target owes nothing.
    #[serde(skip)]
    pub unpublished: bool,
}

impl Finding {
    /// A cause with its detail.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into(), unpublished: false }
    }

    /// The same finding about a part of the asset.
    #[must_use]
    pub fn about(&self, part: &str) -> Self {
        let detail = if self.detail.is_empty() { part.to_owned() } else { format!("{part}: {}", self.detail) };
        Self { detail, ..self.clone() }
    }

    /// The same finding for an asset that does not play in the source.
    #[must_use]
    pub fn of_unpublished(self, unpublished: bool) -> Self {
        Self { unpublished: unpublished && self.cause.class() == Class::Skipped, ..self }
    }

    /// Does the promise cover it?
    pub fn owed(&self) -> bool {
        self.cause.owed() && !self.unpublished
    }

    /// The class of the verdict.
    pub fn class(&self) -> Class {
        self.cause.class()
    }

    /// Code, sentence and detail in one line; with `remedy` also what to do.
    pub fn line(&self, remedy: bool) -> String {
        let Self { cause, detail, .. } = self;
        let mut line = format!("{}: {}", cause.code(), cause.sentence());
        if !detail.is_empty() {
            line.push_str(": ");
            line.push_str(detail);
        }
        if remedy {
            line.push_str("; ");
            line.push_str(cause.remedy());
        }
        line
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(false))
    }
}

impl From<Cause> for Finding {
    fn from(cause: Cause) -> Self {
        Self::new(cause, "")
    }
}
