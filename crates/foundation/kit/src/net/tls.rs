//! TLS for a listener: rustls with ring, TLS 1.2 and 1.3, and certificates that can be replaced
//! while connections stay open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The setting that names the file with the certificate chain.
pub const CERT_SETTING: &str = "tls.cert_path";
/// The setting that names the file with the private key.
pub const KEY_SETTING: &str = "tls.key_path";

/// The certificate and key of a listener, as they were last read.
#[derive(Clone, Debug)]
pub struct Tls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cert_path: PathBuf,
    key_path: PathBuf,
    config: ArcSwap<ServerConfig>,
}

/// Why a certificate or key was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is not PEM.
    #[error("cannot read {}, set by {setting}: {source}", path.display())]
    File {
        /// The setting that names the file.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        source: pem::Error,
    },
    /// The certificate's file has none.
    #[error(
        "{}, set by {CERT_SETTING}, has no certificate; it must be PEM, the server's own first",
        path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The two do not belong together, or are of a kind that is not supported.
    #[error(
        "the certificate {} ({CERT_SETTING}) and the key {} ({KEY_SETTING}) cannot be used: \
         {source}",
        cert_path.display(), key_path.display()
    )]
    Unusable {
        /// The certificate's file.
        cert_path: PathBuf,
        /// The key's file.
        key_path: PathBuf,
        /// What was wrong with them.
        source: rustls::Error,
    },
}

impl Tls {
    /// Reads a certificate chain (PEM, the server's own first) and its private key (PEM: PKCS #8,
    /// PKCS #1 or SEC 1).
    ///
    /// # Errors
    /// When a file cannot be read, or the two cannot be used together; it names file and setting.
    pub fn load(cert_path: &Path, key_path: &Path) -> Result<Self, TlsError> {
        let config = ArcSwap::from_pointee(read(cert_path, key_path)?);
        let (cert_path, key_path) = (cert_path.to_owned(), key_path.to_owned());
        Ok(Self(Arc::new(Shared { cert_path, key_path, config })))
    }

    /// Reads the files again, for the connections from now on; those that are open stay as they
    /// are.
    ///
    /// # Errors
    /// As [`Tls::load`]; then the certificate in use stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = read(&self.0.cert_path, &self.0.key_path)?;
        self.0.config.store(Arc::new(config));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.config.load_full())
    }
}

fn read(cert_path: &Path, key_path: &Path) -> Result<ServerConfig, TlsError> {
    let not_cert = failed(CERT_SETTING, cert_path);
    let chain = CertificateDer::pem_file_iter(cert_path).map_err(&not_cert)?;
    let chain = chain.collect::<Result<Vec<_>, _>>().map_err(&not_cert)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: cert_path.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_file(key_path).map_err(failed(KEY_SETTING, key_path))?;
    let unusable = |source| TlsError::Unusable {
        cert_path: cert_path.to_owned(),
        key_path: key_path.to_owned(),
        source,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn failed(setting: &'static str, path: &Path) -> impl Fn(pem::Error) -> TlsError {
    move |source| TlsError::File { setting, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Files {
        _directory: tempfile::TempDir,
        cert_path: PathBuf,
        key_path: PathBuf,
    }

    fn files() -> Files {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (cert_path, key_path) =
            (directory.path().join("cert.pem"), directory.path().join("key.pem"));
        std::fs::write(&cert_path, made.cert.pem()).unwrap();
        std::fs::write(&key_path, made.signing_key.serialize_pem()).unwrap();
        Files { _directory: directory, cert_path, key_path }
    }

    #[test]
    fn errors_name_the_file_and_the_setting() {
        let files = files();
        let load = || Tls::load(&files.cert_path, &files.key_path).unwrap_err().to_string();
        std::fs::write(&files.key_path, "no key").unwrap();
        assert!(load().contains("key.pem, set by tls.key_path"), "{}", load());
        std::fs::write(&files.cert_path, "no certificate").unwrap();
        assert!(load().contains("cert.pem, set by tls.cert_path, has no cert"), "{}", load());
        std::fs::remove_file(&files.cert_path).unwrap();
        assert!(load().contains("cert.pem, set by tls.cert_path"), "{}", load());
    }

    #[test]
    fn a_bad_new_file_leaves_the_old_certificate_in_use() {
        let (files, other) = (files(), self::files());
        let tls = Tls::load(&files.cert_path, &files.key_path).unwrap();
        let before = tls.0.config.load_full();
        std::fs::copy(&other.key_path, &files.key_path).unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.contains("cannot be used"), "{error}");
        assert!(Arc::ptr_eq(&before, &tls.0.config.load_full()));
        std::fs::copy(&other.cert_path, &files.cert_path).unwrap();
        tls.reload().unwrap();
        assert!(!Arc::ptr_eq(&before, &tls.0.config.load_full()));
    }
}
