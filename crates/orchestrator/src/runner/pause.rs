//! The pause of a tool, until it stands as it should: a tool that can't be told to wait must not go on.

use super::folder::Folder;
use std::{io, time::Duration};
use tokio::time::{Instant, sleep_until};

/// How long until it is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How often a pause is tried before the tool has to end instead.
const TRIES: u32 = 10;

/// Whether a tool is to wait, and whether it has been told so.
#[derive(Debug, Default)]
pub struct Pause {
    wanted: bool,
    stands: bool,
    failed: u32,
    next: Option<Instant>,
}

/// What a try came to.
#[derive(Debug)]
pub enum Put {
    /// It was so already.
    Same,
    Changed,
    /// Not yet; the first time with what there is to tell.
    Not(Option<io::Error>),
    /// A pause that can't be had.
    GivenUp(io::Error),
}

impl Pause {
    /// The tool waits, or is to.
    pub fn is_on(&self) -> bool {
        self.wanted || self.stands
    }

    /// Has it as it is wanted now.
    pub fn want(&mut self, wanted: bool, folder: &Folder) -> Put {
        if wanted == self.wanted && self.next.is_some() {
            // News of the nodes come more often than it is worth a try.
            return Put::Not(None);
        }
        if wanted != self.wanted {
            self.failed = 0;
        }
        self.wanted = wanted;
        self.put(folder)
    }

    /// Tries once.
    pub fn put(&mut self, folder: &Folder) -> Put {
        self.next = None;
        if self.stands == self.wanted {
            return Put::Same;
        }
        match folder.pause(self.wanted) {
            Ok(()) => {
                self.stands = self.wanted;
                self.failed = 0;
                Put::Changed
            }
            Err(error) => {
                self.failed += 1;
                if self.wanted && self.failed >= TRIES {
                    return Put::GivenUp(error);
                }
                self.next = Some(Instant::now() + AGAIN);
                Put::Not((self.failed == 1).then_some(error))
            }
        }
    }

    /// When it is to be tried again; never, where it stands.
    pub async fn due(&self) {
        match self.next {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_engines::Access;

    fn folder() -> Folder {
        Folder::make(&Access {
            host: "10.0.0.1".into(),
            port: 3306,
            socket: None,
            user: "greylag".into(),
            password: None,
            tls: None,
        })
        .unwrap()
    }

    #[test]
    fn a_pause_that_can_t_be_written_is_tried_again_and_then_given_up() {
        let folder = folder();
        let mut pause = Pause::default();
        assert!(matches!(pause.want(false, &folder), Put::Same));
        std::fs::remove_dir_all(folder.path()).unwrap();
        std::fs::write(folder.path(), "in its place").unwrap();
        assert!(matches!(pause.want(true, &folder), Put::Not(Some(_))));
        for _ in 0..2 * TRIES {
            assert!(matches!(pause.want(true, &folder), Put::Not(None)));
        }
        for _ in 2..TRIES {
            assert!(pause.next.is_some());
            assert!(matches!(pause.put(&folder), Put::Not(None)));
        }
        assert!(matches!(pause.put(&folder), Put::GivenUp(_)));
        std::fs::remove_file(folder.path()).unwrap();
    }

    #[test]
    fn what_is_put_back_in_time_pauses_and_a_folder_that_was_swept_is_made_again() {
        let folder = folder();
        let mut pause = Pause::default();
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(matches!(pause.want(true, &folder), Put::Changed));
        assert!(folder.pause_file().exists() && pause.is_on());
        std::fs::remove_dir_all(folder.path()).unwrap();
        assert!(matches!(pause.want(false, &folder), Put::Changed));
        assert!(!pause.is_on());
    }
}
