//! The one store of the registry, and the line on which nodes call it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ids::IdGenerators;
use kit::clock::pause;
use kit::machine::{Machine, Task};
use kit::sql::{Db, Durability, OpenOptions, SqlError, Tx};
use kit::system::System;
use parking_lot::Mutex;
use sim::machine::SimMachine;
use sim::seed::Rng;
use tokio::sync::{mpsc, oneshot};

type Call = Box<dyn FnOnce(Db) -> Task + Send>;

/// Where the present process of the store takes calls; none while it is down.
pub(crate) type Door = Arc<Mutex<Option<mpsc::UnboundedSender<Call>>>>;

/// Serves until its machine is off.
pub(crate) async fn serve(machine: Arc<SimMachine>, door: Door, durability: Durability) {
    let db = loop {
        let path = PathBuf::from("/ids.db");
        let options = OpenOptions { path, migrations: IdGenerators::MIGRATIONS, durability };
        match kit::machine::blocking(move || Db::open_sqlite(&options)).await {
            Ok(Ok(db)) => break db,
            _ => pause(Duration::from_millis(100)).await,
        }
    };
    let (sender, mut calls) = mpsc::unbounded_channel();
    *door.lock() = Some(sender);
    while let Some(call) = calls.recv().await {
        machine.spawn(call(db.clone()));
    }
}

/// One node's way to the store.
pub(crate) struct Line {
    pub(crate) door: Door,
    pub(crate) rng: Rng,
}

impl Line {
    /// Does `work` in a transaction of the store. None: no answer, and it may be done or not.
    pub(crate) async fn call<T, E>(
        &mut self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Option<Result<T, E>>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        if !self.arrives().await {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |db| {
            Box::pin(async move {
                // Nobody hears it whose node is gone.
                let _ = answer.send(db.write(work).await);
            })
        });
        let door = self.door.lock().clone()?;
        door.send(call).ok()?;
        let answer = answered.await.ok()?;
        self.arrives().await.then_some(answer)
    }

    /// Half a millisecond to three, now and then longer than a mark reaches; and some are lost.
    async fn arrives(&mut self) -> bool {
        let is_late = self.rng.chance(1, 30);
        let span_us = self.rng.within(500..=if is_late { 4_000_000 } else { 3_000 });
        pause(Duration::from_micros(span_us)).await;
        !self.rng.chance(1, 30)
    }
}
