//! Secrets as references: an environment variable, a file, a command.
//!
//! The value is had at each connection and kept nowhere, but for a command with a time to live.

use super::{
    program::program,
    section::{At, Section},
};
use async_trait::async_trait;
use greylag_engines::{PasswordSource, Secret, SecretError};
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// How long a command may take to print a password.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Where a password is to be had.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    Env(String),
    File(PathBuf),
    Command {
        argv: Vec<String>,
        ttl: Duration,
        /// Where it is run: the project's.
        folder: PathBuf,
    },
}

/// A reference that can be resolved; a command's answer is kept for its time to live.
pub struct StoredSecret {
    reference: SecretRef,
    kept: Mutex<Option<(Instant, Secret)>>,
}

impl SecretRef {
    /// Reads `{ env = … }`, `{ file = … }` or `{ command = […], ttl = … }`.
    pub(crate) fn read(section: Section<'_>, folder: &Path) -> Option<SecretRef> {
        let env = section.string("env");
        let file = section.string("file");
        let command = section.strings("command");
        let ttl = section.duration("ttl");
        let span = section.span.clone();
        let problems = section.problems();
        if ttl.is_some() && command.is_none() {
            problems.add(
                section.place("ttl"),
                "`ttl` belongs to a `command`",
                "an environment variable or a file is read at each connection anyway".to_owned(),
            );
        }
        section.finish();
        match (env, file, command) {
            (Some(env), None, None) if !env.value.is_empty() => Some(SecretRef::Env(env.value)),
            (None, Some(file), None) if !file.value.is_empty() => {
                Some(SecretRef::File(folder.join(file.value)))
            }
            (None, None, Some(argv)) if !argv.is_empty() => Some(SecretRef::Command {
                argv: argv.into_iter().map(|At { value, .. }| value).collect(),
                ttl: ttl.unwrap_or_default(),
                folder: folder.to_owned(),
            }),
            _ => {
                problems.add(
                    span,
                    "a password names exactly one of `env`, `file` and `command`",
                    "write `password = { env = \"NAME\" }`".to_owned(),
                );
                None
            }
        }
    }

    pub fn stored(self) -> StoredSecret {
        StoredSecret {
            reference: self,
            kept: Mutex::new(None),
        }
    }

    fn refused(&self, why: impl Into<String>) -> SecretError {
        SecretError {
            reference: self.to_string(),
            why: why.into(),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "the environment variable `{name}`"),
            SecretRef::File(path) => write!(f, "the file {}", path.display()),
            SecretRef::Command { argv, .. } => {
                write!(
                    f,
                    "the command `{}`",
                    argv.first().map_or("", String::as_str)
                )
            }
        }
    }
}

impl fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoredSecret")
            .field(&self.reference)
            .finish()
    }
}

#[async_trait]
impl PasswordSource for StoredSecret {
    async fn resolve(&self) -> Result<Secret, SecretError> {
        match &self.reference {
            SecretRef::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(Secret::new(value)),
                Ok(_) => Err(self.reference.refused("it is empty")),
                Err(std::env::VarError::NotPresent) => Err(self.reference.refused("it is not set")),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(self.reference.refused("it is not valid UTF-8"))
                }
            },
            SecretRef::File(path) => match tokio::fs::read_to_string(path).await {
                Ok(text) => first_line(&text).ok_or_else(|| self.reference.refused("it is empty")),
                Err(error) => Err(self.reference.refused(error.to_string())),
            },
            SecretRef::Command { argv, ttl, folder } => {
                // Held while the command runs, so that a fleet asks it once and not once per shard.
                let mut kept = self.kept.lock().await;
                if let Some((since, secret)) = &*kept
                    && since.elapsed() < *ttl
                {
                    return Ok(secret.clone());
                }
                let secret = self.ask(argv, folder).await?;
                *kept = (!ttl.is_zero()).then(|| (Instant::now(), secret.clone()));
                Ok(secret)
            }
        }
    }
}

impl StoredSecret {
    async fn ask(&self, argv: &[String], folder: &Path) -> Result<Secret, SecretError> {
        let refused = |why: String| self.reference.refused(why);
        let Some(mut command) = program(argv, folder) else {
            return Err(refused("it is empty".into()));
        };
        let running = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(COMMAND_LIMIT, running)
            .await
            .map_err(|_| refused(format!("it took longer than {} s", COMMAND_LIMIT.as_secs())))?
            .map_err(|error| refused(error.to_string()))?;
        if !output.status.success() {
            // Only what the command says to people; its stdout may hold the secret.
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().lines().next_back().unwrap_or_default();
            return Err(refused(format!("{}: {said}", output.status)));
        }
        std::str::from_utf8(&output.stdout)
            .ok()
            .and_then(first_line)
            .ok_or_else(|| refused("it printed nothing that reads as a password".into()))
    }
}

/// The text without its line's end; editors and `echo` add one that isn't part of a password.
fn first_line(text: &str) -> Option<Secret> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    (!line.is_empty()).then(|| Secret::new(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_gives_its_text_without_the_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "pa ss\n").unwrap();
        let secret = SecretRef::File(path).stored().resolve().await.unwrap();
        assert_eq!(secret.expose(), "pa ss");
    }

    #[tokio::test]
    async fn a_command_is_asked_once_within_its_time_to_live() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo x >> {}; echo secret", count.display());
        let command = |ttl| SecretRef::Command {
            argv: ["sh", "-c", &script].map(String::from).to_vec(),
            ttl,
            folder: folder.path().to_owned(),
        };
        let kept = command(Duration::from_secs(600)).stored();
        for _ in 0..3 {
            assert_eq!(kept.resolve().await.unwrap().expose(), "secret");
        }
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
        let fresh = command(Duration::ZERO).stored();
        for _ in 0..2 {
            fresh.resolve().await.unwrap();
        }
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\nx\nx\n");
    }

    #[tokio::test]
    async fn a_failing_command_says_so_without_what_it_printed() {
        let command = SecretRef::Command {
            argv: ["sh", "-c", "echo hunter2; echo sealed >&2; exit 3"]
                .map(String::from)
                .to_vec(),
            ttl: Duration::ZERO,
            folder: "/".into(),
        };
        let error = command.stored().resolve().await.unwrap_err().to_string();
        assert!(
            error.contains("sealed") && error.contains("`sh`"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_variable_is_named() {
        let secret = SecretRef::Env("GREYLAG_TEST_NOT_SET".into()).stored();
        let error = secret.resolve().await.unwrap_err().to_string();
        assert!(
            error.contains("`GREYLAG_TEST_NOT_SET`: it is not set")
                || error.contains("it is not set"),
            "{error}"
        );
    }
}
