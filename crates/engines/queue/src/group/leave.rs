//! Members leave, or an operator takes static ones out.

use super::model::{GroupError, Identity, Output};
use super::state::{Group, Phase};

impl Group {
    /// Takes members out, each named by its member id, or by its instance id alone. Gives what
    /// came of each, in order, beside the output.
    ///
    /// # Errors
    /// For each [`GroupError::UnknownMemberId`], [`GroupError::FencedInstanceId`] or
    /// [`GroupError::CoordinatorNotAvailable`].
    pub fn leave(
        &mut self,
        now_ms: u64,
        leaving: &[Identity],
    ) -> (Vec<Result<(), GroupError>>, Output) {
        let results = leaving.iter().map(|identity| self.leave_one(now_ms, identity)).collect();
        self.settle(now_ms);
        (results, self.take_output())
    }

    fn leave_one(&mut self, now_ms: u64, identity: &Identity) -> Result<(), GroupError> {
        if self.phase == Phase::Dead {
            return Err(GroupError::CoordinatorNotAvailable);
        }
        if self.handed_out.remove(&identity.member_id).is_some() {
            return Ok(());
        }
        let id = match &identity.instance_id {
            Some(name) if identity.member_id.is_unknown() => {
                self.holder_of(name).cloned().ok_or(GroupError::UnknownMemberId)?
            }
            _ => {
                self.check_member(identity)?;
                identity.member_id.clone()
            }
        };
        self.remove(&id, now_ms);
        Ok(())
    }
}
