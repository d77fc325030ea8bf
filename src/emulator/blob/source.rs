//! The source of a copy: found by its URL, authorised with its own signature or token, shared by reference.

use std::sync::Arc;

use super::account::BlobAccount;
use super::ask::Target;
use super::bearer;
use super::call::Call;
use super::conditions::Conditions;
use super::encryption;
use super::operation::Operation;
use super::refusal::{
    AUTHORIZATION_FAILURE, INVALID_COPY_SOURCE, NO_AUTHENTICATION, PERMISSION_MISMATCH, RESOURCE_NOT_FOUND, Refusal,
};
use super::sas::{self, Grant};
use super::stored::{Blob, Container};
use crate::emulator::settings::SourceAccess;

/// The longest source URL, including the signature.
const MAX_SOURCE_URL: usize = 2048;

/// The source of a copy as it is now.
pub(super) struct Source<'r> {
    account: &'r BlobAccount,
    pub(super) container: Arc<Container>,
    pub(super) name: Box<str>,
    pub(super) blob: Blob,
    grant: Grant,
    url: &'r str,
}

impl<'r> Source<'r> {
    /// Finds and authorises the source in a request. If it refuses, the destination's answer has the source's status
    /// and code.
    pub(super) fn open(call: &Call<'r>, operation: Operation) -> Result<Self, Refusal> {
        let url = call.ask.header("x-ms-copy-source").ok_or_else(|| Refusal::missing_header("x-ms-copy-source"))?;
        if url.len() > MAX_SOURCE_URL {
            return Err(INVALID_COPY_SOURCE);
        }
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).ok_or(INVALID_COPY_SOURCE)?;
        let (authority, rest) = rest.split_at(rest.find('/').ok_or(INVALID_COPY_SOURCE)?);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let target = Target::parse(path, query).map_err(|_| INVALID_COPY_SOURCE)?;
        let account = call.around.account_at(authority, target.account);
        let account = account.ok_or_else(|| RESOURCE_NOT_FOUND.of_source())?;
        let source = Self::read(call, operation, account, &target, url).map_err(Refusal::of_source)?;
        Conditions::of_source(call.ask.headers).check_source(&source.blob)?;
        Ok(source)
    }

    fn read(
        call: &Call<'r>,
        operation: Operation,
        account: &'r BlobAccount,
        target: &Target<'_>,
        url: &'r str,
    ) -> Result<Self, Refusal> {
        check_reachable(call, account)?;
        account.model().admit_request().map_err(Refusal::busy)?;
        let grant = authorise(call, operation, account, target, url)?;
        let (Some(container), Some(name)) = (&target.container, &target.blob) else { return Err(RESOURCE_NOT_FOUND) };
        let container = account.container(container)?;
        let blob = container.lock_at(call.elapsed())?.blob(name)?.clone();
        blob.refuse_directory()?;
        blob.refuse_pending()?;
        encryption::check_source_key(&call.ask, blob.encryption())?;
        blob.refuse_archived()?;
        Ok(Self { account, container, name: (&**name).into(), blob, grant, url })
    }

    /// Counts the bytes that the copy reads against the source account's limit.
    pub(super) fn admit_egress(&self, bytes: u64) -> Result<(), Refusal> {
        self.account.model().admit_egress(bytes).map_err(|limit| Refusal::busy(limit).of_source())
    }

    /// Has the permission to read it expired at that time?
    pub(super) fn is_closed_at(&self, at: i64) -> bool {
        self.grant.is_over(at)
    }

    /// Checks the separate permission to read the source's tags.
    pub(super) fn check_tags_readable(&self) -> Result<(), Refusal> {
        if self.grant.any_of("t") { Ok(()) } else { Err(PERMISSION_MISMATCH.of_source()) }
    }

    /// The URL as it is stored with the copy, without the signature.
    pub(super) fn public_url(&self) -> Box<str> {
        let Some((path, query)) = self.url.split_once('?') else { return self.url.into() };
        let kept: Vec<_> = query.split('&').filter(|pair| !pair.starts_with("sig=")).collect();
        if kept.is_empty() { path.into() } else { format!("{path}?{}", kept.join("&")).into() }
    }
}

/// Checks that the destination's service can reach the source's account. Within one account, it always can.
fn check_reachable(call: &Call<'_>, account: &BlobAccount) -> Result<(), Refusal> {
    match account.source_access() {
        _ if std::ptr::eq(account, call.account) => Ok(()),
        SourceAccess::Open => Ok(()),
        SourceAccess::Refused => Err(AUTHORIZATION_FAILURE),
        SourceAccess::Hidden => Err(RESOURCE_NOT_FOUND),
    }
}

fn authorise(
    call: &Call<'_>,
    operation: Operation,
    account: &BlobAccount,
    target: &Target<'_>,
    url: &str,
) -> Result<Grant, Refusal> {
    let bearer = call.ask.header("x-ms-copy-source-authorization");
    if operation != Operation::CopyBlob
        && let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer "))
    {
        return Ok(bearer::authorise(call.around, account, token, Operation::GetBlob)?.grant);
    }
    if target.query.get("sig").is_some() {
        return sas::verify(account, target, Operation::GetBlob, url.starts_with("https://"));
    }
    let same_account = std::ptr::eq(account, call.account);
    if operation == Operation::CopyBlob && same_account && call.authority.by_account_key {
        return Ok(Grant::everything());
    }
    Err(NO_AUTHENTICATION)
}
