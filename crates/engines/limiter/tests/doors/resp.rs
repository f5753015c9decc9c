//! CL.THROTTLE as Redis clients send it, over a socket.

use kit::net::{Bind, Drain, bind};
use kit::resp::Resp;
use limiter::resp::LimitCommands;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::House;

/// Sends `text` and gives what came back, of which `bytes` are expected.
async fn talk(stream: &mut TcpStream, text: &str, bytes: usize) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = vec![0; bytes];
    stream.read_exact(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn throttled(stream: &mut TcpStream, arguments: &str, answer: &str) {
    let came = talk(stream, &format!("CL.THROTTLE {arguments}\r\n"), answer.len()).await;
    assert_eq!(came, answer, "{arguments}");
}

/// The example of redis-cell: 16 at once, 30 in 60 s.
#[tokio::test(flavor = "multi_thread")]
async fn throttle_answers_as_redis_cell_does() {
    let house = House::open_with(|section| section.anonymous = true).await;
    house.start_of_hour();
    let bound = bind(&Bind::default()).await.unwrap();
    let address = bound.address();
    let red = house.metrics.red("limiter", "resp");
    let (_trigger, drain) = Drain::new();
    drop(bound.serve(Resp::new(house.door.clone(), LimitCommands, &red), None, drain));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let of = |numbers: [i64; 5]| {
        let numbers = numbers.map(|number| format!(":{number}\r\n"));
        format!("*5\r\n{}", numbers.concat())
    };
    throttled(&mut stream, "user123 15 30 60 1", &of([0, 16, 15, -1, 2])).await;
    throttled(&mut stream, "user123 15 30 60 0", &of([0, 16, 15, -1, 2])).await;
    throttled(&mut stream, "user123 15 30 60 15", &of([0, 16, 0, -1, 32])).await;
    throttled(&mut stream, "user123 15 30 60", &of([1, 16, 0, 2, 32])).await;
    throttled(&mut stream, "user123 15 30 60 17", &of([1, 16, 0, -1, 32])).await;
    throttled(&mut stream, "other 15 30 60", &of([0, 16, 15, -1, 2])).await;
    house.advance_ms(2_000);
    throttled(&mut stream, "user123 15 30 60", &of([0, 16, 0, -1, 32])).await;
    for wrong in ["k 1 2", "k 1 2 3 4 5", "k -1 30 60", "k 15 0 60", "k 15 30 0", "k x 30 60"] {
        let answer = talk(&mut stream, &format!("CL.THROTTLE {wrong}\r\n"), 4).await;
        assert_eq!(answer, "-ERR", "{wrong}");
        while stream.read_u8().await.unwrap() != b'\n' {}
    }
    let pipelined = "PING\r\nCL.THROTTLE p 0 1 60\r\nCL.THROTTLE p 0 1 60\r\n";
    let both = format!("+PONG\r\n{}{}", of([0, 1, 0, -1, 60]), of([1, 1, 0, 60, 60]));
    assert_eq!(talk(&mut stream, pipelined, both.len()).await, both);
}
