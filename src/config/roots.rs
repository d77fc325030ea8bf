//! `ca_file`: certificates of authorities to trust in addition to the system's, such as that of a company's proxy.

use crate::files;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use toml::Spanned;

use super::problem::{Document, Problem};

/// The certificates in that file, each usable as a root; at least one.
pub(super) fn read(
    file: &Spanned<impl AsRef<Path>>,
    document: &Document<'_>,
) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let path = document.directory().join(file.get_ref());
    let shown = path.display();
    let fail = |problem: String| {
        let remedy = format!(
            "put the authority's certificate into {shown} as PEM (it begins with -----BEGIN CERTIFICATE-----), or remove \
             `ca_file` if the system's own authorities are enough"
        );
        document.error(&file.span(), format!("`ca_file`: {problem}"), remedy)
    };
    let text =
        files::read(&path, files::LARGEST_TEXT).map_err(|error| fail(format!("failed to read {shown}: {error}")))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let certificates = certificates.map_err(|_| fail(format!("{shown} is not well-formed PEM")))?;
    if certificates.is_empty() {
        return Err(fail(format!("there is no certificate in {shown}")));
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        store
            .add(certificate.clone())
            .map_err(|_| fail(format!("certificate {} in {shown} is not a certificate", index + 1)))?;
    }
    Ok(certificates)
}
