//! Checksums: MD5 and the service's CRC-64, of request bodies and of sources.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc_fast::{CrcAlgorithm, checksum};
use md5::{Digest as _, Md5};

use super::call::Call;
use super::describe::parse_md5;
use super::refusal::{CRC64_MISMATCH, MD5_MISMATCH, Refusal};

/// The MD5 of some bytes.
pub(super) fn md5_of(bytes: &[u8]) -> [u8; 16] {
    Md5::digest(bytes).into()
}

/// The CRC-64 of some bytes as headers carry it. The service's polynomial is the one of `CRC-64/NVME`; the bytes go in
/// little-endian order.
pub(super) fn crc64_text(bytes: &[u8]) -> String {
    BASE64.encode(checksum(CrcAlgorithm::Crc64Nvme, bytes).to_le_bytes())
}

/// Checks a body against the checksums it was sent with and returns its MD5.
pub(super) fn check_body(call: &Call<'_>, bytes: &[u8]) -> Result<[u8; 16], Refusal> {
    let md5 = md5_of(bytes);
    check(call, bytes, Some(md5), ["content-md5", "x-ms-content-crc64"])?;
    Ok(md5)
}

/// The same for the content of a block blob: checks the checksum that is to be stored instead of the body's.
pub(super) fn check_blob(call: &Call<'_>, bytes: &[u8]) -> Result<[u8; 16], Refusal> {
    let name = "x-ms-blob-content-md5";
    if call.ask.header(name).is_none() {
        return check_body(call, bytes);
    }
    let md5 = md5_of(bytes);
    check(call, bytes, Some(md5), [name, "x-ms-content-crc64"])?;
    Ok(md5)
}

/// Does the request have checksums of the source, so that its bytes must be produced?
pub(super) fn source_checksums_sent(call: &Call<'_>) -> bool {
    call.ask.header("x-ms-source-content-md5").or_else(|| call.ask.header("x-ms-source-content-crc64")).is_some()
}

/// Checks the bytes of a source against the client's checksums.
pub(super) fn check_source(call: &Call<'_>, bytes: &[u8]) -> Result<(), Refusal> {
    check(call, bytes, None, ["x-ms-source-content-md5", "x-ms-source-content-crc64"])
}

fn check(call: &Call<'_>, bytes: &[u8], md5: Option<[u8; 16]>, [md5_name, crc_name]: [&str; 2]) -> Result<(), Refusal> {
    if let Some(text) = call.ask.header(md5_name) {
        let known = parse_md5(text)?;
        if known != md5.unwrap_or_else(|| md5_of(bytes)) {
            return Err(MD5_MISMATCH);
        }
    }
    match call.ask.header(crc_name) {
        Some(known) if known != crc64_text(bytes) => Err(CRC64_MISMATCH),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc64_equals_that_of_the_crc_catalogue() {
        // CRC-64/NVME of "123456789" is 0xae8b14860a799888.
        assert_eq!(crc64_text(b"123456789"), BASE64.encode(0xae8b_1486_0a79_9888_u64.to_le_bytes()));
    }
}
