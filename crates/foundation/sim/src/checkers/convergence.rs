//! Replicas that have heard the same say the same.

use std::fmt::Debug;

use thiserror::Error;

/// Two replicas that differ.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{first} has {has} where {second} has {other}")]
pub struct Diverged {
    /// One of them.
    pub first: String,
    /// What it has.
    pub has: String,
    /// The other.
    pub second: String,
    /// What that one has.
    pub other: String,
}

/// Compares each replica with the first, after updates have stopped and every message has arrived.
///
/// # Errors
/// The first that differs.
pub fn check<S: PartialEq + Debug>(replicas: &[(String, S)]) -> Result<(), Diverged> {
    let Some(((first, has), others)) = replicas.split_first() else { return Ok(()) };
    match others.iter().find(|(_, other)| other != has) {
        None => Ok(()),
        Some((second, other)) => Err(Diverged {
            first: first.clone(),
            has: format!("{has:?}"),
            second: second.clone(),
            other: format!("{other:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_differs_is_named() {
        let of = |name: &str, value: u32| (name.to_owned(), value);
        assert_eq!(check::<u32>(&[]), Ok(()));
        assert_eq!(check(&[of("a", 1), of("b", 1)]), Ok(()));
        let diverged = check(&[of("a", 1), of("b", 1), of("c", 2)]).unwrap_err();
        assert_eq!(diverged.to_string(), "a has 1 where c has 2");
    }
}
