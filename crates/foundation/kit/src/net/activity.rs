//! What one connection has done so far, and what it has been told to do.
//!
//! Cost: this is on the path of every request, so all of it is relaxed stores to one cache line
//! that only the connection's own thread writes; judging it is the [`super::roster`]'s work, a few
//! times a second. A timer per request instead would allocate, and take the timer wheel's lock.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::roster::Seat;

/// What a connection is told; each outranks those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// Serve on.
    Serve,
    /// Finish the request in flight, then close.
    Finish,
    /// Close now.
    Cut,
}

/// What one connection has done, and what it is told: between it and its listener.
#[derive(Debug, Default)]
pub struct Activity {
    command: AtomicU8,
    waker: Mutex<Option<Waker>>,
    multiplexed: AtomicBool,
    write_blocked: AtomicBool,
    requests: AtomicU32,
    in_flight: AtomicU32,
    reads: AtomicU32,
    /// `reads` when the last request began or was answered: what came since is a next header.
    reads_at_request: AtomicU32,
    writes: AtomicU32,
}

/// What can be seen of a connection at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) requests: u32,
    pub(super) in_flight: u32,
    pub(super) writes: u32,
    /// A next header has begun to arrive, or the first one has yet to.
    pub(super) awaits_header: bool,
    pub(super) write_blocked: bool,
}

impl Activity {
    pub(super) fn sight(&self) -> Sight {
        let requests = self.requests.load(Ordering::Relaxed);
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        let header_begun =
            self.reads.load(Ordering::Relaxed) != self.reads_at_request.load(Ordering::Relaxed);
        // HTTP/2 has frames that belong to no request, so bytes read do not mean a header there.
        let header_begun = header_begun && !self.multiplexed.load(Ordering::Relaxed);
        Sight {
            requests,
            in_flight,
            writes: self.writes.load(Ordering::Relaxed),
            awaits_header: in_flight == 0 && (requests == 0 || header_begun),
            write_blocked: self.write_blocked.load(Ordering::Relaxed),
        }
    }

    /// A request begins to be answered. `multiplexed`: what is read behind it is no slow header.
    pub fn request_began(&self, multiplexed: bool) {
        if self.requests.load(Ordering::Relaxed) == 0 && multiplexed {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        bump(&self.requests);
        self.settle_reads();
    }

    /// What was read so far belongs to no next header.
    pub(crate) fn settle_reads(&self) {
        self.reads_at_request.store(self.reads.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Tells the connection; a lower command than it already has changes nothing.
    pub(crate) fn tell(&self, command: Command) {
        self.command.fetch_max(command as u8, Ordering::Release);
        if let Some(waker) = &*self.waker.lock() {
            waker.wake_by_ref();
        }
    }

    /// What the connection is to do, for the task of `waker`. `known` is the caller's memory of
    /// the waker left here, so that the lock is taken only when the task's waker has changed.
    pub(crate) fn command(&self, waker: &Waker, known: &mut Option<Waker>) -> Command {
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *self.waker.lock() = Some(waker.clone());
            *known = Some(waker.clone());
        }
        // Read after the waker is in its place: a command before that is seen here, one after it
        // wakes the task.
        match self.command.load(Ordering::Acquire) {
            0 => Command::Serve,
            1 => Command::Finish,
            _ => Command::Cut,
        }
    }
}

/// The orders of a connection to its own task.
pub struct Orders<'a> {
    activity: &'a Activity,
    known: Option<Waker>,
}

impl<'a> Orders<'a> {
    /// Of this connection.
    pub fn of(activity: &'a Activity) -> Self {
        Self { activity, known: None }
    }

    /// Goes on with `work` until the connection is told to do `order` or more.
    pub async fn unless<T>(&mut self, order: Command, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| match self.activity.command(cx.waker(), &mut self.known) {
            told if told >= order => Poll::Ready(None),
            _ => work.as_mut().poll(cx).map(Some),
        })
        .await
    }
}

/// Only the connection's own task calls this, so no read-modify-write is needed.
fn bump(counter: &AtomicU32) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// A request that a handler is working on, until it is dropped.
pub struct InFlight(Arc<Activity>);

impl InFlight {
    /// It begins.
    pub fn new(activity: &Arc<Activity>) -> Self {
        activity.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(activity))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Its body was read meanwhile, which is not the next request's header.
        self.0.settle_reads();
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket that notes what it does, and keeps its seat on the roster for as long as it is open
/// (an upgraded connection outlives the task that served it).
pub(super) struct Noted<S> {
    socket: S,
    seat: Seat,
}

impl<S> Noted<S> {
    pub(super) fn new(socket: S, seat: Seat) -> Self {
        Self { socket, seat }
    }

    fn note_write<T>(&self, result: &Poll<T>) {
        let activity = self.seat.activity();
        activity.write_blocked.store(result.is_pending(), Ordering::Relaxed);
        if result.is_ready() {
            bump(&activity.writes);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let result = Pin::new(&mut this.socket).poll_read(cx, buf);
        if buf.filled().len() > before {
            bump(&this.seat.activity().reads);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.socket).poll_write(cx, buf);
        this.note_write(&result);
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        let socket = Pin::new(&mut this.socket);
        // An answer without a body is one buffer, and a plain send is the cheaper call for it.
        let result = match bufs {
            [only] => socket.poll_write(cx, only),
            _ => socket.poll_write_vectored(cx, bufs),
        };
        this.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
