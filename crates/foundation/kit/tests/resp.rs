//! RESP through a real socket, with a small system of its own behind it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kit::auth::{Auth, AuthSettings, Mode};
use kit::clock::Clock;
use kit::door::{Caller, Door, Hosts};
use kit::entropy::Entropy;
use kit::namespace::{Namespaces, StateSettings};
use kit::net::faults::{Action, Rule, When};
use kit::net::{Bind, Drain, DrainTrigger, Faults, bind};
use kit::resp::{Arity, Command, Commands, Ran, Reply, Resp, Spec};
use kit::sql::{Db, Durability, Migration, OpenOptions};
use kit::system::{Ctx, OpenError, Rooms, System};
use kit::telemetry::metrics::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

struct Tallies;

#[derive(Default)]
struct Tally(AtomicI64);

impl System for Tallies {
    const NAME: &'static str = "tally";
    const MIGRATIONS: &'static [Migration] =
        &[Migration { number: 1, name: "none", sql: "CREATE TABLE none (id BIGINT PRIMARY KEY)" }];
    type Instance = Tally;

    fn open(&self, _: Ctx) -> Result<Arc<Tally>, OpenError> {
        Ok(Arc::default())
    }
}

/// `WAIT` adds a permit to `entered` and is answered for one of `leave`.
#[derive(Clone)]
struct TallyCommands {
    entered: Arc<Semaphore>,
    leave: Arc<Semaphore>,
}

impl Commands for TallyCommands {
    type System = Tallies;

    fn specs(&self) -> &'static [Spec] {
        &[
            Spec { name: "INCR", arity: Arity::Exactly(2) },
            Spec { name: "WAIT", arity: Arity::Exactly(1) },
            Spec { name: "BIG", arity: Arity::Exactly(2) },
        ]
    }

    fn run(&self, caller: &Caller<Tallies>, command: &Command<'_>, reply: &mut Reply) -> Ran {
        match command.name() {
            "INCR" => reply.integer(caller.room.0.fetch_add(1, Ordering::Relaxed) + 1),
            "BIG" => reply.bulk(&vec![b'x'; command.arg(0).len() * 1_000]),
            _ => {
                let (mut later, gate) = (Reply::new(reply.version()), self.clone());
                return Ran::Later(Box::pin(async move {
                    gate.entered.add_permits(1);
                    gate.leave.acquire().await.unwrap().forget();
                    later.simple("waited");
                    later
                }));
            }
        }
        Ran::Done
    }
}

struct Server {
    address: SocketAddr,
    trigger: DrainTrigger,
    faults: Arc<Faults>,
    gate: TallyCommands,
    _dir: tempfile::TempDir,
}

async fn start(bind_to: Bind, anonymous: bool) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let state = StateSettings {
        data_dir: dir.path().to_owned(),
        durability: Durability::Buffered,
        sql_url: None,
        create_on_use: true,
    };
    let metrics = Metrics::default();
    let namespaces = Namespaces::open(state, Entropy::seeded(1), metrics.clone()).unwrap();
    let rooms = Rooms::new(Arc::new(Tallies), Arc::new(namespaces));
    let db = Db::open_sqlite(&OpenOptions {
        path: dir.path().join("auth.db"),
        migrations: Auth::MIGRATIONS,
        durability: Durability::Buffered,
    });
    let credentials = AuthSettings { mode: Mode::Dev, anonymous };
    let auth = Auth::open(db.unwrap(), Clock::system(), Entropy::machine(), credentials);
    let door = Door { rooms, auth, hosts: Arc::new(Hosts::default()) };
    let closed = || Arc::new(Semaphore::new(0));
    let gate = TallyCommands { entered: closed(), leave: closed() };
    let resp = Resp::new(door, gate.clone(), &metrics.red("tally", "resp"));
    let (trigger, drain) = Drain::new();
    let faults = Arc::new(Faults::new(1));
    let bound = bind(&bind_to).await.unwrap().with_faults(Arc::clone(&faults));
    let address = bound.address();
    drop(bound.serve(resp, None, drain));
    Server { address, trigger, faults, gate, _dir: dir }
}

struct Client(TcpStream);

impl Client {
    async fn connect(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    /// Sends lines of words and reads as much as is expected.
    async fn says(&mut self, lines: &str, expected: &str) {
        self.0.write_all(lines.as_bytes()).await.unwrap();
        self.hears(expected).await;
    }

    async fn hears(&mut self, expected: &str) {
        let mut bytes = vec![0; expected.len()];
        let read = tokio::time::timeout(Duration::from_secs(20), self.0.read_exact(&mut bytes));
        let read = read.await.unwrap_or_else(|_| panic!("{expected:?} did not come"));
        let heard = String::from_utf8_lossy(&bytes).into_owned();
        assert!(read.is_ok(), "{expected:?} did not come");
        assert_eq!(heard, expected);
    }

    async fn is_closed(&mut self) {
        let read = tokio::time::timeout(Duration::from_secs(20), self.0.read(&mut [0; 64])).await;
        assert!(matches!(read.unwrap(), Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn a_pipeline_is_answered_in_order() {
    let server = start(Bind::default(), true).await;
    let mut client = Client::connect(&server).await;
    server.gate.leave.add_permits(1);
    client.says("INCR a\r\nWAIT\r\nincr a\r\n", ":1\r\n+waited\r\n:2\r\n").await;
    client.says("*2\r\n$4\r\nIN", "").await;
    client.says("CR\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", ":3\r\n+PONG\r\n").await;
    let many = "INCR a\r\n".repeat(2_000);
    let counts: String = (4..2_004).map(|count| format!(":{count}\r\n")).collect();
    client.says(&many, &counts).await;
}

#[tokio::test]
async fn what_is_answered_does_not_wait_for_a_command_behind_it() {
    let server = start(Bind::default(), true).await;
    let mut client = Client::connect(&server).await;
    client.says("INCR a\r\nWAIT\r\nincr a\r\n", ":1\r\n").await;
    server.gate.leave.add_permits(1);
    client.hears("+waited\r\n:2\r\n").await;
}

#[tokio::test]
async fn replies_larger_than_a_buffer_arrive_whole() {
    let server = start(Bind::default(), true).await;
    let mut client = Client::connect(&server).await;
    let (word, big) = ("y".repeat(900), "x".repeat(900_000));
    let expected = format!("$900000\r\n{big}\r\n").repeat(3);
    let sent = format!("BIG {word}\r\n").repeat(3);
    let (mut from, mut to) = client.0.split();
    let read = async {
        let mut bytes = vec![0; expected.len()];
        from.read_exact(&mut bytes).await.unwrap();
        bytes
    };
    let (bytes, sent) = tokio::join!(read, to.write_all(sent.as_bytes()));
    sent.unwrap();
    assert!(bytes == expected.as_bytes());
}

#[tokio::test]
async fn a_credential_chooses_the_namespace() {
    let server = start(Bind::default(), false).await;
    let mut client = Client::connect(&server).await;
    client.says("INCR a\r\n", "-NOAUTH Authentication required.\r\n").await;
    client.says("AUTH wrong\r\n", "-WRONGPASS ").await;
    let mut client = Client::connect(&server).await;
    client.says("AUTH dev-one\r\nINCR a\r\n", "+OK\r\n:1\r\n").await;
    client.says("AUTH default dev-two\r\nINCR a\r\n", "+OK\r\n:1\r\n").await;
    client.says("AUTH dev-one\r\nINCR a\r\n", "+OK\r\n:2\r\n").await;
    client.says("RESET\r\nINCR a\r\n", "+RESET\r\n-NOAUTH Authentication required.\r\n").await;
    client
        .says("HELLO 3 AUTH default dev-one\r\n", "%7\r\n$6\r\nserver\r\n$9\r\nbackplane\r\n")
        .await;
}

#[tokio::test]
async fn mistakes_are_told_and_only_a_broken_frame_ends_the_connection() {
    let server = start(Bind::default(), true).await;
    let mut client = Client::connect(&server).await;
    client.says("NOPE a\r\n", "-ERR unknown command 'NOPE'\r\n").await;
    client.says("INCR\r\n", "-ERR wrong number of arguments for 'incr' command\r\n").await;
    client.says("HELLO 4\r\n", "-NOPROTO unsupported protocol version\r\n").await;
    client
        .says("SELECT 1\r\n", "-ERR DB index is out of range; a namespace has the one, 0\r\n")
        .await;
    client.says("CLIENT SETNAME me\r\nCLIENT GETNAME\r\n", "+OK\r\n$2\r\nme\r\n").await;
    client.says("\r\nPING\r\n", "+PONG\r\n").await;
    client
        .says("INCR a\r\n*x\r\n", ":1\r\n-ERR Protocol error: invalid multibulk length\r\n")
        .await;
    client.is_closed().await;
    let mut client = Client::connect(&server).await;
    client.says("PING\r\nQUIT\r\nPING\r\n", "+PONG\r\n+OK\r\n").await;
    client.is_closed().await;
}

#[tokio::test]
async fn fault_rules_hold_for_commands() {
    let server = start(Bind::default(), true).await;
    let mut client = Client::connect(&server).await;
    let rule = |action| Rule {
        door: None,
        path_prefix: "INCR".to_owned(),
        when: When::EveryNth(2),
        action,
    };
    server.faults.set(vec![rule(Action::Refuse(503))]).unwrap();
    client.says("INCR a\r\nINCR a\r\n", ":1\r\n-ERR a fault rule refused this\r\n").await;
    server.faults.set(vec![rule(Action::Cut)]).unwrap();
    client.says("INCR a\r\nINCR a\r\nPING\r\n", ":2\r\n").await;
    client.is_closed().await;
}

#[tokio::test]
async fn a_drain_lets_a_command_finish_and_ends_those_at_rest() {
    let server = start(Bind::default(), true).await;
    let (mut busy, mut idle) = (Client::connect(&server).await, Client::connect(&server).await);
    idle.says("PING\r\n", "+PONG\r\n").await;
    busy.says("WAIT\r\n", "").await;
    server.gate.entered.acquire().await.unwrap().forget();
    let drained = tokio::spawn(server.trigger.drain(Duration::from_secs(10)));
    idle.is_closed().await;
    server.gate.leave.add_permits(1);
    busy.hears("+waited\r\n").await;
    busy.is_closed().await;
    assert_eq!(drained.await.unwrap(), 0, "none was cut off");
}

#[tokio::test]
async fn a_connection_too_many_is_told_so() {
    let server = start(Bind { connections_max: 1, ..Bind::default() }, true).await;
    let mut first = Client::connect(&server).await;
    first.says("PING\r\n", "+PONG\r\n").await;
    let mut second = Client::connect(&server).await;
    second.hears("-ERR max number of clients reached\r\n").await;
}
