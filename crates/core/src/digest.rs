//! SHA-256, in hexadecimal.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The 64 hexadecimal digits of the SHA-256 of some bytes.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
