//! The client against a real TCP server that answers whatever a test scripts.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use super::*;

/// A server for one connection: reads one request for each script, then writes its pieces one by
/// one (so that answers arrive torn), and closes after the last.
fn serve(scripts: Vec<Vec<&'static [u8]>>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("a TCP socket");
        let mut requests = Vec::new();
        for script in scripts {
            let mut bytes = [0; 4096];
            let count = stream.read(&mut bytes).expect("a request");
            requests.push(String::from_utf8_lossy(&bytes[..count]).into_owned());
            for piece in script {
                stream.write_all(piece).expect("the client reads");
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        }
        requests
    });
    (address, server)
}

async fn exchange_once(pieces: Vec<&'static [u8]>) -> Result<(u16, Vec<u8>), HttpError> {
    let (address, server) = serve(vec![pieces]);
    let mut connection = Connection::open(address).await.expect("it listens");
    let outcome =
        connection.exchange(b"GET / HTTP/1.1\r\n\r\n").await.map(|r| (r.status, r.body.to_vec()));
    server.join().expect("the server ends");
    outcome
}

#[tokio::test]
async fn keeps_a_connection_over_torn_answers() {
    let (address, server) = serve(vec![
        vec![b"HTTP/1.1 301 Moved\r\nLoc", b"ation: /a\r\nContent-Length: 3\r\n\r", b"\nab", b"c"],
        vec![b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy", b"\r\n0\r\n\r\n"],
        vec![b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"to the ", b"end"],
    ]);
    let mut connection = Connection::open(address).await.expect("it listens");
    let reply = connection.exchange(b"first").await.expect("valid");
    assert_eq!((reply.status, reply.location, reply.body), (301, Some(&b"/a"[..]), &b"abc"[..]));
    assert!(connection.is_reusable());
    let reply = connection.exchange(b"second").await.expect("valid");
    assert_eq!((reply.status, reply.location, reply.body), (200, None, &b"xy"[..]));
    let reply = connection.exchange(b"third").await.expect("valid");
    assert_eq!(reply.body, b"to the end");
    assert!(!connection.is_reusable());
    assert_eq!(server.join().expect("the server ends"), ["first", "second", "third"]);
}

#[tokio::test]
async fn reads_a_body_larger_than_its_first_buffer() {
    static BODY: [u8; 100_000] = [b'z'; 100_000];
    let outcome =
        exchange_once(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", &BODY]).await;
    assert_eq!(outcome.expect("valid"), (200, BODY.to_vec()));
}

#[tokio::test]
async fn names_what_a_bad_server_did() {
    let short = exchange_once(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"]).await;
    assert!(matches!(short, Err(HttpError::Closed)), "{short:?}");
    let long = exchange_once(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc"]).await;
    assert!(matches!(long, Err(HttpError::Malformed(_))), "{long:?}");
    let huge = exchange_once(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"]).await;
    assert!(matches!(huge, Err(HttpError::TooLarge)), "{huge:?}");
    let silent = exchange_once(vec![]).await;
    assert!(matches!(silent, Err(HttpError::Closed)), "{silent:?}");
}
