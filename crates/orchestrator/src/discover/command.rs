//! Shards that a command prints as JSON.

use super::{error::Trouble, file::document, record::Record};
use crate::project::{program, show_duration};
use std::{path::Path, process::Stdio, time::Duration};

pub(crate) async fn rows(
    argv: &[String],
    folder: &Path,
    limit: Duration,
) -> Result<Vec<Record>, Trouble> {
    let (Some(program), Some(mut command)) = (argv.first(), program(argv, folder)) else {
        return Err(Trouble::new("the command is empty"));
    };
    let running = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(limit, running)
        .await
        .map_err(|_| {
            Trouble::new(format!(
                "`{program}` did not end within {}",
                show_duration(limit)
            ))
            .hint("a longer time: `timeout = \"2m\"`")
        })?
        .map_err(|error| Trouble::new(format!("`{program}` can't be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim().lines().next_back().unwrap_or("nothing");
        return Err(Trouble::new(format!(
            "`{program}` ended with {}, and said: {said}",
            output.status
        )));
    }
    let value = serde_json::from_slice(&output.stdout)
        .map_err(|error| Trouble::new(format!("`{program}` printed no JSON: {error}")))?;
    document(value).map_err(|why| Trouble::new(format!("`{program}`: {why}")))
}
