//! gh-ost's own ways: how it reads a login, what it is told of TLS, and the names and numbers that keep two runs apart.
//!
//! As of version 1.1.8. Its command line is in `arguments`.

use super::folder::Folder;
use greylag_core::online::READERS;
use greylag_engines::{Access, TableChange, TlsProof};
use std::io;

/// The variable that holds what its login file can't.
const VARIABLE: &str = "GREYLAG_TOOL_PASSWORD";

/// Writes the file that it reads the login from. What that can't hold comes back, as a variable for it.
pub fn write_login(folder: &Folder, access: &Access) -> io::Result<Vec<(&'static str, String)>> {
    let password = access.password.as_ref().map_or("", |p| p.expose());
    let (text, variables) = login(&access.user, password);
    folder.write("gh-ost.cnf", &text)?;
    Ok(variables)
}

/// Between backquotes its reader takes everything as it is, but for a line's end, `%(key)s`, and `${VARIABLE}` anywhere in a value.
fn login(user: &str, password: &str) -> (String, Vec<(&'static str, String)>) {
    let text = format!("[client]\nuser=`{user}`\n");
    if password.is_empty() {
        return (text, Vec::new());
    }
    let odd = ["\n", "\r", "%(", "${"];
    match odd.iter().any(|text| password.contains(text)) {
        false => (format!("{text}password=`{password}`\n"), Vec::new()),
        true => (
            format!("{text}password=${{{VARIABLE}}}\n"),
            vec![(VARIABLE, password.to_owned())],
        ),
    }
}

/// What it is told of TLS: nothing in a login file does that.
pub fn tls(access: &Access) -> Vec<String> {
    let Some(tls) = &access.tls else {
        return Vec::new();
    };
    let mut arguments = vec!["--ssl".to_owned()];
    match (&tls.authorities, tls.proof) {
        (_, TlsProof::Nothing) => arguments.push("--ssl-allow-insecure".to_owned()),
        // It has no way to leave the host name out of the proof: a certificate for another one is refused.
        (Some(file), TlsProof::Authority | TlsProof::Identity) => {
            arguments.push(format!("--ssl-ca={}", file.display()));
        }
        (None, TlsProof::Authority | TlsProof::Identity) => {}
    }
    if let Some((certificate, key)) = &tls.certificate {
        arguments.push(format!("--ssl-cert={}", certificate.display()));
        arguments.push(format!("--ssl-key={}", key.display()));
    }
    arguments
}

/// The part of its tables' names that it may be told.
pub fn name_between(change: &TableChange) -> Option<String> {
    let new = change.new_table.as_deref()?;
    Some(new.strip_prefix('_')?.strip_suffix("_gho")?.to_owned())
}

/// Host and port as one text.
pub fn instance(access: &Access) -> String {
    match access.host.contains(':') {
        true => format!("[{}]:{}", access.host, access.port),
        false => format!("{}:{}", access.host, access.port),
    }
}

/// A number for one that reads the binary log: the server ends the first of two readers that share one.
pub fn server_id(mark: &str) -> u32 {
    let digits = mark.trim_start_matches("gl");
    READERS.start() | u32::from_str_radix(digits, 16).unwrap_or(0) & 0x00ff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use greylag_engines::TlsFiles;

    fn access() -> Access {
        Access {
            host: "10.0.0.1".into(),
            port: 3306,
            socket: None,
            user: "greylag".into(),
            password: None,
            tls: None,
        }
    }

    #[test]
    fn what_its_login_file_can_t_hold_is_a_variable() {
        let plain = "a b'c\"d=#;\\-ü`x";
        assert_eq!(
            login("greylag", plain),
            (
                format!("[client]\nuser=`greylag`\npassword=`{plain}`\n"),
                Vec::new()
            )
        );
        for odd in ["two\nlines", "50%(user)s", "a${HOME}b"] {
            let (text, variables) = login("greylag", odd);
            assert!(
                text.ends_with("password=${GREYLAG_TOOL_PASSWORD}\n"),
                "{text}"
            );
            assert_eq!(variables, [("GREYLAG_TOOL_PASSWORD", odd.to_owned())]);
        }
        assert_eq!(login("greylag", "").0, "[client]\nuser=`greylag`\n");
    }

    #[test]
    fn tls_is_as_strict_as_the_working_connection() {
        assert_eq!(tls(&access()), Vec::<String>::new());
        let with = |tls| Access {
            tls: Some(tls),
            ..access()
        };
        assert_eq!(
            tls(&with(TlsFiles::default())),
            ["--ssl", "--ssl-allow-insecure"]
        );
        let verified = TlsFiles {
            proof: TlsProof::Identity,
            authorities: Some("/ca.pem".into()),
            certificate: Some(("/c.pem".into(), "/k.pem".into())),
        };
        assert_eq!(
            tls(&with(verified)),
            [
                "--ssl",
                "--ssl-ca=/ca.pem",
                "--ssl-cert=/c.pem",
                "--ssl-key=/k.pem"
            ]
        );
    }

    #[test]
    fn each_attempt_reads_the_binary_log_under_a_number_of_its_own() {
        assert_eq!(server_id("gl01ab23"), 0x4701_ab23);
        assert_ne!(server_id("gl01ab24"), server_id("gl01ab23"));
        let host = |host: &str| Access {
            host: host.into(),
            ..access()
        };
        assert_eq!(instance(&host("db")), "db:3306");
        assert_eq!(instance(&host("::1")), "[::1]:3306");
    }
}
