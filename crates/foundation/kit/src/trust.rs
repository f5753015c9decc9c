//! Which servers this process believes when it connects to them by TLS: rustls with ring, TLS 1.2
//! and 1.3, as for its own listeners.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Whose signature makes a certificate good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// Those that the machine trusts.
    System,
    /// Those in this PEM file.
    File(PathBuf),
}

/// What is asked of a server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing: nobody can listen, but anybody can pose as the server.
    Anybody,
    /// That it is signed by one of these, for whatever name.
    Signed(Roots),
    /// That it is signed by one of these, for the name that is connected to.
    Named(Roots),
}

/// Why certificates cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read or is not PEM.
    #[error("cannot read the root certificates in {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: pem::Error,
    },
    /// No certificate, or none that can be used.
    #[error("there is no usable root certificate in {0}")]
    None(String),
    /// The TLS library refuses.
    #[error("root certificates cannot be used: {0}")]
    Unusable(String),
}

impl Trust {
    /// The client's side of a connection that asks this much. Reads the roots.
    ///
    /// # Errors
    /// [`TrustError`], naming the file.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let unusable = |error: rustls::Error| TrustError::Unusable(error.to_string());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(unusable)?;
        let builder = match self {
            Self::Named(roots) => builder.with_root_certificates(roots.read()?),
            Self::Signed(roots) => {
                let signed = verifier(roots.read()?, &provider)?;
                let judge = Lenient { signed: Some(signed), provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(judge))
            }
            Self::Anybody => {
                let judge = Lenient { signed: None, provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(judge))
            }
        };
        Ok(Arc::new(builder.with_no_client_auth()))
    }
}

impl Roots {
    fn read(&self) -> Result<RootCertStore, TrustError> {
        let mut store = RootCertStore::empty();
        let (found, place) = match self {
            Self::System => (rustls_native_certs::load_native_certs().certs, "the system".into()),
            Self::File(path) => (read_file(path)?, path.display().to_string()),
        };
        // A machine's store may hold some that are too old to be read.
        let (usable, _) = store.add_parsable_certificates(found);
        if usable == 0 { Err(TrustError::None(place)) } else { Ok(store) }
    }
}

fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let refused = |source| TrustError::File { path: path.to_owned(), source };
    CertificateDer::pem_file_iter(path).map_err(refused)?.collect::<Result<_, _>>().map_err(refused)
}

fn verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, TrustError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| TrustError::Unusable(error.to_string()))
}

/// Asks less of a certificate than rustls does by itself.
#[derive(Debug)]
struct Lenient {
    /// None: any certificate will do.
    signed: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError::{NotValidForName, NotValidForNameContext};
        let Some(signed) = &self.signed else { return Ok(ServerCertVerified::assertion()) };
        let judged =
            signed.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match judged {
            // The name is judged last, when all else is found good.
            Err(rustls::Error::InvalidCertificate(
                NotValidForName | NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("roots.pem");
        let refusal = || {
            let trust = Trust::Named(Roots::File(path.clone()));
            trust.config().unwrap_err().to_string()
        };
        assert!(refusal().contains("roots.pem"), "{}", refusal());
        std::fs::write(&path, "no certificate").unwrap();
        assert!(refusal().contains("no usable root certificate in"), "{}", refusal());
    }
}
