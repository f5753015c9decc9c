//! Nobody opens a namespace while its directory is being made, emptied or removed.
//!
//! A change shuts the gate and then takes out whoever is in. Whoever wants in looks at the disk and
//! enters only if no change began since that look. So nothing is opened in a directory that is
//! about to get another name, and nothing is written under a name that is not durable yet.

use parking_lot::Mutex;

use super::{NamespaceError, NamespaceName};

/// Which namespace is being changed. No call to the disk is made while it is locked.
#[derive(Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Default)]
struct State {
    shut_for: Option<NamespaceName>,
    changes: u64,
}

/// The state of the gate before a look at the disk.
#[derive(Clone, Copy)]
pub(super) struct Look(u64);

/// While it is there nobody enters the namespace that is being changed.
pub(super) struct Shut<'g>(&'g Gate);

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.0.lock().shut_for = None;
    }
}

impl Gate {
    /// Whoever changes namespaces one at a time shuts it for one at a time.
    pub(super) fn shut(&self, name: &NamespaceName) -> Shut<'_> {
        let mut state = self.0.lock();
        state.shut_for = Some(name.clone());
        state.changes += 1;
        Shut(self)
    }

    /// Before a look at the disk.
    pub(super) fn look(&self, name: &NamespaceName) -> Result<Look, NamespaceError> {
        let state = self.0.lock();
        match &state.shut_for {
            Some(shut_for) if shut_for == name => Err(NamespaceError::Busy(name.clone())),
            _ => Ok(Look(state.changes)),
        }
    }

    /// Does `entry` if what was seen at `look` still holds; none: look again.
    pub(super) fn enter<T>(&self, look: Look, entry: impl FnOnce() -> T) -> Option<T> {
        let state = self.0.lock();
        (state.changes == look.0).then(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NamespaceName {
        text.parse().unwrap()
    }

    #[test]
    fn a_look_from_before_a_change_lets_nobody_in() {
        let gate = Gate::default();
        let early = gate.look(&name("a")).unwrap();
        let shut = gate.shut(&name("a"));
        assert!(matches!(gate.look(&name("a")), Err(NamespaceError::Busy(_))));
        assert_eq!(gate.enter(early, || 1), None);
        let other = gate.look(&name("b")).unwrap();
        assert_eq!(gate.enter(other, || 2), Some(2));
        drop(shut);
        assert_eq!(gate.enter(early, || 3), None, "what it saw may be gone");
        let late = gate.look(&name("a")).unwrap();
        assert_eq!(gate.enter(late, || 4), Some(4));
    }
}
