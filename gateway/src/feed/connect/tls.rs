//! TLS to the database: what of the server's certificate is verified in each mode of sslmode.

use super::ConnectError;
use crate::config::database::{Roots, Tls, TlsMode};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, CryptoProvider};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;

/// What connections are made with.
pub(super) fn client_config(tls: &Tls) -> Result<ClientConfig, ConnectError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier {
        trust: trust(tls)?,
        names: tls.mode == TlsMode::VerifyFull,
        provider: provider.clone(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &tls.identity {
        Some((certificate, key)) => builder
            .with_client_auth_cert(certificates("sslcert", certificate)?, private_key(key)?)
            .map_err(|error| ConnectError::Setup(format!("sslcert and sslkey: {error}")))?,
        None => builder.with_no_client_auth(),
    };
    if tls.direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

/// Whose certificates are taken.
#[derive(Debug)]
enum Trust {
    Anybody,
    Roots {
        store: RootCertStore,
        /// The same, to compare with: a server's own certificate may be given as a root, as libpq takes it.
        given: Vec<CertificateDer<'static>>,
    },
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Trust::Roots { store, given } = &self.trust else {
            return Ok(ServerCertVerified::assertion());
        };
        let parsed = ParsedCertificate::try_from(certificate)?;
        if !given.contains(certificate) {
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(&parsed, store, between, now, algorithms)?;
        }
        if self.names {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn trust(tls: &Tls) -> Result<Trust, ConnectError> {
    if !matches!(tls.mode, TlsMode::VerifyCa | TlsMode::VerifyFull) {
        return Ok(Trust::Anybody);
    }
    let given = match &tls.roots {
        Some(Roots::File(path)) => certificates("sslrootcert", path)?,
        Some(Roots::System) | None => rustls_native_certs::load_native_certs().certs,
    };
    let mut store = RootCertStore::empty();
    // A root of another kind than TLS knows says nothing about the others.
    let (taken, _) = store.add_parsable_certificates(given.iter().cloned());
    if taken == 0 {
        let nothing = "there is no certificate to verify the server's with: give sslrootcert";
        return Err(ConnectError::Setup(nothing.to_string()));
    }
    // Only what the operator names is compared.
    let given = if matches!(tls.roots, Some(Roots::File(_))) {
        given
    } else {
        Vec::new()
    };
    Ok(Trust::Roots { store, given })
}

fn certificates(what: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| unreadable(what, path, &error))?;
    match read.is_empty() {
        true => Err(ConnectError::Setup(format!(
            "{what} {} has no certificate",
            path.display()
        ))),
        false => Ok(read),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, ConnectError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| unreadable("sslkey", path, &error))
}

fn unreadable(what: &str, path: &Path, error: &dyn std::error::Error) -> ConnectError {
    let error = super::error::chain(error);
    ConnectError::Setup(format!("{what} {} cannot be used: {error}", path.display()))
}

fn setup(error: rustls::Error) -> ConnectError {
    ConnectError::Setup(error.to_string())
}
