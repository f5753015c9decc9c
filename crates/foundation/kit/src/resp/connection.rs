//! One connection: commands in, replies out, in order.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::commands::{self, Command, Commands, Ran, Spec};
use super::reply::{Reply, Version};
use super::request::{self, RequestLimits};
use super::session::{self, Session, Turn};
use crate::auth::AuthError;
use crate::clock::Stopwatch;
use crate::door::{Caller, Door};
use crate::net::activity::{Command as Order, InFlight, Orders};
use crate::net::faults::Action;
use crate::net::{Connection, Protocol};
use crate::telemetry::metrics::{Red, RouteRed};

/// Room for what one read brings.
const READ_BYTES: usize = 16 * 1024;
/// Replies of this size are sent before further commands are run.
const REPLY_BYTES_FULL: usize = 64 * 1024;
/// A buffer that grew beyond this for one large command is given back.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// RESP on a listener's connections, answered by the commands of a system.
pub struct Resp<C: Commands> {
    door: Door<C::System>,
    commands: C,
    /// In the order of the system's specs, then all others as one.
    routes: Vec<RouteRed>,
    connections: AtomicI64,
}

impl<C: Commands> Resp<C> {
    /// Calls are counted in `red`, a command as a route.
    pub fn new(door: Door<C::System>, commands: C, red: &Red) -> Self {
        let named = commands.specs().iter().map(|spec| red.route(spec.name, "RESP"));
        let routes = named.chain([red.route("(session)", "RESP")]).collect();
        Self { door, commands, routes, connections: AtomicI64::new(0) }
    }
}

impl<C: Commands> Protocol for Resp<C> {
    async fn serve<S>(self: Arc<Self>, socket: S, connection: Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // A pool opens connections long before it has anything to say: that is no slow header.
        connection.activity.request_began(true);
        let number = self.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let session = Session::new(number);
        let (caller, args) = (None, Vec::new());
        let mut client = Client { resp: &self, connection, session, caller, args, socket };
        // Its errors are the peer's: broken off, or cut. Nobody is left to be told.
        let _ = client.serve().await;
    }

    fn refusal(&self, _: usize) -> Vec<u8> {
        b"-ERR max number of clients reached\r\n".to_vec()
    }
}

struct Client<'r, C: Commands, S> {
    resp: &'r Resp<C>,
    connection: Connection,
    session: Session,
    /// None until a credential counted, or when none is given and one is needed.
    caller: Option<Caller<C::System>>,
    /// Room for where a command's arguments lie, kept from one read to the next.
    args: Vec<Range<usize>>,
    socket: S,
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Next {
    Stay,
    Leave,
}

impl<C: Commands, S: AsyncRead + AsyncWrite + Unpin + Send> Client<'_, C, S> {
    async fn serve(&mut self) -> std::io::Result<()> {
        let activity = Arc::clone(&self.connection.activity);
        let mut orders = Orders::of(&activity);
        let (mut inbox, mut reply) = (Vec::new(), Reply::new(Version::Two));
        loop {
            // Between commands the connection may be asked to finish; within one it is only cut.
            let until = if inbox.is_empty() { Order::Finish } else { Order::Cut };
            inbox.reserve(READ_BYTES);
            match orders.unless(until, self.socket.read_buf(&mut inbox)).await {
                None | Some(Ok(0)) => return Ok(()),
                Some(read) => read?,
            };
            let answered = orders.unless(Order::Cut, self.answer(&mut inbox, &mut reply)).await;
            let Some(next) = answered else { return Ok(()) };
            if next? == Next::Leave {
                return self.socket.shutdown().await;
            }
            if inbox.is_empty() && inbox.capacity() > KEPT_BYTES_MAX {
                inbox = Vec::new();
            }
        }
    }

    /// Runs all commands that are there to their end and takes them out of `inbox`.
    async fn answer(&mut self, inbox: &mut Vec<u8>, reply: &mut Reply) -> std::io::Result<Next> {
        self.recognise().await;
        let (mut used, mut next, limits) = (0, Next::Stay, RequestLimits::default());
        let mut args = std::mem::take(&mut self.args);
        while next == Next::Stay {
            match request::parse(&inbox[used..], &limits, &mut args) {
                Ok(None) => break,
                Ok(Some(bytes)) => {
                    if !args.is_empty() {
                        next = self.run(&inbox[used..used + bytes], &args, reply).await?;
                    }
                    used += bytes;
                }
                Err(error) => {
                    reply.error(&format!("ERR {error}"));
                    next = Next::Leave;
                }
            }
            if reply.bytes().len() >= REPLY_BYTES_FULL {
                self.send(reply).await?;
            }
        }
        inbox.drain(..used);
        self.args = args;
        self.send(reply).await?;
        Ok(next)
    }

    async fn send(&mut self, reply: &mut Reply) -> std::io::Result<()> {
        self.socket.write_all(reply.bytes()).await?;
        self.socket.flush().await?;
        reply.clear();
        Ok(())
    }

    async fn run(
        &mut self,
        bytes: &[u8],
        args: &[Range<usize>],
        reply: &mut Reply,
    ) -> std::io::Result<Next> {
        let (started, resp) = (Stopwatch::start(), self.resp);
        let name = &bytes[args[0].clone()];
        let (specs, own) = (resp.commands.specs(), session::SPECS);
        let of_system = commands::find(specs, name);
        let of_session = || commands::find(own, name).map(|place| (&own[place], specs.len()));
        let found = of_system.map(|place| (&specs[place], place)).or_else(of_session);
        let Some((spec, place)) = found else {
            let name: String = String::from_utf8_lossy(name).chars().take(64).collect();
            reply.error(&format!("ERR unknown command '{name}'"));
            return Ok(Next::Stay);
        };
        if let Some(next) = self.befall(spec, reply).await {
            return Ok(next);
        }
        if commands::refuse_arity(spec, args.len(), reply) {
            return Ok(Next::Stay);
        }
        reply.begin();
        let command = Command::new(spec.name, bytes, args);
        let next = match place < specs.len() {
            true => self.call(&command, reply).await.map(|()| Next::Stay)?,
            false => self.converse(&command, reply).await,
        };
        let status = if reply.is_error() { 400 } else { 200 };
        resp.routes[place].record(status, started.elapsed());
        Ok(next)
    }

    async fn call(&mut self, command: &Command<'_>, reply: &mut Reply) -> std::io::Result<()> {
        let Some(caller) = &self.caller else {
            reply.error("NOAUTH Authentication required.");
            return Ok(());
        };
        if let Ran::Later(mut value) = self.resp.commands.run(caller, command, reply) {
            let activity = Arc::clone(&self.connection.activity);
            let _working = InFlight::new(&activity);
            let now = poll_fn(|cx| Poll::Ready(value.as_mut().poll(cx))).await;
            let value = match now {
                Poll::Ready(value) => value,
                Poll::Pending => {
                    // What is answered already does not wait for it.
                    self.send(reply).await?;
                    value.await
                }
            };
            reply.append(&value);
        }
        Ok(())
    }

    async fn converse(&mut self, command: &Command<'_>, reply: &mut Reply) -> Next {
        match self.session.run(command, reply) {
            Turn::Stay => {}
            Turn::Leave => return Next::Leave,
            Turn::Prove(credential, welcome) => {
                let before = std::mem::replace(&mut self.session.credential, credential);
                match self.prove().await {
                    Ok(()) => self.session.welcome(&welcome, reply),
                    Err(refusal) => {
                        self.session.credential = before;
                        reply.error(&refusal);
                    }
                }
            }
        }
        if command.name() == "RESET" {
            self.recognise().await;
        }
        Next::Stay
    }

    /// Whose commands these are, looked up anew with each read, so that a revoked credential
    /// counts no more and a namespace that was reset is the new one: two looks into memory.
    async fn recognise(&mut self) {
        if self.prove().await.is_err() {
            self.caller = None;
        }
    }

    /// # Errors
    /// The reply that says why the session's credential does not count.
    async fn prove(&mut self) -> Result<(), String> {
        let (door, credential) = (&self.resp.door, &self.session.credential);
        let principal = match door.auth.known(credential) {
            Some(principal) => principal,
            None => {
                let source = Some(self.connection.peer.address.ip());
                door.auth.authenticate_from(credential, source).await.map_err(refusal)?
            }
        };
        let room = door.rooms.open(&principal.namespace).await;
        let room = room.map_err(|error| format!("ERR {error}"))?;
        self.caller = Some(Caller { principal, room });
        Ok(())
    }

    /// What a fault rule makes of the command; none: it is run.
    async fn befall(&mut self, spec: &Spec, reply: &mut Reply) -> Option<Next> {
        let faults = self.connection.faults.as_ref()?;
        match faults.strike(self.connection.door, spec.name)? {
            Action::Cut => Some(Next::Leave),
            Action::Refuse(_) => {
                reply.error("ERR a fault rule refused this");
                Some(Next::Stay)
            }
            Action::LatencyMs(latency_ms) => {
                tokio::time::sleep(Duration::from_millis(latency_ms.into())).await;
                None
            }
        }
    }
}

fn refusal(error: AuthError) -> String {
    match error {
        AuthError::Store(_) => format!("ERR {error}"),
        _ => format!("WRONGPASS {error}"),
    }
}
