//! Finds the place of a part of the configuration in the file, for later errors of a service about it.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;

use super::file::{self, AuthFile};
use super::problem::{Document, Problems};
use crate::files;
use crate::model::Side;

/// A part of an account's configuration that a service's answer can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Address of the media API.
    Endpoint,
    /// Address of the token service.
    TokenUrl,
    /// Secret with which the token is requested.
    Secret,
    /// Address (or name, if there is no address) of the storage account with that index.
    StorageEndpoint(usize),
    /// Key (or signature) of the storage account with that index.
    StorageKey(usize),
}

/// `file:line` of that part; only the file if it cannot be found any more.
pub fn place(path: &Path, side: Side, part: Part) -> String {
    let found =
        files::read(path, files::LARGEST_TEXT).ok().and_then(|text| place_in(&Document::new(&text, path), side, part));
    found.unwrap_or_else(|| path.display().to_string())
}

/// The account of a side, even if the configuration cannot be used.
pub fn account_of(path: &Path, side: Side) -> Option<String> {
    let text = files::read(path, files::LARGEST_TEXT).ok()?;
    let file = file::read(&Document::new(&text, path), &mut Problems::default())?;
    let account = match side {
        Side::Source => file.source,
        Side::Target => file.target,
    };
    account?.account.map(|name| name.get_ref().trim().to_owned())
}

fn place_in(document: &Document<'_>, side: Side, part: Part) -> Option<String> {
    let file = file::read(document, &mut Problems::default())?;
    let account = match side {
        Side::Source => file.source.as_ref()?,
        Side::Target => file.target.as_ref()?,
    };
    let span = match part {
        Part::Endpoint => ams_v2(account)?.endpoint.as_ref()?.span(),
        Part::TokenUrl => token_service(&ams_v2(account)?.auth)?,
        Part::Secret => secret(&ams_v2(account)?.auth)?,
        Part::StorageEndpoint(index) => {
            let storage = account.storage.as_ref()?.get_ref().get(index)?;
            storage.endpoint.as_ref().or(storage.account.as_ref())?.span()
        }
        Part::StorageKey(index) => {
            let storage = account.storage.as_ref()?.get_ref().get(index)?;
            match &storage.auth {
                Some(auth) => secret(auth)?,
                None => storage.key.as_ref().or(storage.sas.as_ref())?.span(),
            }
        }
    };
    Some(document.place(span.start))
}

/// The key that determines where tokens are requested: an address, or a kind that implies one.
fn token_service(auth: &AuthFile) -> Option<Range<usize>> {
    let url = auth.token_url.as_ref().or(auth.authority.as_ref()).map(Spanned::span);
    url.or_else(|| auth.kind.as_ref().map(Spanned::span))
}

/// The credential of the principal: a secret, or a kind with another one.
fn secret(auth: &AuthFile) -> Option<Range<usize>> {
    let file = auth.certificate.as_ref().or(auth.token_file.as_ref()).map(Spanned::span);
    auth.secret.as_ref().map(Spanned::span).or(file).or_else(|| auth.kind.as_ref().map(Spanned::span))
}

fn ams_v2(account: &file::AccountFile) -> Option<&file::AmsV2File> {
    match &account.service {
        file::ServiceFile::AmsV2(service) => Some(service),
        file::ServiceFile::Blobs => None,
    }
}
