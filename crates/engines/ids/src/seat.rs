//! A generator on its worker: claimed when first needed, its mark kept ahead of use, given up when
//! somebody else has the worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use kit::clock::{Clock, StepWatch, pause};
use kit::clock_sync::ClockSync;
use kit::entropy::Entropy;
use kit::sql::Db;
use kit::system::Ctx;
use kit::telemetry::metrics::{CounterFamily, Gauge, Metrics};
use parking_lot::Mutex;

use crate::generator::{Generator, Grant, Pause, Run};
use crate::layout::Worker;
use crate::model::IdError;
use crate::registry::{self, Claim, WorkerRow};
use crate::settings::Settings;

/// How far ahead of the clock a mark is written, and so how many milliseconds a crash wastes.
const AHEAD: Duration = Duration::from_secs(2);
/// With less than this left of it the mark is moved, before anyone has to wait.
const REFILL: Duration = Duration::from_secs(1);
/// How often that is looked at.
const KEEP_EVERY: Duration = Duration::from_millis(200);
/// After so long without an id nobody looks any more; the next id waits for one commit.
const REST_AFTER: Duration = Duration::from_secs(10);
/// How long nobody else may claim a worker after its mark was moved.
const LEASE: Duration = Duration::from_secs(10);
/// A pause that ends within this is waited for. More than [`AHEAD`], which a restart waits for.
const WAIT_MAX: Duration = Duration::from_secs(3);

/// Where the ids of one namespace in one process come from.
pub(crate) struct Seat {
    sql: Db,
    clock: Clock,
    entropy: Entropy,
    settings: Arc<Settings>,
    wanted: Option<Worker>,
    generator: ArcSwapOption<Generator>,
    /// One at a time claims or moves the mark; the others wait for it.
    row: tokio::sync::Mutex<Option<WorkerRow>>,
    steps: Mutex<StepWatch>,
    kept: AtomicBool,
    gauges: Gauges,
}

/// What is told of the clock and the layout.
struct Gauges {
    clock_step_us: Gauge,
    clock_offset_us: Gauge,
    clock_kept: Gauge,
    epoch_left_days: Gauge,
    refused: CounterFamily,
}

impl Gauges {
    fn new(metrics: &Metrics) -> Self {
        Self {
            clock_step_us: metrics.gauge(
                "backplane_ids_clock_step_us",
                "How far the clock was set between two marks of the id generator, forward positive",
            ),
            clock_offset_us: metrics.gauge(
                "backplane_ids_clock_offset_us",
                "How far the clock is to be moved yet, as the kernel says, forward positive",
            ),
            clock_kept: metrics
                .gauge("backplane_ids_clock_kept", "1 while a time service keeps the clock"),
            epoch_left_days: metrics
                .gauge("backplane_ids_epoch_left_days", "Days until ids cannot express the time"),
            refused: metrics.counters(
                "backplane_ids_refused",
                "Times that no id could be made",
                &["reason"],
            ),
        }
    }

    fn tell(&self, refusal: &IdError) {
        let reason = match refusal {
            IdError::ClockBehind { .. } => "clock-behind",
            IdError::ClockJumped { .. } => "clock-jumped",
            IdError::ClockUnkept(_) => "clock-unkept",
            IdError::ClockStands => "clock-stands",
            IdError::Layout(_) => "layout",
            IdError::NoWorker(_) | IdError::Lost => "no-worker",
            _ => "store",
        };
        self.refused.with(&[reason]).inc();
    }
}

impl Seat {
    /// At the place that is wanted, or at any.
    pub(crate) fn new(ctx: &Ctx, settings: Arc<Settings>, wanted: Option<Worker>) -> Arc<Self> {
        Arc::new(Self {
            sql: ctx.sql.clone(),
            clock: ctx.clock.clone(),
            entropy: ctx.entropy.clone(),
            settings,
            wanted,
            generator: ArcSwapOption::empty(),
            row: tokio::sync::Mutex::default(),
            steps: Mutex::new(StepWatch::start()),
            kept: AtomicBool::new(false),
            gauges: Gauges::new(&ctx.metrics),
        })
    }

    /// Ids without waiting for anything. None: [`Seat::take`] knows what to wait for.
    pub(crate) fn take_now(
        &self,
        take: &impl Fn(&Generator, u64) -> Result<Run, Pause>,
    ) -> Option<Run> {
        let now = self.tick().ok()?;
        let generator = self.generator.load();
        take(generator.as_deref()?, now).ok()
    }

    /// Ids, waiting for the next millisecond, for the clock or for the mark.
    ///
    /// # Errors
    /// [`IdError`].
    pub(crate) async fn take<T>(
        self: &Arc<Self>,
        take: impl Fn(&Generator, u64) -> Result<T, Pause>,
    ) -> Result<T, IdError> {
        self.take_in_time(take).await.inspect_err(|refusal| self.gauges.tell(refusal))
    }

    async fn take_in_time<T>(
        self: &Arc<Self>,
        take: impl Fn(&Generator, u64) -> Result<T, Pause>,
    ) -> Result<T, IdError> {
        let started = kit::clock::Stopwatch::start();
        loop {
            let now = self.tick()?;
            let paused = match self.generator.load().as_deref() {
                Some(generator) => match take(generator, now) {
                    Ok(taken) => return Ok(taken),
                    Err(paused) => paused,
                },
                None => Pause::NotGranted { tick: now },
            };
            let left = WAIT_MAX.saturating_sub(started.elapsed());
            match paused {
                Pause::NotGranted { tick } => self.grant(tick).await?,
                Pause::Full { .. } if left.is_zero() => return Err(IdError::ClockStands),
                Pause::Ahead { .. } if left.is_zero() => {
                    let ahead_max_ms = self.settings.range_ahead_max_ms;
                    return Err(IdError::RangesAhead { ahead_max_ms });
                }
                Pause::Full { tick } | Pause::Ahead { tick } => {
                    let wait = Duration::from_millis(tick.saturating_sub(now));
                    self.wait(wait.min(left)).await;
                }
                // This thread was kept waiting between the clock and the generator.
                Pause::ClockBehind { behind_ms } if self.tick()? >= now + behind_ms => {}
                Pause::ClockBehind { behind_ms } if Duration::from_millis(behind_ms) > left => {
                    tracing::error!(
                        behind_ms,
                        "the clock went back: no ids until it is there again"
                    );
                    return Err(IdError::ClockBehind { behind_ms });
                }
                Pause::ClockBehind { behind_ms } => {
                    self.wait(Duration::from_millis(behind_ms)).await;
                }
            }
        }
    }

    /// Waits by the namespace's clock, and no longer by the machine's.
    async fn wait(&self, span: Duration) {
        tokio::select! {
            () = self.clock.sleep(span) => {}
            () = pause(span) => {}
        }
    }

    pub(crate) fn tick(&self) -> Result<u64, IdError> {
        Ok(self.settings.layout.ticks(now_ms(&self.clock))?)
    }

    /// The worker in use, and how far its mark is.
    pub(crate) fn generator(&self) -> Option<Arc<Generator>> {
        self.generator.load_full()
    }

    /// How far the machine's clock was set since the last mark, in microseconds, forward positive.
    pub(crate) fn clock_step_us(&self) -> i64 {
        self.steps.lock().step_us()
    }

    /// An operator has looked at the clock: it is right.
    pub(crate) fn accept_clock(&self) {
        *self.steps.lock() = StepWatch::start();
    }

    /// Claims a worker now, so that a start fails where it would only be found at the first id.
    ///
    /// # Errors
    /// As [`Seat::take`].
    pub(crate) async fn claim_now(self: &Arc<Self>) -> Result<(), IdError> {
        self.grant(self.tick()?).await
    }

    /// Has the mark reach `tick` and [`AHEAD`] of the clock, on another worker if this one is lost.
    async fn grant(self: &Arc<Self>, tick: u64) -> Result<(), IdError> {
        let mut row = self.row.lock().await;
        let generator = self.generator.load_full();
        if generator.as_ref().is_some_and(|generator| generator.granted_until() >= tick) {
            return Ok(());
        }
        self.refuse_jump()?;
        let ahead = u64::try_from(AHEAD.as_millis()).unwrap_or(u64::MAX);
        let layout = self.settings.layout;
        let until = tick.max(self.tick()? + ahead).min(layout.ticks(layout.last_ms())?);
        if tick > until {
            return Err(crate::layout::LayoutError::PastEnd.into());
        }
        if let (Some(held), Some(generator)) = (&*row, generator)
            && self.extend(held, until).await?
        {
            generator.extend(until);
            self.keep();
            return Ok(());
        }
        self.generator.store(None);
        let claimed = self.claim().await?;
        let after = layout.ticks(claimed.issued_until_ms).unwrap_or(0);
        let until = until.max(after + ahead);
        if !self.extend(&claimed, until).await? {
            return Err(IdError::Lost);
        }
        let (grant, tolerance) = (Grant { after, until }, self.settings.clock_back_tolerance_ms);
        let generator = Generator::new(layout, claimed.worker, grant, tolerance)?;
        self.generator.store(Some(Arc::new(generator)));
        *row = Some(claimed);
        self.keep();
        Ok(())
    }

    async fn claim(&self) -> Result<WorkerRow, IdError> {
        self.settings.clock_rule.check(ClockSync::read())?;
        let now = self.clock.now();
        let claim = Claim {
            wanted: self.wanted,
            owner: self.entropy.text(22),
            now,
            leased_until: now.plus(LEASE),
            alone: self.sql.embedded().is_some(),
        };
        let layout = self.settings.layout;
        Ok(self.sql.write(move |tx| registry::claim(tx, &layout, &claim)).await?)
    }

    /// False: the worker is somebody else's now.
    async fn extend(&self, row: &WorkerRow, until: u64) -> Result<bool, IdError> {
        let (row, leased_until) = (row.clone(), self.clock.now().plus(LEASE));
        let until_ms = self.settings.layout.epoch_ms() + until;
        let write =
            move |tx: &mut kit::sql::Tx<'_>| registry::extend(tx, &row, until_ms, leased_until);
        Ok(self.sql.write(write).await?)
    }

    /// A clock that jumped ahead would have ids run ahead with it, and they cannot be called back.
    fn refuse_jump(&self) -> Result<(), IdError> {
        let mut steps = self.steps.lock();
        let (step_us, max_ms) = (steps.step_us(), self.settings.clock_jump_max_ms);
        self.gauges.clock_step_us.set(step_us);
        if let Some(sync) = ClockSync::read() {
            self.gauges.clock_offset_us.set(sync.offset_us);
            self.gauges.clock_kept.set(sync.kept.into());
        }
        let left_ms = self.settings.layout.last_ms().saturating_sub(now_ms(&self.clock));
        self.gauges.epoch_left_days.set(i64::try_from(left_ms / 86_400_000).unwrap_or(i64::MAX));
        let by_ms = u64::try_from(step_us / 1_000).unwrap_or(0);
        if by_ms > max_ms {
            tracing::error!(by_ms, "the clock jumped ahead: no ids until it is accepted");
            return Err(IdError::ClockJumped { by_ms });
        }
        // Smaller steps are what time servers do, and must not add up over months.
        *steps = StepWatch::start();
        Ok(())
    }

    /// Moves the mark before it is reached, for as long as ids are asked for. With others on the
    /// database the lease is renewed for as long as this process lives.
    fn keep(self: &Arc<Self>) {
        if self.kept.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            let (mut last, mut rested) = (u64::MAX, Duration::ZERO);
            loop {
                let wait = if rested < REST_AFTER { KEEP_EVERY } else { LEASE / 3 };
                pause(wait).await;
                let Some(seat) = weak.upgrade() else { return };
                let Some(generator) = seat.generator() else { continue };
                rested = if generator.last_tick() == last { rested + wait } else { Duration::ZERO };
                last = generator.last_tick();
                if rested >= REST_AFTER && seat.sql.embedded().is_some() {
                    return seat.kept.store(false, Ordering::Release);
                }
                if let Err(error) = seat.refill(&generator, rested >= REST_AFTER).await {
                    tracing::warn!(%error, "the mark of the id generator was not moved");
                }
            }
        });
    }

    async fn refill(self: &Arc<Self>, generator: &Generator, at_rest: bool) -> Result<(), IdError> {
        let (now, granted) = (self.tick()?, generator.granted_until());
        let refill = u64::try_from(REFILL.as_millis()).unwrap_or(u64::MAX);
        if at_rest || granted < now + refill {
            self.grant(granted.max(now) + 1).await?;
        }
        Ok(())
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms(clock: &Clock) -> u64 {
    u64::try_from(clock.now().micros() / 1_000).unwrap_or(0)
}
