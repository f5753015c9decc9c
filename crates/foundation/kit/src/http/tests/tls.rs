use std::path::PathBuf;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;

struct Certificate {
    directory: tempfile::TempDir,
}

impl Certificate {
    fn new() -> Self {
        let certificate = Self { directory: tempfile::tempdir().unwrap() };
        certificate.renew();
        certificate
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a new certificate and key where the old were.
    fn renew(&self) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(self.path("cert.der"), made.cert.der()).unwrap();
        std::fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    }

    fn load(&self) -> Tls {
        Tls::load(&self.path("cert.pem"), &self.path("key.pem")).unwrap()
    }

    /// A client that trusts the certificate as it is now, and no other.
    fn client(&self, protocol: &str) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        let der = std::fs::read(self.path("cert.der")).unwrap();
        roots.add(CertificateDer::from(der)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

async fn connect(
    client: &TlsConnector,
    address: SocketAddr,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await.unwrap();
    client.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn redirected(stream: &mut TlsStream<TcpStream>) {
    stream.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("location: https://a.example/"), "{answer}");
}

#[tokio::test]
async fn a_certificate_is_replaced_while_a_connection_stays_open() {
    let certificate = Certificate::new();
    let tls = certificate.load();
    let server = start(Setup { tls: Some(tls.clone()), ..Setup::default() }).await;
    let old_client = certificate.client("http/1.1");
    let mut open = connect(&old_client, server.address).await.unwrap();
    redirected(&mut open).await;

    certificate.renew();
    tls.reload().unwrap();
    redirected(&mut open).await;
    let mut new = connect(&certificate.client("http/1.1"), server.address).await.unwrap();
    redirected(&mut new).await;
    assert!(connect(&old_client, server.address).await.is_err(), "the old one is still served");

    std::fs::write(certificate.path("cert.pem"), "nothing").unwrap();
    assert!(tls.reload().is_err());
    connect(&certificate.client("http/1.1"), server.address).await.unwrap();
}

#[tokio::test]
async fn http2_is_agreed_in_the_handshake() {
    let certificate = Certificate::new();
    let server = start(Setup { tls: Some(certificate.load()), ..Setup::default() }).await;
    let stream = connect(&certificate.client("h2"), server.address).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
}

#[tokio::test]
async fn a_handshake_that_stalls_is_cut() {
    let certificate = Certificate::new();
    let bind = Bind { header_timeout_ms: 100, ..Bind::default() };
    let server = start(Setup { bind, tls: Some(certificate.load()), ..Setup::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}
