//! A folder of its own for one run of a tool: the login, the file that pauses it, and what makes it look at that file.
//!
//! Nobody else may enter it. It goes with this value; where this process is killed, with the tool (`watchdog.sh`).

use greylag_engines::{Access, TlsProof};
use std::{
    fs, io,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Percona's tool looks at its pause file once a minute alone, and not before it swaps tables; this makes it look each second.
const PLUGIN: &str = include_str!("hold.pm");

#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn make(access: &Access) -> io::Result<Folder> {
        let name = format!("greylag-{}", uuid::Uuid::new_v4().simple());
        let path = place(std::env::temp_dir()).join(name);
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Folder { path };
        folder.write("login.cnf", &login(access))?;
        // The library under Percona's tool takes TLS for a wish otherwise. Programs take that word for a mistake.
        let enforced = access.tls.iter().map(|_| "ssl-enforce=\"1\"\n");
        let enforced: String = enforced.collect();
        folder.write("pt.cnf", &(login(access) + &enforced))?;
        folder.write("hold.pm", PLUGIN)?;
        Ok(folder)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn login(&self) -> PathBuf {
        self.path.join("login.cnf")
    }

    /// The login for Percona's tool.
    pub fn pt_login(&self) -> PathBuf {
        self.path.join("pt.cnf")
    }

    pub fn pause_file(&self) -> PathBuf {
        self.path.join("pause")
    }

    /// While the file is there, the tool waits.
    pub fn pause(&self, pause: bool) -> io::Result<()> {
        if pause {
            // In a run of days somebody may have swept the place where it was.
            let mut folder = fs::DirBuilder::new();
            folder.mode(0o700).recursive(true).create(&self.path)?;
            return self.write("pause", "");
        }
        match fs::remove_file(self.pause_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// A file that only its own user may read.
    pub fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(self.path.join(name))?;
        file.write_all(text.as_bytes())
    }
}

/// A socket's path has room for about a hundred bytes, and gh-ost makes one in the folder.
fn place(usual: PathBuf) -> PathBuf {
    match usual.as_os_str().len() <= 40 {
        true => usual,
        false => PathBuf::from("/tmp"),
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is gone already is as it should be.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// An option file as both servers' client libraries read it.
fn login(access: &Access) -> String {
    let mut text = String::from("[client]\n");
    let mut line = |key: &str, value: &str| {
        text.push_str(key);
        text.push_str("=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                c => text.push(c),
            }
        }
        text.push_str("\"\n");
    };
    line("user", &access.user);
    if let Some(password) = &access.password {
        line("password", password.expose());
    }
    match &access.socket {
        Some(socket) => line("socket", socket),
        None => {
            line("host", &access.host);
            line("port", &access.port.to_string());
            // Client libraries take the host `localhost` for a socket otherwise.
            line("protocol", "TCP");
        }
    }
    if let Some(tls) = &access.tls {
        // The two libraries spell it differently, and pass over what they don't know.
        line(
            "ssl-mode",
            match tls.proof {
                TlsProof::Nothing => "REQUIRED",
                TlsProof::Authority => "VERIFY_CA",
                TlsProof::Identity => "VERIFY_IDENTITY",
            },
        );
        if tls.proof == TlsProof::Identity {
            line("ssl-verify-server-cert", "1");
        }
        let path = |path: &Path| path.display().to_string();
        if let Some(file) = &tls.authorities {
            line("ssl-ca", &path(file));
        }
        if let Some((certificate, key)) = &tls.certificate {
            line("ssl-cert", &path(certificate));
            line("ssl-key", &path(key));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_engines::Secret;
    use std::os::unix::fs::PermissionsExt;

    fn access() -> Access {
        Access {
            host: "10.0.0.1".into(),
            port: 3307,
            socket: None,
            user: "greylag".into(),
            password: Some(Secret::new("we\"ird\\ #1")),
            tls: None,
        }
    }

    #[test]
    fn the_login_is_for_one_pair_of_eyes_and_goes_with_the_folder() {
        let folder = Folder::make(&access()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(&folder.login()), 0o600);
        let text = fs::read_to_string(folder.login()).unwrap();
        assert_eq!(
            text,
            "[client]\nuser=\"greylag\"\npassword=\"we\\\"ird\\\\ #1\"\nhost=\"10.0.0.1\"\nport=\"3307\"\nprotocol=\"TCP\"\n"
        );
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_socket_has_room_in_its_path() {
        assert_eq!(place("/var/tmp".into()), Path::new("/var/tmp"));
        assert_eq!(
            place(format!("/{}", "x".repeat(60)).into()),
            Path::new("/tmp")
        );
    }

    #[test]
    fn pausing_twice_and_going_on_twice_is_no_mistake() {
        let folder = Folder::make(&access()).unwrap();
        for pause in [true, true, false, false] {
            folder.pause(pause).unwrap();
            assert_eq!(folder.pause_file().exists(), pause);
        }
    }
}
