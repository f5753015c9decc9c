use std::num::NonZeroU32;

use super::*;
use crate::net::AddressLimits;

async fn start_with(bind: Bind) -> Server {
    start(Setup { bind, ..Setup::default() }).await
}

#[tokio::test]
async fn a_header_that_trickles_in_is_cut() {
    let server = start_with(Bind { header_timeout_ms: 100, ..Bind::default() }).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /fast HTTP/1.1\r\nho").await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
}

#[tokio::test]
async fn a_connection_that_sends_nothing_is_cut() {
    let server = start_with(Bind { header_timeout_ms: 100, ..Bind::default() }).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn the_header_limit_does_not_touch_who_waits_between_requests_or_for_an_answer() {
    let server = start_with(Bind { header_timeout_ms: 20, ..Bind::default() }).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut idle, "\r\n\r\n").await;
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting.write_all(get_request("/wait").as_bytes()).await.unwrap();
    server.gate.someone_entered().await;
    // Many sweeps later, as a connection that is over the limit shows by being cut.
    for _ in 0..3 {
        let mut silent = TcpStream::connect(server.address).await.unwrap();
        assert_eq!(rest(&mut silent).await, "");
    }
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert!(until(&mut idle, "\r\n\r\n").await.starts_with("HTTP/1.1 302"));
    server.gate.leave.add_permits(1);
    assert!(rest(&mut waiting).await.ends_with("left"));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = start_with(Bind { idle_timeout_ms: 100, ..Bind::default() }).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut idle, "\r\n\r\n").await;
    assert_eq!(rest(&mut idle).await, "");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_closed() {
    let server = start_with(Bind { connections_max: 1, ..Bind::default() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut first, "\r\n\r\n").await;
    let answer = ask(server.address, &get_request("/fast")).await;
    assert!(answer.starts_with("http/1.1 503 "), "{answer}");
    assert!(answer.contains("All 1 connections are taken") && answer.contains("retry-after: 1"));
    drop(first);
    let freed = async {
        while !ask(server.address, &get_request("/fast")).await.starts_with("http/1.1 302") {}
    };
    tokio::time::timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn an_address_that_has_all_its_connections_gets_no_other() {
    let by_address = AddressLimits { connections_max: NonZeroU32::new(1), ..Default::default() };
    let server = start_with(Bind { by_address, ..Bind::default() }).await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut first, "\r\n\r\n").await;
    let mut second = TcpStream::connect(server.address).await.unwrap();
    assert!(matches!(second.read(&mut [0; 64]).await, Ok(0) | Err(_)), "closed without a word");
    let from_elsewhere = tokio::net::TcpSocket::new_v4().unwrap();
    from_elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = from_elsewhere.connect(server.address).await.unwrap();
    other.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut other, "\r\n\r\n").await;
    drop(first);
}

#[tokio::test]
async fn a_taken_port_is_told_with_door_setting_and_remedy() {
    let first = bind(&Bind::default()).await.unwrap();
    let address = first.address().to_string();
    let edge = Bind { door: "edge", setting: "edge.listen", ..Bind::default() };
    let error = bind(&Bind { address: address.clone(), ..edge.clone() }).await.unwrap_err();
    let expected = format!(
        "edge: cannot listen on {address}, set by edge.listen: \
         the port is taken; stop what listens there or set another port"
    );
    assert_eq!(error.to_string(), expected);
    for address in ["8080", "", "no such host:80", "127.0.0.1:99999"] {
        let error = bind(&Bind { address: address.into(), ..edge.clone() }).await.unwrap_err();
        assert!(matches!(error.reason, BindReason::NotAnAddress), "{error}");
    }
    let elsewhere = Bind { address: "192.0.2.1:0".into(), ..edge };
    let error = bind(&elsewhere).await.unwrap_err();
    assert!(matches!(error.reason, BindReason::NotHere), "{error}");
}
