//! A database of one test.

/// A fresh database on a server of the lab. URLs hold the lab's password, which guards nothing.
#[derive(Debug, Clone)]
pub struct TestDatabase {
    /// For the ordinary account `greylag`, which owns it.
    pub url: String,
    /// For the administrator.
    pub admin_url: String,
    /// Its name on the server.
    pub name: String,
}
