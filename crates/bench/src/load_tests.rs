//! The load loop against a tiny real server.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::*;
use crate::traffic::FixedRedirect;

/// Serves every connection on a thread of its own with `answer`, `a_connection` times, then closes
/// without a word. Lives as long as the test process.
fn serve(answer: &'static [u8], a_connection: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client");
            std::thread::spawn(move || {
                let mut bytes = [0; 1024];
                for _ in 0..a_connection {
                    if stream.read(&mut bytes).unwrap_or(0) == 0 {
                        return;
                    }
                    stream.write_all(answer).expect("the client reads");
                }
            });
        }
    });
    address
}

fn plan(address: SocketAddr, pace: Pace) -> Plan {
    Plan { address, threads: 2, duration: Duration::from_millis(200), pace }
}

fn shares(count: usize) -> Vec<Box<dyn Traffic>> {
    let request = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    (0..count).map(|_| Box::new(FixedRedirect { request: request.clone() }) as _).collect()
}

const REDIRECT: &[u8] =
    b"HTTP/1.1 301 Moved\r\nLocation: https://example.com/\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_closed_loop_keeps_every_connection_busy() {
    let address = serve(REDIRECT, usize::MAX);
    let measured = run(plan(address, Pace::Closed), shares(4)).expect("it listens");
    assert!(measured.is_clean(), "{measured:?}");
    assert!(measured.answers >= 4 && measured.requests_per_s > 0.0, "{measured:?}");
    assert!(measured.latency.p50_us > 0.0);
}

#[test]
fn an_open_loop_sends_what_is_due_and_no_more() {
    let address = serve(REDIRECT, usize::MAX);
    let pace = Pace::Open { rate_per_s: 1_000.0 };
    let measured = run(plan(address, pace), shares(4)).expect("it listens");
    assert!(measured.is_clean(), "{measured:?}");
    assert!(measured.answers + measured.unsent <= 201, "{measured:?}");
    assert!(measured.answers + measured.unsent >= 199, "{measured:?}");
}

#[test]
fn counts_what_goes_wrong_and_names_the_first() {
    let address = serve(b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n", usize::MAX);
    let measured = run(plan(address, Pace::Closed), shares(1)).expect("it listens");
    assert_eq!(measured.wrong, measured.answers);
    assert_eq!(measured.requests_per_s, 0.0);
    assert_eq!(measured.first_problem.as_deref(), Some("301 without a Location"));

    let address = serve(b"HTTP/1.1 429 Slow down\r\nContent-Length: 4\r\n\r\nwait", usize::MAX);
    let measured = run(plan(address, Pace::Closed), shares(1)).expect("it listens");
    assert_eq!(measured.refused, measured.answers);
    assert_eq!(measured.first_problem.as_deref(), Some("status 429: wait"));
}

#[test]
fn goes_on_over_a_new_connection_after_a_cut() {
    let address = serve(REDIRECT, 10);
    let measured = run(plan(address, Pace::Closed), shares(1)).expect("it listens");
    assert!(measured.failed > 0 && measured.answers >= 10, "{measured:?}");
}

#[test]
fn refuses_to_measure_a_server_that_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let error = run(plan(address, Pace::Closed), shares(1)).expect_err("nobody listens");
    assert!(error.to_string().contains("is the server running?"), "{error}");
}
