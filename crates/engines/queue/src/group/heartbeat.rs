//! A member shows that it is alive, and learns that it must rejoin.

use super::model::{GroupError, Identity, MemberId};
use super::state::{Group, Phase};

impl Group {
    /// Takes in a heartbeat: the member lives for another session time-out.
    ///
    /// # Errors
    /// [`GroupError::RebalanceInProgress`] asks a live member to rejoin. Others are not in this
    /// generation: [`GroupError::UnknownMemberId`], [`GroupError::FencedInstanceId`],
    /// [`GroupError::IllegalGeneration`], [`GroupError::CoordinatorNotAvailable`].
    pub fn heartbeat(
        &mut self,
        now_ms: u64,
        identity: &Identity,
        generation: i32,
    ) -> Result<(), GroupError> {
        self.check_generation(identity, generation)?;
        self.heard_from(now_ms, &identity.member_id);
        match self.phase {
            Phase::Preparing { .. } => Err(GroupError::RebalanceInProgress),
            // Between join and sync a client may send heartbeats already.
            _ => Ok(()),
        }
    }

    /// Any other sign of life of a member, such as an accepted commit.
    pub fn heard_from(&mut self, now_ms: u64, member_id: &MemberId) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard_from(now_ms);
        }
    }
}
