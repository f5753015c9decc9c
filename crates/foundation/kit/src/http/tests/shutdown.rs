use super::*;

async fn is_refused(address: SocketAddr) {
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("it should no longer listen");
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_a_new_connection_refused() {
    let server = start(Setup::default()).await;
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    // Kept alive, so that the answer must say that this is the end.
    waiting.write_all(b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    server.gate.someone_entered().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /fast HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    until(&mut idle, "\r\n\r\n").await;

    let draining = tokio::spawn(server.trigger.drain(PATIENCE));
    assert_eq!(rest(&mut idle).await, "", "an idle connection is closed at once");
    is_refused(server.address).await;
    server.gate.leave.add_permits(1);
    let answer = rest(&mut waiting).await.to_lowercase();
    assert!(answer.contains("connection: close") && answer.ends_with("left"), "{answer}");
    assert_eq!(draining.await.unwrap(), 0);
    tokio::time::timeout(PATIENCE, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_and_counted() {
    let server = start(Setup::default()).await;
    let mut waiting = TcpStream::connect(server.address).await.unwrap();
    waiting.write_all(get_request("/wait").as_bytes()).await.unwrap();
    server.gate.someone_entered().await;
    assert_eq!(server.trigger.drain(Duration::from_millis(30)).await, 1);
    assert_eq!(rest(&mut waiting).await, "");
    tokio::time::timeout(PATIENCE, server.task).await.unwrap().unwrap();
}
