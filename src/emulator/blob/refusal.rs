//! The refusals of the blob service: status, code and message as the service writes them, and the answer with them.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::emulator::http::Response as Answer;
use crate::emulator::service_model::Limit;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: Cow<'static, str>,
    /// What the source of a copy answered.
    pub(super) copy_source: Option<(u16, &'static str)>,
    /// The length of the blob, if the requested range is outside it.
    length: Option<u64>,
}

/// Declares refusals with a fixed text.
macro_rules! refusals {
    ($($name:ident: $status:literal $code:literal $message:literal;)*) => {
        $(pub(super) const $name: Refusal = Refusal::fixed($status, $code, $message);)*
    };
}

refusals! {
    APPEND_POSITION: 412 "AppendPositionConditionNotMet" "The append position condition specified was not met.";
    AUTHENTICATION_FAILED: 403 "AuthenticationFailed" "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.";
    AUTHORIZATION_FAILURE: 403 "AuthorizationFailure" "This request is not authorized to perform this operation.";
    BLOB_ALREADY_EXISTS: 409 "BlobAlreadyExists" "The specified blob already exists.";
    BLOB_ARCHIVED: 409 "BlobArchived" "This operation is not permitted on an archived blob.";
    BLOB_IS_SEALED: 409 "BlobIsSealed" "The specified blob is sealed and its contents can't be modified unless the blob is re-created after a delete.";
    BLOB_NOT_FOUND: 404 "BlobNotFound" "The specified blob does not exist.";
    BLOCK_COUNT: 409 "BlockCountExceedsLimit" "The committed block count cannot exceed the maximum limit of 50,000 blocks.";
    CONDITION_NOT_MET: 412 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    CONTAINER_ALREADY_EXISTS: 409 "ContainerAlreadyExists" "The specified container already exists.";
    CONTAINER_NOT_FOUND: 404 "ContainerNotFound" "The specified container does not exist.";
    COPY_ID_MISMATCH: 409 "CopyIdMismatch" "The specified copy ID did not match the copy ID for the pending copy operation.";
    CRC64_MISMATCH: 400 "Crc64Mismatch" "The CRC64 value specified in the request did not match with the CRC64 value calculated by the server.";
    DIRECTORY_IS_NOT_EMPTY: 409 "DirectoryIsNotEmpty" "The recursive query parameter value must be true to delete a non-empty directory.";
    ENCRYPTION_KEY_MISMATCH: 409 "BlobCustomerSpecifiedEncryptionMismatch" "The given customer specified encryption does not match the encryption used to encrypt the blob.";
    IMMUTABLE_BY_HOLD: 409 "BlobImmutableDueToLegalHold" "This operation is not permitted as the blob is immutable due to one or more legal holds.";
    IMMUTABLE_BY_POLICY: 409 "BlobImmutableDueToPolicy" "This operation is not permitted as the blob is immutable due to a policy.";
    INVALID_AUTHENTICATION: 401 "InvalidAuthenticationInfo" "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";
    INVALID_BLOB_TIER: 400 "InvalidBlobTier" "The specified blob tier is invalid.";
    INVALID_BLOB_TYPE: 409 "InvalidBlobType" "The blob type is invalid for this operation.";
    INVALID_BLOCK_ID: 400 "InvalidBlobOrBlock" "The specified blob or block content is invalid.";
    INVALID_BLOCK_LIST: 400 "InvalidBlockList" "The specified block list is invalid.";
    INVALID_COPY_SOURCE: 400 "InvalidHeaderValue" "The value for one of the HTTP headers is not in the correct format: x-ms-copy-source.";
    INVALID_MD5: 400 "InvalidMd5" "The MD5 value specified in the request is invalid. The MD5 value must be 128 bits and Base64-encoded.";
    INVALID_METADATA: 400 "InvalidMetadata" "The metadata specified is invalid. It has characters that are not permitted.";
    INVALID_PAGE_RANGE: 416 "InvalidPageRange" "The page range specified is invalid.";
    INVALID_RANGE: 416 "InvalidRange" "The range specified is invalid for the current size of the resource.";
    INVALID_RESOURCE_NAME: 400 "InvalidResourceName" "The specified resource name contains invalid characters.";
    NO_TAGS: 409 "FeatureNotYetSupportedForHierarchicalNamespaceAccounts" "Blob index tags are not yet supported for hierarchical namespace accounts.";
    INVALID_TAGS: 400 "InvalidTags" "The tags specified are invalid.";
    INVALID_URL: 400 "" "The request URL is invalid.";
    INVALID_URI: 400 "InvalidUri" "The requested URI does not represent any resource on the server.";
    INVALID_XML: 400 "InvalidXmlDocument" "XML specified is not syntactically valid.";
    LEASE_ALREADY_PRESENT: 409 "LeaseAlreadyPresent" "There is already a lease present.";
    LEASE_ID_MISMATCH: 409 "LeaseIdMismatchWithLeaseOperation" "The lease ID specified did not match the lease ID for the resource with the specified lease operation.";
    LEASE_ID_MISMATCH_BLOB: 412 "LeaseIdMismatchWithBlobOperation" "The lease ID specified did not match the lease ID for the blob.";
    LEASE_ID_MISMATCH_CONTAINER: 412 "LeaseIdMismatchWithContainerOperation" "The lease ID specified did not match the lease ID for the container.";
    LEASE_ID_MISSING: 412 "LeaseIdMissing" "There is currently a lease on the resource and no lease ID was specified in the request.";
    LEASE_IS_BREAKING_ACQUIRE: 409 "LeaseIsBreakingAndCannotBeAcquired" "The lease ID matched, but the lease is currently in breaking state and cannot be acquired until it is broken.";
    LEASE_IS_BREAKING_CHANGE: 409 "LeaseIsBreakingAndCannotBeChanged" "The lease ID matched, but the lease is currently in breaking state and cannot be changed.";
    LEASE_IS_BROKEN: 409 "LeaseIsBrokenAndCannotBeRenewed" "The lease ID matched, but the lease has been broken explicitly and cannot be renewed.";
    LEASE_LOST: 412 "LeaseLost" "A lease ID was specified, but the lease for the resource has expired.";
    LEASE_NOT_INFINITE: 412 "InfiniteLeaseDurationRequired" "The lease ID matched, but the specified lease must be an infinite-duration lease.";
    LEASE_NOT_PRESENT: 409 "LeaseNotPresentWithLeaseOperation" "There is currently no lease on the resource.";
    LEASE_NOT_PRESENT_BLOB: 412 "LeaseNotPresentWithBlobOperation" "There is currently no lease on the blob.";
    LEASE_NOT_PRESENT_CONTAINER: 412 "LeaseNotPresentWithContainerOperation" "There is currently no lease on the container.";
    MAX_BLOB_SIZE: 412 "MaxBlobSizeConditionNotMet" "The max blob size condition specified was not met.";
    METADATA_TOO_LARGE: 400 "MetadataTooLarge" "The size of the specified metadata exceeds the maximum size permitted.";
    MD5_MISMATCH: 400 "Md5Mismatch" "The MD5 value specified in the request did not match with the MD5 value calculated by the server.";
    NO_AUTHENTICATION: 401 "NoAuthenticationInformation" "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.";
    NO_LIMITED_LISTING: 400 "OperationNotSupportedWithFeatureMissing" "EndBefore parameter support is missing on this account.";
    NO_PAGE_BLOBS: 409 "FeatureNotYetSupportedForHierarchicalNamespaceAccounts" "Page blobs are not yet supported for hierarchical namespace accounts.";
    NO_PENDING_COPY: 409 "NoPendingCopyOperation" "There is currently no pending copy operation.";
    NOT_MODIFIED: 304 "ConditionNotMet" "The condition specified using HTTP conditional header(s) is not met.";
    NAME_LENGTH: 400 "OutOfRangeInput" "The specified resource name length is not within the permissible limits.";
    ON_DIRECTORY: 409 "OperationNotSupportedOnDirectory" "This operation is not supported on a directory.";
    PATH_TYPE: 409 "ResourceTypeMismatch" "The specified resource type does not match the type of the existing resource.";
    PENDING_COPY: 409 "PendingCopyOperation" "There is currently a pending copy operation.";
    PERMISSION_MISMATCH: 403 "AuthorizationPermissionMismatch" "This request is not authorized to perform this operation using this permission.";
    PROTOCOL_MISMATCH: 403 "AuthorizationProtocolMismatch" "This request is not authorized to perform this operation using this protocol.";
    PUBLIC_ACCESS: 409 "PublicAccessNotPermitted" "Public access is not permitted on this storage account.";
    REPLICATION_TARGET: 409 "BlobOperationNotSupported" "The operation is not supported in this scenario.";
    RESOURCE_NOT_FOUND: 404 "ResourceNotFound" "The specified resource does not exist.";
    RESOURCE_TYPE_MISMATCH: 403 "AuthorizationResourceTypeMismatch" "This request is not authorized to perform this operation using this resource type.";
    SEQUENCE_NUMBER: 412 "SequenceNumberConditionNotMet" "The sequence number condition specified was not met.";
    SEQUENCE_NUMBER_TOO_LARGE: 409 "SequenceNumberIncrementTooLarge" "The sequence number increment cannot be performed because it would result in overflow of the sequence number.";
    SERVICE_MISMATCH: 403 "AuthorizationServiceMismatch" "This request is not authorized to perform this operation using this service.";
    SOURCE_CONDITION_NOT_MET: 412 "SourceConditionNotMet" "The source condition specified using HTTP conditional header(s) is not met.";
    TOO_LARGE: 413 "RequestBodyTooLarge" "The request body is too large and exceeds the maximum permissible limit.";
    TOO_LARGE_TO_COPY: 409 "CannotVerifyCopySource" "The source is larger than this operation may copy.";
    USES_CUSTOMER_KEY: 409 "BlobUsesCustomerSpecifiedEncryption" "The blob is encrypted with customer specified encryption, but it was not provided in the request.";
    USES_NO_CUSTOMER_KEY: 409 "BlobDoesNotUseCustomerSpecifiedEncryption" "The blob is not encrypted, but customer specified encryption was provided in the request.";
    UNAUTHORIZED_OVERWRITE: 403 "UnauthorizedBlobOverwrite" "This request is not authorized to perform blob overwrites.";
}

/// The header of a 401 that names the issuer of tokens.
const CHALLENGE: &str = "Bearer authorization_uri=https://login.microsoftonline.com/organizations/oauth2/authorize \
                         resource_id=https://storage.azure.com";

impl Refusal {
    const fn fixed(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message: Cow::Borrowed(message), copy_source: None, length: None }
    }

    /// The same with another message.
    pub(super) fn because(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// 503 with the text of the limit that was met.
    pub(super) fn busy(limit: Limit) -> Self {
        Self::fixed(503, "ServerBusy", limit.text())
    }

    /// 416 for a range after the end of a blob of that length.
    pub(super) fn behind(length: u64) -> Self {
        Self { length: Some(length), ..INVALID_RANGE }
    }

    /// 501 for a missing feature of this emulator.
    pub(super) fn not_implemented(feature: &str) -> Self {
        Self::fixed(501, "NotImplemented", "").because(format!("This emulator does not implement {feature}."))
    }

    /// 400 for a header that cannot be read.
    pub(super) fn header(name: &str) -> Self {
        Self::fixed(400, "InvalidHeaderValue", "")
            .because(format!("The value for one of the HTTP headers is not in the correct format: {name}."))
    }

    /// 400 for a header that must be there.
    pub(super) fn missing_header(name: &str) -> Self {
        Self::fixed(400, "MissingRequiredHeader", "")
            .because(format!("An HTTP header that's mandatory for this request is not specified: {name}."))
    }

    /// 400 for a query parameter that cannot be read.
    pub(super) fn query(name: &str) -> Self {
        Self::fixed(400, "InvalidQueryParameterValue", "")
            .because(format!("Value for one of the query parameters specified in the request URI is invalid: {name}."))
    }

    /// 400 for a query parameter that must be there.
    pub(super) fn missing_query(name: &str) -> Self {
        Self::fixed(400, "MissingRequiredQueryParameter", "")
            .because(format!("A required query parameter was not specified for this request: {name}."))
    }

    /// The answer of a copy's destination if the source refused.
    pub(super) fn of_source(self) -> Self {
        Self { code: "CannotVerifyCopySource", copy_source: Some((self.status, self.code)), ..self }
    }

    /// The answer of the HTTP server in front of the service: a page without an error code.
    fn page(&self) -> Answer {
        let page = format!(
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"\"http://www.w3.org/TR/html4/strict.dtd\">\r\n\
             <HTML><HEAD><TITLE>Bad Request</TITLE></HEAD>\r\n<BODY><h2>Bad Request - Invalid URL</h2>\r\n\
             <hr><p>HTTP Error {}. {}</p>\r\n</BODY></HTML>\r\n",
            self.status, self.message
        );
        let mut answer = Response::new(Body::from(page));
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        let kind = HeaderValue::from_static("text/html; charset=us-ascii");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }

    /// The answer: an XML body, and the code in a header too (azcopy retries only what carries one).
    pub(super) fn answer(&self, without_body: bool) -> Answer {
        if self.code.is_empty() {
            return self.page();
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = Response::builder().status(status).header("x-ms-error-code", self.code);
        if let Some((status, code)) = self.copy_source {
            answer = answer.header("x-ms-copy-source-status-code", status).header("x-ms-copy-source-error-code", code);
        }
        if let Some(length) = self.length {
            answer = answer.header(header::CONTENT_RANGE, format!("bytes */{length}"));
        }
        if self.status == 401 {
            answer = answer.header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if without_body || self.status == 304 {
            return answer.body(Body::empty()).expect("the headers are valid");
        }
        let mut body = String::from("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>");
        body.push_str(self.code);
        body.push_str("</Code><Message>");
        super::xml::escape(&self.message, &mut body);
        body.push_str("</Message>");
        if let Some((status, code)) = self.copy_source {
            super::xml::element("CopySourceStatusCode", &status.to_string(), &mut body);
            super::xml::element("CopySourceErrorCode", code, &mut body);
        }
        body.push_str("</Error>");
        answer.header(header::CONTENT_TYPE, "application/xml").body(Body::from(body)).expect("the headers are valid")
    }
}
