//! A TCP port of 127.0.0.1 that is ours for as long as we hold it, also between a server's stop and its restart.
//!
//! Ports below the range that the kernel hands out by itself, held by a locked file, so that the test processes of one
//! machine don't take each other's.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use rand::Rng;
use rustix::fs::{FlockOperation, flock};

const RANGE: std::ops::Range<u16> = 20_000..30_000;

#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    /// None: another process holds it.
    _hold: Option<File>,
}

impl Port {
    /// The port of a server that another process has started.
    pub(crate) fn of(number: u16) -> Port {
        Port {
            number,
            _hold: None,
        }
    }

    /// Takes a free port.
    pub(crate) fn take() -> io::Result<Port> {
        let folder = std::env::temp_dir().join("greylag-lab-ports");
        std::fs::create_dir_all(&folder)?;
        // Shared by all users of the machine; only the owner may change it, and needn't.
        let _ = std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o1777));
        for _ in 0..1_000 {
            let number = rand::rng().random_range(RANGE);
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(folder.join(number.to_string()));
            let Ok(hold) = file else { continue };
            if flock(&hold, FlockOperation::NonBlockingLockExclusive).is_err() {
                continue;
            }
            if TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Ok(Port {
                    number,
                    _hold: Some(hold),
                });
            }
        }
        Err(io::Error::other(
            "no free TCP port between 20000 and 29999 on 127.0.0.1",
        ))
    }
}
