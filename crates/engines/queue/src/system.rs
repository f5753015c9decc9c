//! The system as the house sees it.

use std::sync::Arc;

use kit::sql::Migration;
use kit::system::{Ctx, OpenError, System};

use crate::service::{Options, Queue, Surroundings};
use crate::settings::Settings;

/// The message queue as one of the house's systems.
pub struct Queues {
    settings: Settings,
}

impl Queues {
    /// With these settings for every namespace.
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl System for Queues {
    const NAME: &'static str = "queue";
    /// All that it keeps is in its journal.
    const MIGRATIONS: &'static [Migration] = &[];
    type Instance = Queue;

    fn open(&self, ctx: Ctx) -> Result<Arc<Queue>, OpenError> {
        let options = Options {
            folder: ctx.dir.clone(),
            flush: self.settings.flush,
            journal_segment_bytes: self.settings.journal_segment_bytes,
            partitions_default: self.settings.partitions_default,
            anonymous: self.settings.anonymous,
            groups: self.settings.groups,
            auto_create: self.settings.auto_create,
        };
        let surroundings = Surroundings {
            clock: ctx.clock,
            entropy: ctx.entropy,
            files: &ctx.files,
            workers: &ctx.workers,
        };
        Queue::open(options, surroundings).map_err(|error| OpenError {
            system: Self::NAME,
            setting: "data_dir".to_owned(),
            what: error.to_string(),
        })
    }
}
