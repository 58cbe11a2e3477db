//! TLS as `libpq` understands `sslmode`, on rustls and ring.
//!
//! `require` encrypts and proves nothing, `verify-ca` proves the chain, `verify-full` the name too. A root file given
//! with `require` makes it `verify-ca`, as with `libpq`.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_postgres::{Socket, tls::MakeTlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Mode, Security};

pub type Tls = MakeRustlsConnect;
pub type Connection =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// The connector for a way of securing the channel; made once per process and way.
pub fn connector(security: &Security) -> Result<Tls, Broken> {
    static MADE: OnceLock<Mutex<HashMap<Security, Tls>>> = OnceLock::new();
    let made = MADE.get_or_init(Mutex::default);
    if let Some(tls) = made
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(security)
    {
        return Ok(tls.clone());
    }
    let tls = MakeRustlsConnect::new(config(security)?);
    made.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(security.clone(), tls.clone());
    Ok(tls)
}

fn config(security: &Security) -> Result<ClientConfig, Broken> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (security.mode, &security.root) {
        (Mode::VerifyFull, root) => chain(root.as_deref(), &provider)?,
        (Mode::VerifyCa, root) => Arc::new(AnyName(chain(root.as_deref(), &provider)?)),
        (Mode::Require, Some(root)) => Arc::new(AnyName(chain(Some(root), &provider)?)),
        _ => Arc::new(Anyone(Arc::clone(&provider))),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match (&security.certificate, &security.key) {
        (Some(certificate), Some(key)) => builder.with_client_auth_cert(
            certificates(certificate)?,
            PrivateKeyDer::from_pem_file(key).map_err(|e| unreadable(key, e))?,
        )?,
        _ => builder.with_no_client_auth(),
    };
    // Servers from 17 on refuse a direct handshake without it.
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

fn chain(
    root: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Broken> {
    let mut roots = RootCertStore::empty();
    match root {
        Some(file) => {
            for certificate in certificates(file)? {
                roots.add(certificate)?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err("no trusted root certificate was found; give one with `sslrootcert`".into());
    }
    Ok(
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()?,
    )
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Broken> {
    CertificateDer::pem_file_iter(file)
        .map_err(|e| unreadable(file, e))?
        .collect::<Result<_, _>>()
        .map_err(|e| unreadable(file, e))
}

fn unreadable(file: &Path, why: impl std::fmt::Display) -> Broken {
    format!("{} can't be read: {why}", file.display()).into()
}

/// Proves the chain, whatever name the certificate is for.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self
            .0
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
        {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Proves nothing but that the other side holds the key of the certificate it shows.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
