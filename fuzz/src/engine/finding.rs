//! An input that breaks a target, and how that is noticed.

use crate::Target;
use sha2::{Digest, Sha256};
use std::{
    cell::{Cell, RefCell},
    fmt, fs, io,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Once,
};

/// What an input did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What the panic said.
    pub message: String,
    /// File and line of the panic.
    pub place: String,
}

/// An input that breaks a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub target: &'static str,
    pub input: Vec<u8>,
    pub fault: Fault,
}

thread_local! {
    static TRYING: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// Runs a target on an input.
pub fn try_input(target: &Target, input: &[u8]) -> Result<(), Fault> {
    listen();
    TRYING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    TRYING.set(false);
    result.map_err(|_| {
        LAST.take().unwrap_or_else(|| Fault {
            message: "a panic without a word".to_owned(),
            place: String::new(),
        })
    })
}

/// Keeps panics of targets quiet, and remembers them; those of others are told as ever.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !TRYING.get() {
                return usual(info);
            }
            let message = info
                .payload_as_str()
                .unwrap_or("a panic without words")
                .to_owned();
            let place = info.location().map(ToString::to_string).unwrap_or_default();
            LAST.set(Some(Fault { message, place }));
        }));
    });
}

impl Finding {
    /// Writes the input into a folder, under a name of its own.
    pub fn save(&self, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let digest = Sha256::digest(&self.input);
        let name: String = digest[..6].iter().map(|b| format!("{b:02x}")).collect();
        let path = folder.join(format!("{}-{name}", self.target));
        fs::write(&path, &self.input)?;
        Ok(path)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} breaks at {}:", self.target, self.fault.place)?;
        writeln!(f, "  {}", self.fault.message.replace('\n', "\n  "))?;
        write!(f, "  input: {:?}", String::from_utf8_lossy(&self.input))
    }
}
