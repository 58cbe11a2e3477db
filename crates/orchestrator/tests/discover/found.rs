//! A project in a folder of its own, and the fleet that is found from it.

use greylag_orchestrator::{
    discover::{Found, discover},
    project::load,
};
use std::fmt::Write;
use tempfile::TempDir;

pub struct Place {
    pub folder: TempDir,
}

impl Place {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    /// The project's text, and what discovery makes of it.
    pub async fn find(&self, project: &str) -> Result<Found, String> {
        let file = self.folder.path().join("greylag.toml");
        std::fs::write(&file, format!("project = \"p\"\n{project}")).unwrap();
        let project = load(&file).unwrap();
        discover(&project).await.map_err(|error| {
            let mut text = error.to_string();
            for trouble in &error.troubles {
                if error.troubles.len() > 1 {
                    text.push_str(&format!("\n  {trouble}"));
                }
                if let Some(hint) = &trouble.hint {
                    text.push_str(&format!("\n    {hint}"));
                }
            }
            self.short(&text)
        })
    }

    /// A line per shard.
    pub async fn shards(&self, project: &str) -> String {
        match self.find(project).await {
            Ok(found) => self.short(&show(&found)),
            Err(text) => format!("error: {text}"),
        }
    }

    fn short(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "/here")
    }
}

pub fn show(found: &Found) -> String {
    let mut text = String::new();
    for (at, member) in found.fleet.shards.iter().enumerate() {
        let shard = &member.shard;
        write!(
            text,
            "{} {} host={}",
            shard.name,
            member.target.address(),
            shard.host
        )
        .unwrap();
        if let Some(schema) = &shard.schema {
            write!(text, " schema={schema}").unwrap();
        }
        for (key, value) in shard.labels.iter() {
            write!(text, " {key}={value}").unwrap();
        }
        let replicas = found.replicas[at].listed();
        if replicas > 0 {
            write!(text, " replicas={replicas}").unwrap();
        }
        if member.target.password.is_some() {
            text.push_str(" password");
        }
        text.push('\n');
    }
    text
}
