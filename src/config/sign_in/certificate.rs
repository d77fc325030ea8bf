//! The certificate of an application, and the key that signs its assertions.

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::redact::REDACTED;

/// A certificate with its private key. It signs, but does not show the key.
pub struct ClientCertificate {
    certificate: CertificateDer<'static>,
    key: RsaKeyPair,
}

impl ClientCertificate {
    /// Reads a PEM text that has both, in any order; of several certificates, it uses the one of the key.
    ///
    /// # Errors
    /// Something is missing or cannot be used. The error does not contain the text.
    pub(in crate::config) fn read(pem: &str) -> Result<Self, &'static str> {
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let certificates = certificates.map_err(|_| "its certificate cannot be read")?;
        if certificates.is_empty() {
            return Err("it has no certificate");
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
        let key = match key.map_err(|_| "it has no private key that is not encrypted")? {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err("its private key is not an RSA key"),
        };
        let key = key.map_err(|_| "its private key is not an RSA key of 2048 to 4096 bits")?;
        let public = key.public().as_ref();
        let certificate = certificates.into_iter().find(|certificate| has_key(certificate, public));
        let certificate = certificate.ok_or("its private key belongs to none of its certificates")?;
        Ok(Self { certificate, key })
    }

    /// The certificate, in DER.
    pub fn der(&self) -> &[u8] {
        &self.certificate
    }

    /// The signature of a text: RSA with SHA-256 (RS256).
    pub fn sign(&self, text: &str) -> Vec<u8> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("the signature has as many bytes as the modulus, and the system has random numbers");
        signature
    }
}

/// Is it the public key of the certificate?
fn has_key(certificate: &[u8], key: &[u8]) -> bool {
    let read = Certificate::from_der(certificate);
    read.is_ok_and(|read| read.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes() == key)
}

impl PartialEq for ClientCertificate {
    /// Compares only the certificates: each has its own key.
    fn eq(&self, other: &Self) -> bool {
        self.certificate == other.certificate
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({REDACTED})")
    }
}
