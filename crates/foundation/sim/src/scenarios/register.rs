//! Rows that clients read, write and swap at once, for the judge of linearizability.

use kit::sql::{Db, SqlError, Tx};

use crate::checkers::linearizability::{Model, Operation};
use crate::seed::Rng;

/// Rows; each is judged on its own.
const ROWS: u64 = 6;

/// What a client asks of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ask {
    Read,
    Write(i64),
    /// From one value to another, or nothing.
    Swap(i64, i64),
}

/// A row; the answer is what was read, or whether it was swapped.
#[derive(Clone, Debug)]
pub(super) struct Register;

pub(super) type History = Vec<Operation<Register>>;

impl Model for Register {
    type State = i64;
    type Ask = Ask;
    type Answer = i64;

    fn start() -> i64 {
        0
    }

    fn step(state: &i64, ask: &Ask, answer: Option<&i64>) -> Option<i64> {
        match ask {
            Ask::Read => answer.is_none_or(|read| read == state).then_some(*state),
            Ask::Write(value) => Some(*value),
            Ask::Swap(from, to) => {
                let is_done = state == from;
                let is_right = answer.is_none_or(|answer| (*answer == 1) == is_done);
                is_right.then_some(if is_done { *to } else { *state })
            }
        }
    }
}

/// The rows, as a part of a schema.
pub(super) const SCHEMA: &str = "
    CREATE TABLE register (id BIGINT PRIMARY KEY, value BIGINT NOT NULL);
    INSERT INTO register (id, value) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)";

/// A row and what to ask of it. `unique` is a value that nobody wrote before.
pub(super) fn draw(rng: &mut Rng, unique: u64) -> (u64, Ask) {
    let key = rng.below(ROWS);
    let unique = unique as i64;
    let ask = match rng.below(4) {
        0 | 1 => Ask::Read,
        2 => Ask::Write(unique),
        // Of a value written not long ago, so that some succeed.
        _ => Ask::Swap(unique - rng.below(40) as i64, unique),
    };
    (key, ask)
}

/// Asks it.
pub(super) async fn ask(db: &Db, key: u64, ask: Ask) -> Result<i64, SqlError> {
    let key = key as i64;
    match ask {
        Ask::Read => db.read(move |tx| value_of(tx, key)).await,
        Ask::Write(value) => db.write(move |tx| set(tx, key, value).map(|()| 1)).await,
        Ask::Swap(from, to) => {
            let swap = move |tx: &mut Tx<'_>| match value_of(tx, key)? {
                value if value == from => set(tx, key, to).map(|()| 1),
                _ => Ok(0),
            };
            db.write(swap).await
        }
    }
}

fn value_of(tx: &mut Tx<'_>, key: i64) -> Result<i64, SqlError> {
    let value =
        tx.find("SELECT value FROM register WHERE id = ?1", &[key.into()], |row| row.get(0))?;
    value.ok_or_else(|| SqlError::Invalid(format!("register {key} has no row")))
}

fn set(tx: &mut Tx<'_>, key: i64, value: i64) -> Result<(), SqlError> {
    let parameters = [key.into(), value.into()];
    tx.execute("UPDATE register SET value = ?2 WHERE id = ?1", &parameters).map(drop)
}
