//! Kinds of clauses.

/// What the clauses of an ALTER are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clauses {
    /// Columns, indexes, options.
    Plain,
    /// PARTITION BY, REMOVE PARTITIONING, alone.
    Partitioning,
    /// Partitions whose rows are written anew.
    PartitionsAnew,
    /// Partitions or tablespaces come and go, and no row is written.
    Whole,
    /// It gives the table another name.
    Renames,
}

pub(super) fn kind(words: &[[String; 3]], says_what_they_hold: bool) -> Clauses {
    let [first, second, _] = words.first().map_or(["", "", ""], |words| {
        [words[0].as_str(), words[1].as_str(), words[2].as_str()]
    });
    match (first, second) {
        ("PARTITION", "BY") | ("REMOVE", "PARTITIONING") => Clauses::Partitioning,
        ("REORGANIZE" | "COALESCE" | "REBUILD" | "OPTIMIZE" | "REPAIR", "PARTITION") => {
            Clauses::PartitionsAnew
        }
        // By hash or key: all rows find their places anew.
        ("ADD", "PARTITION") if !says_what_they_hold => Clauses::PartitionsAnew,
        (
            "ADD" | "DROP" | "TRUNCATE" | "EXCHANGE" | "ANALYZE" | "CHECK" | "DISCARD" | "IMPORT"
            | "CONVERT",
            "PARTITION",
        )
        | ("DISCARD" | "IMPORT", "TABLESPACE")
        | ("CONVERT", "TABLE") => Clauses::Whole,
        _ if words.iter().any(renames) => Clauses::Renames,
        _ => Clauses::Plain,
    }
}

fn renames(words: &[String; 3]) -> bool {
    words[0] == "RENAME" && !["COLUMN", "INDEX", "KEY"].contains(&words[1].as_str())
}
