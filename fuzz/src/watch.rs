//! Keeps the input under trial where it can be found after the process died of it, and ends a process that hangs.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// No input of a few kilobytes may take so long, even on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// The exit code of a process that hung.
const HUNG: i32 = 124;

/// Watches a hunt.
pub struct Watch {
    file: Option<File>,
    path: PathBuf,
    /// How many inputs there were.
    count: Arc<AtomicU64>,
}

/// Where a target's input under trial is.
pub fn last_input(target: &str, folder: &Path) -> PathBuf {
    folder.join(format!("{target}-last"))
}

impl Watch {
    pub fn begin(target: &'static str, folder: &Path) -> Self {
        let path = last_input(target, folder);
        let file = fs::create_dir_all(folder).and_then(|()| File::create(&path));
        if let Err(error) = &file {
            eprintln!(
                "{}: {error}: an input that ends the process will be lost",
                path.display()
            );
        }
        let count = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&count);
        thread::spawn(move || {
            let mut before = seen.load(Ordering::Relaxed);
            loop {
                thread::sleep(PATIENCE);
                let now = seen.load(Ordering::Relaxed);
                if now == before {
                    println!(
                        "{target}: an input took longer than {} s",
                        PATIENCE.as_secs()
                    );
                    process::exit(HUNG);
                }
                before = now;
            }
        });
        Self {
            file: file.ok(),
            path,
            count,
        }
    }

    pub fn see(&mut self, input: &[u8]) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(file) = &self.file {
            // Best effort: the hunt is worth more than the note.
            let _ = file
                .write_all_at(input, 0)
                .and_then(|()| file.set_len(input.len() as u64));
        }
    }

    /// The hunt survived.
    pub fn end(self) {
        drop(self.file);
        let _ = fs::remove_file(&self.path);
    }
}
