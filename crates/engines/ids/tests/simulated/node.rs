//! One process that makes ids: a generator, and the seat that keeps it supplied.

use std::sync::Arc;
use std::time::Duration;

use ids::generator::{Generator, Grant, Pause, Run};
use ids::layout::{Layout, Parts, Worker};
use ids::registry::{self, Claim, ClaimError, WorkerRow};
use kit::clock::{Clock, Timestamp, pause};
use kit::sql::{SqlError, Tx};
use parking_lot::Mutex;
use sim::seed::Rng;

use super::store::Line;
use super::tally::Tally;

/// As in `src/seat.rs`.
const AHEAD_MS: u64 = 2_000;
const REFILL_MS: u64 = 1_000;
const TOLERANCE_MS: u64 = 10;
/// Shorter than there, so that it often ends under somebody who goes on.
const LEASE: Duration = Duration::from_millis(2_500);

/// What a node or its store does wrong, to show that it would be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// The mark of a worker is moved for whoever had it once.
    ExtendForAnyOwner,
    /// A claim does not look how far its worker came: the lease ended, so that must be past.
    ForgetTheMark,
    /// Ids are issued while the mark is on its way.
    IssueAheadOfTheMark,
    /// A call without an answer counts as done.
    TakeSilenceForYes,
    /// The store acknowledges before it has flushed.
    StoreWithoutFlush,
}

impl Mistake {
    pub(crate) const ALL: [Self; 5] = [
        Self::ExtendForAnyOwner,
        Self::ForgetTheMark,
        Self::IssueAheadOfTheMark,
        Self::TakeSilenceForYes,
        Self::StoreWithoutFlush,
    ];
}

/// What became of a call that moves a mark.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moved {
    Yes,
    Unknown,
    Lost,
}

pub(crate) struct Node {
    pub(crate) layout: Layout,
    pub(crate) clock: Clock,
    pub(crate) line: Line,
    pub(crate) rng: Rng,
    pub(crate) wanted: Option<Worker>,
    pub(crate) tally: Arc<Mutex<Tally>>,
    pub(crate) mistake: Option<Mistake>,
}

impl Node {
    /// Makes ids for as long as its process lives.
    pub(crate) async fn run(mut self) {
        loop {
            match self.take_seat().await {
                Some((row, generator)) => self.issue(&row, &generator).await,
                None => pause(Duration::from_micros(self.rng.below(300_000))).await,
            }
        }
    }

    fn tick(&self) -> u64 {
        let now_ms = u64::try_from(self.clock.now().micros() / 1_000).unwrap();
        self.layout.ticks(now_ms).unwrap()
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    async fn take_seat(&mut self) -> Option<(WorkerRow, Generator)> {
        let (now, layout) = (self.clock.now(), self.layout);
        let owner = format!("{:016x}", self.rng.bits());
        let leased_until = now.plus(LEASE);
        let claim = Claim { wanted: self.wanted, owner, now, leased_until, alone: false };
        let claimed = self.line.call(move |tx| registry::claim(tx, &layout, &claim)).await;
        let row = match claimed {
            Some(Ok(row)) => row,
            other => {
                let mut tally = self.tally.lock();
                match other {
                    Some(Err(ClaimError::Store(_))) | None => tally.counts.unanswered += 1,
                    _ => tally.counts.refused += 1,
                }
                return None;
            }
        };
        self.tally.lock().counts.claims += 1;
        let mut after = layout.ticks(row.issued_until_ms).unwrap_or(0);
        if self.makes(Mistake::ForgetTheMark) {
            after = 0;
        }
        let until = (self.tick() + AHEAD_MS).max(after + AHEAD_MS);
        if self.mark(&row, until).await != Moved::Yes {
            return None;
        }
        let grant = Grant { after, until };
        let generator = Generator::new(layout, row.worker, grant, TOLERANCE_MS).unwrap();
        Some((row, generator))
    }

    /// Until the worker is lost or left.
    async fn issue(&mut self, row: &WorkerRow, generator: &Generator) {
        loop {
            let is_hurried = self.rng.chance(1, 2);
            let span_us = if is_hurried { 1_000 } else { self.rng.below(40_000) };
            pause(Duration::from_micros(span_us)).await;
            let now = self.tick();
            if self.rng.chance(1, 40) {
                // The thread is kept waiting between the clock and the generator.
                pause(Duration::from_micros(self.rng.below(20_000))).await;
            }
            let needed = match self.take(generator, now) {
                Ok(()) | Err(Pause::Full { .. } | Pause::Ahead { .. }) => now,
                Err(Pause::NotGranted { tick }) => tick,
                Err(Pause::ClockBehind { .. }) => {
                    self.tally.lock().counts.behind += 1;
                    if self.rng.chance(1, 100) {
                        return;
                    }
                    continue;
                }
            };
            let granted = generator.granted_until();
            if granted < needed || granted < self.tick() + REFILL_MS {
                let until = needed.max(self.tick() + AHEAD_MS).max(granted);
                if self.makes(Mistake::IssueAheadOfTheMark) {
                    generator.extend(until);
                }
                match self.mark(row, until).await {
                    Moved::Yes => generator.extend(until),
                    Moved::Unknown => {}
                    Moved::Lost => return,
                }
            }
        }
    }

    /// The rest of a millisecond, a part of it, or whole ones ahead of time.
    fn take(&mut self, generator: &Generator, now: u64) -> Result<(), Pause> {
        let whole = self.layout.ids_a_ms();
        let mut tally = self.tally.lock();
        match self.rng.below(8) {
            0 => {
                let reserved = generator.reserve(now, self.rng.within(1..=20), AHEAD_MS / 2)?;
                for tick in reserved.after + 1..=reserved.until {
                    let time_ms = self.layout.epoch_ms() + tick;
                    let parts = Parts { time_ms, worker: generator.worker(), sequence: 0 };
                    tally.made(Run { first: self.layout.encode(parts).unwrap(), count: whole });
                }
            }
            1..=3 => tally.made(generator.take(now, whole)?),
            4 => tally.made(generator.take_all(now, self.rng.within(1..=whole))?),
            _ => tally.made(generator.take(now, self.rng.within(1..=50))?),
        }
        Ok(())
    }

    async fn mark(&mut self, row: &WorkerRow, until: u64) -> Moved {
        let until_ms = self.layout.epoch_ms() + until;
        let (row, leased_until) = (row.clone(), self.clock.now().plus(LEASE));
        let asks_owner = !self.makes(Mistake::ExtendForAnyOwner);
        let moved = self.line.call(move |tx| match asks_owner {
            true => registry::extend(tx, &row, until_ms, leased_until),
            false => extend_for_any_owner(tx, &row, until_ms, leased_until),
        });
        match moved.await {
            Some(Ok(true)) => Moved::Yes,
            Some(Ok(false)) => {
                self.tally.lock().counts.losses += 1;
                Moved::Lost
            }
            None if self.makes(Mistake::TakeSilenceForYes) => Moved::Yes,
            Some(Err(_)) | None => {
                self.tally.lock().counts.unanswered += 1;
                Moved::Unknown
            }
        }
    }
}

/// [`registry::extend`] without its question whose the worker is.
fn extend_for_any_owner(
    tx: &mut Tx<'_>,
    row: &WorkerRow,
    issued_until_ms: u64,
    leased_until: Timestamp,
) -> Result<bool, SqlError> {
    let written = tx.execute(
        "UPDATE worker SET issued_until_ms = ?3, leased_until = ?4
         WHERE datacenter = ?1 AND machine = ?2 AND issued_until_ms <= ?3",
        &[
            i64::from(row.worker.datacenter).into(),
            i64::from(row.worker.machine).into(),
            i64::try_from(issued_until_ms).unwrap().into(),
            leased_until.into(),
        ],
    )?;
    Ok(written == 1)
}
