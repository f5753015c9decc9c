//! The range table in memory: what a store does with its rows, and the model it is tested against.

use std::collections::BTreeMap;

use super::{Checkpoint, Lease, LeaseId, RangeError, RangePlan, RangeRow, RangeState};

/// All ranges that were ever leased, by number. Those beyond are free and have no row yet.
#[derive(Debug, Clone)]
pub struct RangeTable {
    plan: RangePlan,
    rows: BTreeMap<u64, RangeRow>,
}

impl RangeTable {
    /// An empty table.
    #[must_use]
    pub const fn new(plan: RangePlan) -> Self {
        Self { plan, rows: BTreeMap::new() }
    }

    /// The rows, by number.
    pub fn rows(&self) -> impl Iterator<Item = &RangeRow> {
        self.rows.values()
    }

    /// A lease for `owner`: of the first range given back or abandoned, else of a new one.
    ///
    /// # Errors
    /// As [`RangeRow::following`].
    pub fn lease(&mut self, owner: &str) -> Result<Lease, RangeError> {
        if let Some(row) = self.rows.values_mut().find(|row| row.state() == RangeState::Free) {
            return row.lease(owner);
        }
        let last = self.rows.last_key_value().map(|(_, row)| row);
        let mut row = RangeRow::following(last, self.plan)?;
        let lease = row.lease(owner)?;
        self.rows.insert(row.number, row);
        Ok(lease)
    }

    /// New leases for all that `owner` still holds: what a server asks for first when it starts.
    ///
    /// # Errors
    /// None in a sound table; those of [`RangeRow::recover`].
    pub fn recover(&mut self, owner: &str) -> Result<Vec<Lease>, RangeError> {
        self.held_by(owner).map(|row| row.recover(owner)).collect()
    }

    /// Frees what a server that will not come back holds.
    pub fn abandon(&mut self, owner: &str) {
        self.held_by(owner).for_each(RangeRow::abandon);
    }

    /// Moves a mark; see [`RangeRow::checkpoint`].
    ///
    /// # Errors
    /// Those of [`RangeRow::checkpoint`], and [`RangeError::Unknown`].
    pub fn checkpoint(&mut self, checkpoint: Checkpoint) -> Result<(), RangeError> {
        self.row(checkpoint.lease)?.checkpoint(checkpoint)
    }

    /// Ends a lease in good order; see [`RangeRow::give_back`].
    ///
    /// # Errors
    /// Those of [`RangeRow::give_back`], and [`RangeError::Unknown`].
    pub fn give_back(&mut self, lease: LeaseId, next: u64) -> Result<(), RangeError> {
        self.row(lease)?.give_back(lease, next)
    }

    fn row(&mut self, lease: LeaseId) -> Result<&mut RangeRow, RangeError> {
        self.rows.get_mut(&lease.range).ok_or(RangeError::Unknown(lease.range))
    }

    fn held_by(&mut self, owner: &str) -> impl Iterator<Item = &mut RangeRow> {
        self.rows.values_mut().filter(move |row| {
            row.state() == RangeState::Assigned && row.owner.as_deref() == Some(owner)
        })
    }
}
