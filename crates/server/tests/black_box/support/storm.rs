//! Many callers who make links as fast as they are answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use serde_json::json;

use super::{Client, PATIENCE, Server};

/// Callers of one storm.
pub(crate) const CALLERS: usize = 8;

/// A link that the server acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) code: String,
    pub(crate) target: String,
    /// Which caller made it, and as its how-manieth.
    pub(crate) caller: usize,
    pub(crate) sequence: usize,
}

pub(crate) struct Storm {
    acknowledged: Receiver<Made>,
    enough: Arc<AtomicBool>,
    callers: Vec<JoinHandle<()>>,
}

impl Storm {
    /// Targets contain `name`; callers end with the server, or when told.
    pub(crate) fn begin(server: &Server, token: &str, name: &str) -> Self {
        let (made, acknowledged) = channel();
        let enough = Arc::new(AtomicBool::new(false));
        let callers = (0..CALLERS).map(|caller| {
            let mut client = server.client(token);
            let (made, enough, name) = (made.clone(), Arc::clone(&enough), name.to_owned());
            std::thread::spawn(move || {
                for sequence in 0.. {
                    let target = format!("https://example.com/{name}/{caller}/{sequence}");
                    let Some(code) = make(&mut client, &target) else { return };
                    // The receiver is gone when nobody wants to know any more.
                    let _ = made.send(Made { code, target, caller, sequence });
                    if enough.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        });
        let callers = callers.collect();
        Self { acknowledged, enough, callers }
    }

    /// Waits until `count` more links are acknowledged.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Made> {
        (0..count).map(|_| self.acknowledged.recv_timeout(PATIENCE).unwrap()).collect()
    }

    /// Ends the callers and returns what was acknowledged since the last wait.
    pub(crate) fn end(self) -> Vec<Made> {
        self.enough.store(true, Ordering::Relaxed);
        self.callers.into_iter().for_each(|caller| caller.join().unwrap());
        self.acknowledged.try_iter().collect()
    }
}

/// None when the server went away before it answered.
fn make(client: &mut Client, target: &str) -> Option<String> {
    let body = json!({ "longUrl": target }).to_string();
    let answer = client.try_send("POST", "/shortener/shorturl", &body).ok()?;
    assert_eq!(answer.status, 201, "{target}: {answer:?}");
    Some(answer.json()["code"].as_str().unwrap().to_owned())
}

/// Asserts that each of these links leads where it was told to.
#[track_caller]
pub(crate) fn resolves<'m>(visitor: &mut Client, links: impl IntoIterator<Item = &'m Made>) {
    for link in links {
        let answer = visitor.get(&format!("/{}", link.code));
        assert_eq!(answer.status, 302, "{link:?}: {answer:?}");
        assert_eq!(answer.header("location"), link.target, "{link:?}");
    }
}
