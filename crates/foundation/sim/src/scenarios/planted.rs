//! Bugs put in on purpose, to show that the scenarios would find them.
//!
//! Three kinds: a mistake that kit makes where it is told to (debug builds only, see
//! [`kit::machine::Mistake`]), a disk that lies, and a setting that promises less.

use kit::machine::Mistake;
use kit::sql::Durability;

use super::Scenario;
use crate::disk::Lie;
use crate::machine::SimMachine;

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planted {
    /// Its name on the command line.
    pub name: &'static str,
    /// Where it shows.
    pub scenario: Scenario,
    bug: Bug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    Kit(Mistake),
    Disk(Lie),
    Buffered,
}

const fn planted(name: &'static str, scenario: Scenario, bug: Bug) -> Planted {
    Planted { name, scenario, bug }
}

/// All of them.
pub const ALL: [Planted; 21] = [
    planted("answer-before-commit", Scenario::Sql, Bug::Kit(Mistake::AnswerBeforeCommit)),
    planted("answer-failed-commit", Scenario::Sql, Bug::Kit(Mistake::AnswerFailedCommit)),
    planted("name-before-flush", Scenario::Sql, Bug::Kit(Mistake::NameBeforeFlush)),
    planted("buffered", Scenario::Sql, Bug::Buffered),
    planted("log-not-flushed", Scenario::Sql, Bug::Disk(Lie::FlushesNothing("-wal"))),
    planted("main-file-not-flushed", Scenario::Sql, Bug::Disk(Lie::FlushesNothing(".db"))),
    planted("folders-not-flushed", Scenario::Sql, Bug::Disk(Lie::FlushesNoFolder)),
    planted("failed-flush-hidden", Scenario::Sql, Bug::Disk(Lie::HidesFailedFlushes)),
    planted("image-not-flushed", Scenario::Sql, Bug::Disk(Lie::FlushesNothing(".new"))),
    planted("shared-file-written", Scenario::Forks, Bug::Kit(Mistake::CheckpointIntoSharedFile)),
    planted("links-hidden", Scenario::Forks, Bug::Disk(Lie::HidesLinks)),
    planted("readers-past-swap", Scenario::Forks, Bug::Kit(Mistake::KeepReadersPastSwap)),
    planted("fork-lacks-a-page", Scenario::Forks, Bug::Kit(Mistake::ForkWithoutLastPage)),
    planted("fork-not-flushed", Scenario::Forks, Bug::Kit(Mistake::ForkUnflushed)),
    planted("own-copy-not-flushed", Scenario::Forks, Bug::Disk(Lie::FlushesNothing(".own"))),
    planted("removed-before-delivery", Scenario::Outbox, Bug::Kit(Mistake::RemoveBeforeDelivery)),
    planted("one-more-removed", Scenario::Outbox, Bug::Kit(Mistake::RemoveOneMore)),
    planted("held-one-by-one", Scenario::Estates, Bug::Kit(Mistake::HoldOneByOne)),
    planted("emptied-in-place", Scenario::Estates, Bug::Kit(Mistake::EmptyInPlace)),
    planted("end-not-flushed", Scenario::Estates, Bug::Kit(Mistake::EndUnflushed)),
    planted("own-store-not-flushed", Scenario::Estates, Bug::Disk(Lie::FlushesNothing(".tail"))),
];

/// Found by walking through a short run only: the power must go between two calls.
pub const RESET_FORGOTTEN: Planted =
    planted("reset-forgotten", Scenario::Estates, Bug::Kit(Mistake::ForgetReset));

impl Planted {
    /// The one called `name`.
    ///
    /// # Errors
    /// The names there are.
    pub fn find(name: &str) -> Result<&'static Self, String> {
        ALL.iter().find(|planted| planted.name == name).ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|planted| planted.name).collect();
            format!("there is no planted bug `{name}`; take one of {}", names.join(", "))
        })
    }

    pub(super) fn plant(&self, machine: &SimMachine, durability: &mut Durability) {
        match self.bug {
            Bug::Kit(mistake) => machine.plant(mistake),
            Bug::Disk(lie) => machine.sim_disk().tell(lie),
            Bug::Buffered => *durability = Durability::Buffered,
        }
    }
}
