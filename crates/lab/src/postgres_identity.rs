//! The system identifier of a PostgreSQL data directory. All copies of a template would share one, as restored clones do;
//! servers that were set up separately never do, and a program that tells servers apart by it must see that here too.
//!
//! It stands in `pg_control`, guarded by a checksum, and at the head of each WAL segment. No program of PostgreSQL's sets it,
//! so it is written here, while the server is down.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where a WAL segment's first page has it.
const IN_SEGMENT: u64 = 24;

/// Reads it.
pub(crate) fn read(data: &Path) -> io::Result<u64> {
    let mut head = [0; 8];
    File::open(control(data))?.read_exact(&mut head)?;
    Ok(u64::from_ne_bytes(head))
}

/// Replaces it.
pub(crate) fn write(data: &Path, identifier: u64) -> io::Result<()> {
    let before = read(data)?.to_ne_bytes();
    let after = identifier.to_ne_bytes();
    let mut content = std::fs::read(control(data))?;
    let sum = checksum_place(&content)
        .ok_or_else(|| io::Error::other("pg_control has no checksum where one was looked for"))?;
    content[..8].copy_from_slice(&after);
    let checksum = !content[..sum]
        .iter()
        .fold(u32::MAX, |crc, byte| crc32c(crc, *byte));
    content[sum..sum + 4].copy_from_slice(&checksum.to_ne_bytes());
    std::fs::write(control(data), content)?;
    for entry in std::fs::read_dir(data.join("pg_wal"))? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            replace(&entry.path(), before, after)?;
        }
    }
    Ok(())
}

fn control(data: &Path) -> PathBuf {
    data.join("global/pg_control")
}

/// The checksum ends a structure that grows from version to version: it is where the sum of all before it stands.
fn checksum_place(content: &[u8]) -> Option<usize> {
    let mut crc = u32::MAX;
    for (at, byte) in content.iter().enumerate() {
        if at >= 8 && content.get(at..at + 4)? == (!crc).to_ne_bytes() {
            return Some(at);
        }
        crc = crc32c(crc, *byte);
    }
    None
}

/// One step of CRC-32C.
fn crc32c(crc: u32, byte: u8) -> u32 {
    (0..8).fold(crc ^ u32::from(byte), |crc, _| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0x82F6_3B78
        } else {
            crc >> 1
        }
    })
}

/// Only where the old one stands: a segment made for later use has none yet.
fn replace(segment: &Path, before: [u8; 8], after: [u8; 8]) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(segment)?;
    file.seek(SeekFrom::Start(IN_SEGMENT))?;
    let mut found = [0; 8];
    if file.read_exact(&mut found).is_ok() && found == before {
        file.seek(SeekFrom::Start(IN_SEGMENT))?;
        file.write_all(&after)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        let sum = !b"123456789"
            .iter()
            .fold(u32::MAX, |crc, byte| crc32c(crc, *byte));
        assert_eq!(sum, 0xE306_9283);
    }
}
