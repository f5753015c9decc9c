//! The current ring, for readers that never wait and writers that take turns.
//!
//! A reader takes a snapshot and goes on with it while others publish; it is the old ring or the
//! new one, never something between. A writer copies the ring, changes the copy and publishes it in
//! one step.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

use super::Ring;
use crate::hash::{KeyHash, Xxh3};
use crate::membership::MembershipError;

/// The ring in force. Share it by reference or in an `Arc`.
#[derive(Debug)]
pub struct LiveRing<H = Xxh3> {
    current: ArcSwap<Ring<H>>,
    /// Held from the copy to its publication, so that no change is lost.
    writing: Mutex<()>,
}

/// A change that was published.
#[derive(Debug, Clone)]
pub struct Change<H = Xxh3> {
    /// The ring until then.
    pub before: Arc<Ring<H>>,
    /// The ring from then on.
    pub after: Arc<Ring<H>>,
}

/// A published ring must be newer than the one in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ring version {offered} is not newer than {current}; fetch the current members")]
pub struct StaleRing {
    /// The version that was to be published.
    pub offered: u64,
    /// The version in force.
    pub current: u64,
}

impl<H: KeyHash + Clone> LiveRing<H> {
    /// With a first ring.
    pub fn new(ring: Ring<H>) -> Self {
        Self { current: ArcSwap::from_pointee(ring), writing: Mutex::new(()) }
    }

    /// The ring in force, to read from for the length of a request. Never blocks.
    #[inline]
    pub fn load(&self) -> Guard<Arc<Ring<H>>> {
        self.current.load()
    }

    /// The ring in force, to keep: for a [`diff`](super::diff::diff) with a later one.
    pub fn snapshot(&self) -> Arc<Ring<H>> {
        self.current.load_full()
    }

    /// Changes a copy and publishes it. A change that is refused publishes nothing.
    ///
    /// # Errors
    /// What `change` returns.
    pub fn change(
        &self,
        change: impl FnOnce(&mut Ring<H>) -> Result<(), MembershipError>,
    ) -> Result<Change<H>, MembershipError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        let mut changed = Ring::clone(&before);
        change(&mut changed)?;
        let after = Arc::new(changed);
        self.current.store(Arc::clone(&after));
        Ok(Change { before, after })
    }

    /// Publishes a ring that was decided elsewhere; returns the one before.
    ///
    /// # Errors
    /// [`StaleRing`] unless its version is above that in force.
    pub fn publish(&self, ring: Ring<H>) -> Result<Arc<Ring<H>>, StaleRing> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (offered, current) = (ring.version(), self.load().version());
        if offered <= current {
            return Err(StaleRing { offered, current });
        }
        Ok(self.current.swap(Arc::new(ring)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;
    use crate::membership::Server;

    #[test]
    fn readers_see_whole_rings_of_growing_versions_while_a_writer_changes_them() {
        let servers = (0..10).map(|server| Server::new(format!("s{server}")));
        let live = LiveRing::new(Ring::with_servers(Xxh3, 20, servers).unwrap());
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut last, mut seen) = (0, 0);
                while !done.load(Ordering::Relaxed) {
                    let ring = live.load();
                    assert!(ring.version() >= last);
                    seen += u64::from(ring.version() > last);
                    last = ring.version();
                    // Version 1 has ten servers, and every second one after it eleven.
                    assert_eq!(ring.servers().len() as u64, 11 - last % 2);
                    assert_eq!(ring.points().len(), ring.servers().len() * 20);
                    assert!(ring.get(&last.to_le_bytes()).is_some());
                }
                seen
            });
            for _ in 0..500 {
                let added = live.change(|ring| ring.add(Server::new("new"))).unwrap();
                let counts = [added.before, added.after].map(|ring| ring.servers().len());
                assert_eq!(counts, [10, 11]);
                live.change(|ring| ring.remove("new")).unwrap();
                thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
            assert!(reader.join().unwrap() > 0);
        });
        assert_eq!(live.load().version(), 1001);
    }

    #[test]
    fn refused_changes_and_stale_rings_change_nothing() {
        let live = LiveRing::new(Ring::default());
        assert!(live.change(|ring| ring.remove("nobody")).is_err());
        assert_eq!(live.load().version(), 0);
        let newer = Ring::default().with_version(7);
        live.publish(newer.clone()).unwrap();
        assert_eq!(live.publish(newer).unwrap_err(), StaleRing { offered: 7, current: 7 });
    }
}
