use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

#[tokio::test]
async fn http1_with_what_its_clients_do() {
    let server = start(Setup::default()).await;
    let old = ask(server.address, "GET /links/7 HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("http/1.0 200 ok") && old.ends_with("\r\n\r\n7"), "{old}");
    let head = "HEAD /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let head = ask(server.address, head).await;
    assert!(head.contains("content-length: 10000") && head.ends_with("\r\n\r\n"), "{head}");
    let fast = "HEAD /fast HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let fast = ask(server.address, fast).await;
    assert!(fast.contains("location: http://a.example/") && fast.ends_with("\r\n\r\n"), "{fast}");
}

#[tokio::test]
async fn a_client_that_asks_first_is_told_to_go_on() {
    let server = start(Setup::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                expect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 100 "));
    stream.write_all(b"hello").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("\r\n\r\nhello"));
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = start(Setup::default()).await;
    let first = "GET /links/1 HTTP/1.1\r\nhost: a\r\n\r\n";
    let fast = "GET /fast HTTP/1.1\r\nhost: a\r\n\r\n";
    let answers = ask(server.address, &format!("{first}{fast}{}", get_request("/links/2"))).await;
    let places = ["\r\n\r\n1", "HTTP/1.1 302", "\r\n\r\n2"].map(|text| answers.find(text));
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}\n{answers}");
}

#[tokio::test]
async fn http2_by_prior_knowledge() {
    let server = start(Setup::default()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    for (path, status, body) in [("/links/7", 200, "7"), ("/fast", 302, "")] {
        let request = http::Request::get(format!("http://a{path}")).body(Empty::<Bytes>::new());
        let response = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), body);
    }
    // The drain tells an HTTP/2 client to go away, and it goes.
    assert_eq!(server.trigger.drain(PATIENCE).await, 0);
    tokio::time::timeout(PATIENCE, connection).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_asks() {
    let server = start(Setup::default()).await;
    let request = "GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                   accept-encoding: gzip\r\n\r\n";
    let answer = ask(server.address, request).await;
    assert!(answer.contains("content-encoding: gzip"), "{answer}");
    assert!(answer.len() < 1000, "{}", answer.len());
    assert!(!ask(server.address, &get_request("/big")).await.contains("content-encoding"));
}
