//! Certificates for a server that speaks TLS: an authority of its own, and a certificate for 127.0.0.1 and localhost that it
//! signed. Made by the `openssl` program, which the servers' packages bring along.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::account;

/// What `openssl` needs to be told, so that it doesn't depend on the machine's own configuration.
const CONFIGURATION: &str = "
[req]
prompt = no
distinguished_name = name
[name]
CN = greylag-lab
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
";

/// The folder with a server's certificates, in its own folder.
pub(crate) fn folder(server: &Path) -> PathBuf {
    server.join("tls")
}

/// The settings that make each engine use them. Paths are relative to the data directory, beside which they lie.
pub(crate) fn settings(engine: crate::Engine) -> Vec<(String, String)> {
    let names = if engine == crate::Engine::Postgres {
        [
            ("ssl", "on"),
            ("ssl_cert_file", "../tls/server.crt"),
            ("ssl_key_file", "../tls/server.key"),
        ]
    } else {
        [
            ("ssl_ca", "../tls/ca.crt"),
            ("ssl_cert", "../tls/server.crt"),
            ("ssl_key", "../tls/server.key"),
        ]
    };
    names
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// Makes authority and certificate. Blocks for some tens of milliseconds.
pub(crate) fn write_certificates(server: &Path) -> io::Result<()> {
    let folder = folder(server);
    account::private_folder(&folder)?;
    std::fs::write(folder.join("openssl.cnf"), CONFIGURATION)?;
    const KEY: [&str; 5] = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ];
    let authority = ["req", "-x509", "-days", "3650", "-extensions", "authority"];
    let request = ["req", "-new", "-subj", "/CN=127.0.0.1"];
    let signing = [
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
    ];
    let signed = [
        "-days",
        "3650",
        "-extfile",
        "openssl.cnf",
        "-extensions",
        "server",
    ];
    run(
        &folder,
        &[
            &authority,
            &KEY[..],
            &[
                "-config",
                "openssl.cnf",
                "-keyout",
                "ca.key",
                "-out",
                "ca.crt",
            ],
        ],
    )?;
    run(
        &folder,
        &[
            &request,
            &KEY[..],
            &[
                "-config",
                "openssl.cnf",
                "-keyout",
                "server.key",
                "-out",
                "server.csr",
            ],
        ],
    )?;
    run(&folder, &[&signing, &signed[..], &["-out", "server.crt"]])?;
    for name in ["ca.crt", "server.crt", "server.key"] {
        account::hand_over(&folder.join(name))?;
    }
    Ok(())
}

fn run(folder: &Path, arguments: &[&[&str]]) -> io::Result<()> {
    let output = Command::new("openssl")
        .args(arguments.iter().copied().flatten())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the openssl program does not start: {error}"),
            )
        })?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}
