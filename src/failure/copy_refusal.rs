//! Finds the cause of a refused copy from the services' codes.

use crate::verdict::Cause;

/// The cause that follows from a source's status and code, if they determine one.
pub(crate) fn of_source(status: u16, code: Option<&str>) -> Option<Cause> {
    let code = code.unwrap_or_default();
    match status {
        _ if code == "BlobUsesCustomerSpecifiedEncryption" => Some(Cause::CustomerKey),
        _ if names_a_scope(code) => Some(Cause::EncryptionScope),
        _ if matches!(code, "BlobArchived" | "BlobBeingRehydrated") => Some(Cause::ArchivedInSource),
        401 => Some(Cause::SourceSignatureRefused),
        403 if SIGNATURE.contains(&code) => Some(Cause::SourceSignatureRefused),
        403 => Some(Cause::SourceRefusesTarget),
        _ => None,
    }
}

/// The reason that the target's own code gives.
pub(crate) fn of_target(code: &str) -> Option<Cause> {
    Some(match code {
        "BlobUsesCustomerSpecifiedEncryption" => Cause::CustomerKey,
        "Md5Mismatch" | "InvalidMd5" => Cause::WrongChecksum,
        "BlobArchived" | "BlobBeingRehydrated" => Cause::ArchivedInTarget,
        "BlobImmutableDueToPolicy" | "BlobImmutableDueToLegalHold" => Cause::BlobImmutable,
        "ContainerBeingDeleted" | "ContainerNotFound" => Cause::TargetContainerDeleted,
        "ResourceTypeMismatch" | "OperationNotSupportedOnDirectory" => Cause::NameIsDirectory,
        // Not documented for it; seen in an emulator.
        "BlobOperationNotSupported" => Cause::TargetNotWritable,
        "InfiniteLeaseDurationRequired" => Cause::BlobLeased,
        // mediamirror has no leases on blobs of a library.
        code if code.starts_with("Lease") => Cause::BlobLeased,
        code if names_a_scope(code) => Cause::EncryptionScope,
        _ => return None,
    })
}

/// Codes of status 403 that are about the signature, not about where the request comes from.
const SIGNATURE: &[&str] = &[
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "KeyBasedAuthenticationNotPermitted",
    "AuthorizationPermissionMismatch",
    "AuthorizationProtocolMismatch",
    "AuthorizationResourceTypeMismatch",
    "AuthorizationServiceMismatch",
];

/// Is the code about encryption scopes? The service documents only the first one.
fn names_a_scope(code: &str) -> bool {
    code == "RequestForbiddenByContainerEncryptionPolicy" || code.contains("EncryptionScope")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_source_gives_the_cause() {
        for (status, code, expected) in [
            (403, None, Some(Cause::SourceRefusesTarget)),
            (403, Some("AuthorizationFailure"), Some(Cause::SourceRefusesTarget)),
            (403, Some("AuthorizationSourceIPMismatch"), Some(Cause::SourceRefusesTarget)),
            (403, Some("AuthenticationFailed"), Some(Cause::SourceSignatureRefused)),
            (403, Some("AuthorizationPermissionMismatch"), Some(Cause::SourceSignatureRefused)),
            (401, None, Some(Cause::SourceSignatureRefused)),
            (409, Some("BlobUsesCustomerSpecifiedEncryption"), Some(Cause::CustomerKey)),
            (409, Some("BlobArchived"), Some(Cause::ArchivedInSource)),
            (403, Some("EncryptionScopeDisabled"), Some(Cause::EncryptionScope)),
            (404, Some("BlobNotFound"), None),
            (412, Some("ConditionNotMet"), None),
        ] {
            assert_eq!(of_source(status, code), expected, "{status} {code:?}");
        }
    }

    #[test]
    fn a_code_of_the_target_gives_the_cause() {
        for (code, expected) in [
            ("LeaseIdMissing", Some(Cause::BlobLeased)),
            ("LeaseIdMismatchWithBlobOperation", Some(Cause::BlobLeased)),
            ("LeaseNotPresentWithBlobOperation", Some(Cause::BlobLeased)),
            ("InfiniteLeaseDurationRequired", Some(Cause::BlobLeased)),
            ("ResourceTypeMismatch", Some(Cause::NameIsDirectory)),
            ("BlobOperationNotSupported", Some(Cause::TargetNotWritable)),
            ("BlobImmutableDueToLegalHold", Some(Cause::BlobImmutable)),
            ("BlobBeingRehydrated", Some(Cause::ArchivedInTarget)),
            ("RequestForbiddenByContainerEncryptionPolicy", Some(Cause::EncryptionScope)),
            ("Md5Mismatch", Some(Cause::WrongChecksum)),
            ("InvalidMd5", Some(Cause::WrongChecksum)),
            ("ContainerBeingDeleted", Some(Cause::TargetContainerDeleted)),
            ("BlobAlreadyExists", None),
            ("ConditionNotMet", None),
        ] {
            assert_eq!(of_target(code), expected, "{code}");
        }
    }
}
