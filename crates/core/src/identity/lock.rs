//! The key of a shard's lock: the same for every project and history table, so that they exclude each other.

use sha2::{Digest, Sha256};

/// SHA-256 of `greylag`, NUL, the database, NUL, the schema (empty where the shard is no schema).
pub fn lock_key(database: &str, schema: &str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in ["greylag", "\0", database, "\0", schema] {
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn database_and_schema_do_not_run_into_each_other() {
        assert_ne!(lock_key("ab", "c"), lock_key("a", "bc"));
        assert_ne!(lock_key("a", ""), lock_key("", "a"));
        assert_eq!(
            lock_key("orders", "tenant_17"),
            lock_key("orders", "tenant_17")
        );
    }

    #[test]
    fn the_key_never_changes_between_versions() {
        let hexadecimal: String = lock_key("orders", "public")
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            hexadecimal,
            crate::digest::sha256("greylag\0orders\0public")
        );
    }
}
