//! What one namespace of the scenario `estates` may hold, and whether it may be there at all.

use std::collections::BTreeSet;

use kit::invariant::{
    ACKNOWLEDGED_IS_THERE, Bounds, DROP_IS_WHOLE, FORK_IS_THERE, NOTHING_MADE_UP, RESET_IS_WHOLE,
    Violation,
};

use super::estate::Found;

/// What is being done to it; a crash or a refusal leaves open how far that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Change {
    #[default]
    None,
    Making,
    Resetting,
    Dropping,
    Gone,
}

/// What was promised of one namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Deed {
    pub(super) bounds: Bounds<u64>,
    pub(super) change: Change,
}

impl Deed {
    /// A reset was acknowledged.
    pub(super) fn emptied(&mut self) {
        *self = Self::default();
    }

    /// Judges what a start finds; from now on exactly that is there.
    pub(super) fn recovered(&mut self, found: Option<&Found>) -> Result<(), Violation> {
        let change = self.change;
        let Some(found) = found else {
            self.change = Change::Gone;
            return match change {
                Change::Making | Change::Dropping | Change::Gone => Ok(()),
                Change::Resetting => Err(RESET_IS_WHOLE.broken_by("there is no namespace")),
                Change::None => Err(FORK_IS_THERE.broken_by("there is no namespace")),
            };
        };
        if change == Change::Gone {
            return Err(DROP_IS_WHOLE.broken_by("it is there again"));
        }
        let is_empty = *found == Found::default();
        if !(change == Change::Resetting && is_empty) {
            let if_missing = match change {
                Change::Resetting => RESET_IS_WHOLE,
                Change::Dropping => DROP_IS_WHOLE,
                _ => ACKNOWLEDGED_IS_THERE,
            };
            check(&self.bounds, found, if_missing)?;
        }
        let may: BTreeSet<u64> = found.rows.difference(&found.records).copied().collect();
        self.bounds = Bounds { must: found.records.clone(), may };
        self.change = Change::None;
        Ok(())
    }
}

/// Holds both stores against `bounds`, and one against the other.
pub(super) fn check(
    bounds: &Bounds<u64>,
    found: &Found,
    if_missing: kit::invariant::Invariant,
) -> Result<(), Violation> {
    bounds.check(&found.rows, if_missing, NOTHING_MADE_UP)?;
    bounds.check(&found.records, if_missing, NOTHING_MADE_UP)?;
    found.is_one_instant()
}
