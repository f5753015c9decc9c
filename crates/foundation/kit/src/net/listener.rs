//! A listener: an address, its limits, and the connections that come to it, whatever they speak.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::activity::{Activity, Command, Noted, Orders};
use super::by_address::{AddressLimits, ByAddress};
use super::drain::Drain;
use super::faults::Faults;
use super::roster::{Limits, Roster};
use super::tls::Tls;
use super::turn_away::TurnAway;
use crate::clock::Stopwatch;

/// Connections that the kernel holds for us while we are busy.
const BACKLOG: u32 = 1024;
/// How long to let be when the process has no descriptor left for another connection.
const OUT_OF_DESCRIPTORS_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address that the connection came from; a proxy's, where there is one.
    pub address: SocketAddr,
    /// Whether the connection is under TLS.
    pub tls: bool,
}

/// One connection as its listener hands it over.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Who is at its other end.
    pub peer: Peer,
    /// The front door's name.
    pub door: &'static str,
    /// What befalls its requests.
    pub faults: Option<Arc<Faults>>,
    /// What it does and is told.
    pub activity: Arc<Activity>,
}

/// What is spoken on a listener's connections.
pub trait Protocol: Send + Sync + 'static {
    /// Serves a connection until its peer ends it, or its [`Activity`] says so.
    fn serve<S>(
        self: Arc<Self>,
        socket: S,
        connection: Connection,
    ) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// What a connection beyond `connections_max` is told before it is closed.
    fn refusal(&self, connections_max: usize) -> Vec<u8>;
}

/// Where a front door listens, and what it holds its connections to.
#[derive(Clone, Debug)]
pub struct Bind {
    /// The front door's name, such as `edge`, for errors and fault rules.
    pub door: &'static str,
    /// The setting that the address comes from, such as `edge.listen`, for errors.
    pub setting: &'static str,
    /// `host:port`; port 0 takes any free one.
    pub address: String,
    /// Connections at once; one more gets a 503 and is closed.
    pub connections_max: usize,
    /// What one address may have of them; more is closed without a word.
    pub by_address: AddressLimits,
    /// For the TLS handshake and the first header together, and for each header after that.
    pub header_timeout_ms: u64,
    /// Without a request or a byte written, and for a peer that takes none. A stream must
    /// therefore send something more often than this.
    pub idle_timeout_ms: u64,
}

impl Default for Bind {
    /// Any free port of the loopback; 10,000 connections, 10 s for a header, 75 s idle.
    fn default() -> Self {
        Self {
            door: "http",
            setting: "listen",
            address: "127.0.0.1:0".into(),
            connections_max: 10_000,
            by_address: AddressLimits::default(),
            header_timeout_ms: 10_000,
            idle_timeout_ms: 75_000,
        }
    }
}

/// Why a front door could not listen, in one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{door}: cannot listen on {address}, set by {setting}: {reason}")]
pub struct BindError {
    /// The front door.
    pub door: &'static str,
    /// The setting that the address comes from.
    pub setting: &'static str,
    /// The address as it was set.
    pub address: String,
    /// What was wrong.
    pub reason: BindReason,
}

/// What was wrong with an address.
#[derive(Debug, thiserror::Error)]
pub enum BindReason {
    /// It does not read as host and port, or the host has no address.
    #[error("not an address; write host:port, such as 127.0.0.1:8080")]
    NotAnAddress,
    /// Another listener has it.
    #[error("the port is taken; stop what listens there or set another port")]
    Taken,
    /// The process may not have it.
    #[error("not permitted; set a port from 1024 up, or grant CAP_NET_BIND_SERVICE")]
    NotPermitted,
    /// The machine does not have it.
    #[error("this machine has no such address; set one of its own, or 0.0.0.0 for all")]
    NotHere,
    /// Anything else, as the system says it.
    #[error("{0}")]
    Other(std::io::Error),
}

/// A listener that has its address and takes no connections yet.
#[derive(Debug)]
pub struct Bound {
    bind: Bind,
    listener: TcpListener,
    address: SocketAddr,
    faults: Option<Arc<Faults>>,
}

/// Takes the address of a front door.
///
/// # Errors
/// One line that names door, setting, address and what to do.
pub async fn bind(bind: &Bind) -> Result<Bound, BindError> {
    let failed = |reason| BindError {
        door: bind.door,
        setting: bind.setting,
        address: bind.address.clone(),
        reason,
    };
    let mut found = tokio::net::lookup_host(&bind.address)
        .await
        .map_err(|_| failed(BindReason::NotAnAddress))?;
    let wanted = found.next().ok_or_else(|| failed(BindReason::NotAnAddress))?;
    let listener = listen(wanted).map_err(|error| failed(reason(error)))?;
    let address = listener.local_addr().map_err(|error| failed(reason(error)))?;
    Ok(Bound { bind: bind.clone(), listener, address, faults: None })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart may take the port back while the last run's connections are still in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn reason(error: std::io::Error) -> BindReason {
    match error.kind() {
        ErrorKind::AddrInUse => BindReason::Taken,
        ErrorKind::PermissionDenied => BindReason::NotPermitted,
        ErrorKind::AddrNotAvailable => BindReason::NotHere,
        _ => BindReason::Other(error),
    }
}

impl Bound {
    /// The address, with the port that was given where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has the listener obey fault rules.
    #[must_use]
    pub fn with_faults(mut self, faults: Arc<Faults>) -> Self {
        self.faults = Some(faults);
        self
    }

    /// Serves connections until the drain; the task ends when the last of them has gone.
    #[must_use]
    pub fn serve<P: Protocol>(self, protocol: P, tls: Option<Tls>, drain: Drain) -> JoinHandle<()> {
        let limits = Limits {
            connections_max: self.bind.connections_max,
            header_timeout: Duration::from_millis(self.bind.header_timeout_ms),
            idle_timeout: Duration::from_millis(self.bind.idle_timeout_ms),
        };
        let turn_away = TurnAway::new(protocol.refusal(limits.connections_max), tls.is_some());
        let entrance = Entrance {
            protocol: Arc::new(protocol),
            door: self.bind.door,
            faults: self.faults,
            tls,
            roster: Roster::new(limits),
            by_address: ByAddress::new(self.bind.by_address),
            since: Stopwatch::start(),
            drain,
            turn_away,
        };
        tokio::spawn(entrance.run(self.listener, limits.sweep_period()))
    }
}

struct Entrance<P> {
    protocol: Arc<P>,
    door: &'static str,
    faults: Option<Arc<Faults>>,
    tls: Option<Tls>,
    roster: Arc<Roster>,
    by_address: Arc<ByAddress>,
    since: Stopwatch,
    drain: Drain,
    turn_away: TurnAway,
}

impl<P: Protocol> Entrance<P> {
    async fn run(self, listener: TcpListener, sweep_period: Duration) {
        let mut sweep = tokio::time::interval(sweep_period);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.drain.started() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, address)) => self.admit(stream, address),
                    Err(error) => pause_after(self.door, &error).await,
                },
                _ = sweep.tick() => self.roster.sweep(Instant::now()),
            }
        }
        // From here on a new connection is refused by the kernel.
        drop(listener);
        self.roster.tell_all(Command::Finish);
        while !self.roster.is_empty() {
            tokio::select! {
                () = self.drain.cut() => break,
                () = self.roster.emptied() => {}
                _ = sweep.tick() => self.roster.sweep(Instant::now()),
            }
        }
        self.roster.tell_all(Command::Cut);
    }

    fn admit(&self, stream: TcpStream, address: SocketAddr) {
        let now_us = i64::try_from(self.since.elapsed().as_micros()).unwrap_or(i64::MAX);
        let Some(place) = self.by_address.take(address.ip(), now_us) else { return };
        let Some(seat) = self.roster.take_seat(place, &self.drain, Instant::now()) else {
            return self.turn_away.answer(stream);
        };
        // An answer is one write; without this the next waits for the last one's acknowledgement.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let peer = Peer { address, tls: self.tls.is_some() };
        let activity = Arc::clone(seat.activity());
        let connection =
            Connection { peer, door: self.door, faults: self.faults.clone(), activity };
        let (protocol, stream) = (Arc::clone(&self.protocol), Noted::new(stream, seat));
        match self.tls.as_ref().map(Tls::acceptor) {
            None => drop(tokio::spawn(protocol.serve(stream, connection))),
            Some(acceptor) => drop(tokio::spawn(async move {
                let handshake = acceptor.accept(stream);
                let activity = Arc::clone(&connection.activity);
                let handshake = Orders::of(&activity).unless(Command::Cut, handshake).await;
                if let Some(Ok(stream)) = handshake {
                    protocol.serve(stream, connection).await;
                }
            })),
        }
    }
}

/// A connection that broke before it was accepted is nothing to us; a lack of descriptors passes
/// only when others close, and asking again at once would take the processor from them.
async fn pause_after(door: &'static str, error: &std::io::Error) {
    const BROKEN: [ErrorKind; 3] =
        [ErrorKind::ConnectionAborted, ErrorKind::ConnectionReset, ErrorKind::Interrupted];
    if BROKEN.contains(&error.kind()) {
        return;
    }
    tracing::warn!(door, %error, "cannot accept a connection; raise the open file limit");
    tokio::time::sleep(OUT_OF_DESCRIPTORS_PAUSE).await;
}
