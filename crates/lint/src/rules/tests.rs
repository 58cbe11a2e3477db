//! Every rule against its own files.
