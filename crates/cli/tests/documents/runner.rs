//! Runs what a page promises.
//!
//! Of a `console` block each line that begins with `$ ` is run by a shell; a comment `# exits N` behind it says the exit code
//! where that is not 0. Every other line must stand in what the command before it printed; `…` stands for anything.
//! A comment `<!-- file PATH -->` before a block writes the block into that file, where the console stands.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A page's folder, with all that its blocks did to it.
pub struct Runner {
    page: String,
    _home: tempfile::TempDir,
    at: PathBuf,
    printed: String,
    pub commands: usize,
}

impl Runner {
    pub fn new(page: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self {
            page: page.to_owned(),
            at: home.path().to_owned(),
            _home: home,
            printed: String::new(),
            commands: 0,
        }
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.at.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A console block's lines, in order.
    pub fn console(&mut self, block: &str) {
        for line in block.lines().filter(|line| !line.trim().is_empty()) {
            match line.strip_prefix("$ ") {
                Some(command) => self.command(command),
                None => assert!(
                    self.printed.lines().any(|printed| matches(printed, line)),
                    "{} promises `{line}`, and there was:\n{}",
                    self.page,
                    self.printed
                ),
            }
        }
    }

    fn command(&mut self, command: &str) {
        self.commands += 1;
        let (command, expected) = match command.split_once("# exits ") {
            Some((command, code)) => (command.trim(), code.trim().parse().unwrap()),
            None => (command, 0),
        };
        if let Some(into) = command.strip_prefix("cd ") {
            self.at.push(into);
            assert!(self.at.is_dir(), "{}: no folder {into}", self.page);
            return;
        }
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&self.at)
            .env("PATH", path())
            .env_remove("GREYLAG_CONFIG")
            .output()
            .unwrap();
        self.printed = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{}: `{command}` in {}:\n{}",
            self.page,
            self.at.display(),
            self.printed
        );
    }
}

/// Whether a printed line holds the parts of a promised one, in order. How wide a blank is doesn't matter.
fn matches(printed: &str, promised: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (printed, promised) = (plain(printed), plain(promised));
    let mut rest = printed.as_str();
    promised.split('…').all(|part| {
        let part = part.trim();
        rest.find(part).is_some_and(|at| {
            rest = &rest[at + part.len()..];
            true
        })
    })
}

/// A fenced block of a page, and the comment on the line before it.
pub struct Block<'a> {
    pub language: &'a str,
    pub text: String,
    pub mark: Option<&'a str>,
}

pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let mark = before
                .strip_prefix("<!-- ")
                .and_then(|mark| mark.strip_suffix(" -->"));
            blocks.push(Block {
                language,
                text: text.join("\n") + "\n",
                mark,
            });
            before = "";
        } else if !line.trim().is_empty() {
            before = line;
        }
    }
    blocks
}

/// The shell's own, with the program under test before it.
fn path() -> OsString {
    let binary = Path::new(env!("CARGO_BIN_EXE_greylag"));
    let mut folders = vec![binary.parent().unwrap().to_owned()];
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    std::env::join_paths(folders).unwrap()
}
