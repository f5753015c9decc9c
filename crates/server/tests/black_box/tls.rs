//! Certificates: the binary serves by them, and takes up renewed ones on SIGHUP.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use crate::support::{Launch, PATIENCE, eventually, trusting};

/// A ClientHello of TLS 1.1 (RFC 4346, 7.4.1.2) that lacks nothing but a later version: it offers
/// TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 and the signatures and curves of today.
fn client_hello_of_tls_1_1() -> Vec<u8> {
    let signatures = [0, 13, 0, 4, 0, 2, 4, 3];
    let groups = [0, 10, 0, 4, 0, 2, 0, 23];
    let extensions = [&[0, 16][..], &signatures, &groups].concat();
    let hello = [&[3, 2][..], &[7; 32], &[0], &[0, 2, 0xC0, 0x2B], &[1, 0], &extensions].concat();
    let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
    [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat()
}

struct Certificate(PathBuf);

impl Certificate {
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a new pair where the old was, and returns the certificate as DER.
    fn renew(&self) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.path("cert.pem"), made.cert.pem()).unwrap();
        fs::write(self.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
        made.cert.der().to_vec()
    }

    fn serve(&self, data: &Path) -> Launch {
        Launch::serve(data)
            .set(&format!("tls.cert_path={}", self.path("cert.pem")))
            .set(&format!("tls.key_path={}", self.path("key.pem")))
    }
}

#[test]
fn https_is_served_and_a_renewed_certificate_is_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = Certificate(dir.path().to_owned());
    let first = certificate.renew();
    let server = certificate.serve(&dir.path().join("data")).start();
    assert_eq!(server.ready["edge"], format!("https://{}", server.edge));
    let caller = |der: &[u8]| server.visitor().tls(trusting(der));
    let mut open = caller(&first);
    assert_eq!(open.get("/healthz").text(), "ok\n");

    let second = certificate.renew();
    assert!(caller(&second).try_send("GET", "/healthz", "").is_err(), "already there");
    server.signal("HUP");
    eventually("new connections get the new certificate", || {
        caller(&second).try_send("GET", "/healthz", "").ok()
    });
    let refused = caller(&first).try_send("GET", "/healthz", "");
    assert!(refused.is_err(), "the old certificate is still there");
    let head = open.head("GET", "/readyz", 0);
    open.begin(&head, "").unwrap();
    assert_eq!(open.finish("GET").unwrap().status, 200, "the open connection was dropped");

    fs::write(certificate.path("cert.pem"), "not a certificate").unwrap();
    server.signal("HUP");
    eventually("the log tells of it", || server.stderr().contains("cert.pem").then_some(()));
    assert_eq!(caller(&second).get("/healthz").status, 200, "the certificate in use is gone");
    server.stop();
    let line = certificate.serve(&dir.path().join("data")).refused();
    assert!(line.contains("tls.cert_path") && line.contains("cert.pem"), "{line}");
}

#[test]
fn tls_1_1_and_plain_http_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = Certificate(dir.path().to_owned());
    certificate.renew();
    let server = certificate.serve(&dir.path().join("data")).start();
    let answer = |request: &[u8]| {
        let mut stream = TcpStream::connect(server.edge).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        // Some systems tell of the refusal by a reset as well.
        let _ = stream.read_to_end(&mut answer);
        answer
    };
    let alert = answer(&client_hello_of_tls_1_1());
    // Content type 21, then a fatal alert (2) protocol_version (70).
    assert_eq!((alert[0], &alert[5..]), (21, &[2, 70][..]), "{alert:?}");
    let plain = answer(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(!plain.starts_with(b"HTTP/1.1 200"), "{plain:?}");
}
