//! Who may commit offsets: the fence against zombies.

use super::model::{GroupError, Identity};
use super::state::{Group, Phase};

impl Group {
    /// Whether offsets may be committed under this claim. A consumer that manages its partitions
    /// itself claims generation -1 and no member; it may only while nobody is in the group.
    /// An accepted commit is a sign of life: see [`Self::heard_from`].
    ///
    /// # Errors
    /// [`GroupError::UnknownMemberId`], [`GroupError::FencedInstanceId`] and
    /// [`GroupError::IllegalGeneration`] refuse zombies. [`GroupError::RebalanceInProgress`]: the
    /// member has joined the new generation but has no part of its plan yet, so it cannot have
    /// read anything in it. [`GroupError::CoordinatorNotAvailable`].
    pub fn may_commit(&self, identity: &Identity, generation: i32) -> Result<(), GroupError> {
        if generation < 0 && self.phase == Phase::Empty {
            return Ok(());
        }
        self.check_generation(identity, generation)?;
        match self.phase {
            Phase::Completing { .. } => Err(GroupError::RebalanceInProgress),
            // While joins are gathered the last generation still finishes its work.
            _ => Ok(()),
        }
    }

    /// The same for offsets committed in a transaction. The producer's epoch fences those, so a
    /// client that does not say who it is in the group passes (clients older than KIP-447).
    ///
    /// # Errors
    /// As [`Self::may_commit`], except for [`GroupError::RebalanceInProgress`].
    pub fn may_commit_in_transaction(
        &self,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), GroupError> {
        let is_anonymous = identity.member_id.is_unknown() && identity.instance_id.is_none();
        match self.phase {
            Phase::Dead => Err(GroupError::CoordinatorNotAvailable),
            _ if generation < 0 && is_anonymous => Ok(()),
            _ => self.check_generation(identity, generation),
        }
    }
}
