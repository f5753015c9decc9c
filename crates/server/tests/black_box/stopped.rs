//! The store is stopped: what is cached goes on, what must be stored is refused, and nothing is
//! left half-done when it comes back.

use std::io::{self, Write, stderr};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::{Launch, at_once, eventually, fresh_database};

/// The only way to a store, which can be cut.
#[derive(Clone)]
struct Wire {
    address: SocketAddr,
    /// None while it is cut.
    streams: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Wire {
    fn to(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Self { address, streams: Arc::new(Mutex::new(Some(Vec::new()))) };
        let streams = Arc::clone(&wire.streams);
        // Ends with the process of the tests; it holds nothing but this port.
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if let Some(streams) = streams.lock().unwrap().as_mut() {
                    let far = TcpStream::connect(store).unwrap();
                    pump(&near, &far);
                    pump(&far, &near);
                    streams.extend([near, far]);
                }
            }
        });
        wire
    }

    fn cut(&self) {
        for stream in self.streams.lock().unwrap().take().unwrap() {
            // One that was closed already is cut as well.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn mend(&self) {
        *self.streams.lock().unwrap() = Some(Vec::new());
    }
}

fn pump(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}

#[test]
fn a_stopped_store_stops_creates_and_not_cached_links() {
    let Some(database) = fresh_database() else {
        writeln!(stderr(), "not shown here: set BACKPLANE_TEST_POSTGRES").unwrap();
        return;
    };
    let wire = Wire::to(database.address());
    let url = database.url_by_way_of(wire.address);
    let server = Launch::dev().set(&format!("data.sql={url}")).start();
    let mut client = server.client("dev");
    let cached = client.shorten(&json!({ "longUrl": "https://example.com/cached" }));
    let cold = client.shorten(&json!({ "longUrl": "https://example.com/cold" }));
    assert_eq!(server.visitor().get(&format!("/{cached}")).status, 302);

    wire.cut();
    let refused = at_once(20, |number| {
        let target = format!("https://example.com/refused/{number}");
        server.client("dev").post("/shortener/shorturl", &json!({ "longUrl": target }))
    });
    for answer in refused {
        answer.is_problem(503, "unavailable");
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    }
    for _ in 0..5 {
        assert_eq!(server.visitor().get(&format!("/{cached}")).status, 302);
    }
    server.visitor().get(&format!("/{cold}")).is_problem(503, "unavailable");

    wire.mend();
    eventually("links are made again", || {
        let request = json!({ "longUrl": "https://example.com/after" });
        (client.post("/shortener/shorturl", &request).status == 201).then_some(())
    });
    let list = client.get("/shortener/users/me/shorturls").json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3, "a refused link is there: {list}");
    assert_eq!(server.visitor().get(&format!("/{cold}")).status, 302);
    eventually("the clicks that waited are counted", || {
        let stats = client.get(&format!("/shortener/shorturls/{cached}/stats")).json();
        (stats["total"] == 6).then_some(())
    });
}
