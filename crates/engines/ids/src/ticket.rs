//! Tickets: named numbers that go up by a step, from a row of the store.
//!
//! A *ticket server* is one row that hands out 1, 2, 3 (Flickr's). Several of them without a single
//! point of failure are the *multi-master* scheme: k servers step by k from different firsts, so
//! two of them hand out odd and even numbers. Both are for those who need small or dense numbers;
//! they wait for a commit where the generators do not.
//!
//! A row hands out a block at a time; a crash loses what is left of a block and never repeats it.

use std::collections::HashMap;

use kit::sql::{Db, SqlError, Tx};
use parking_lot::Mutex;

use crate::model::IdError;

/// The longest name.
const NAME_BYTES_MAX: usize = 64;
/// Tickets of a namespace with a block in memory, at most; another's block is then let go.
const BLOCKS_MAX: usize = 10_000;

/// How a ticket counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its first number.
    pub first: u64,
    /// From one to the next: the number of servers.
    pub step: u64,
    /// Numbers taken from the row at once. 1: no gap, a commit each.
    pub block: u64,
}

impl Default for Plan {
    /// 1, 2, 3, without a gap.
    fn default() -> Self {
        Self { first: 1, step: 1, block: 1 }
    }
}

/// Numbers of one ticket, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// The first of them.
    pub first: u64,
    /// From one to the next.
    pub step: u64,
    /// How many.
    pub count: u64,
}

impl Numbers {
    /// The last of them.
    pub fn last(&self) -> u64 {
        self.first + self.step * (self.count - 1)
    }

    fn split(&mut self, count: u64) -> Option<Self> {
        if count > self.count {
            return None;
        }
        let taken = Self { count, ..*self };
        self.first += self.step * count;
        self.count -= count;
        Some(taken)
    }
}

/// The tickets of one namespace.
pub(crate) struct Tickets {
    sql: Db,
    blocks: Mutex<HashMap<String, Numbers>>,
}

impl Tickets {
    pub(crate) fn new(sql: Db) -> Self {
        Self { sql, blocks: Mutex::default() }
    }

    /// Makes a ticket, or leaves it as it is when it has the same step and block.
    pub(crate) async fn create(&self, name: &str, plan: Plan) -> Result<(), IdError> {
        check_name(name)?;
        let fits = |number: u64| (1..=1_000_000).contains(&number);
        if !fits(plan.step) || !fits(plan.block) || plan.first > i64::MAX as u64 / 2 {
            let what = "first, step and block: first up to 2^62, step and block 1 to 1000000";
            return Err(IdError::Ticket(what.to_owned()));
        }
        let (name, told) = (name.to_owned(), name.to_owned());
        let made = self.sql.write::<_, SqlError>(move |tx| {
            insert(tx, &name, plan)?;
            let there = find(tx, &name)?;
            Ok(there.is_some_and(|(_, step, block)| (step, block) == (plan.step, plan.block)))
        });
        match made.await? {
            true => Ok(()),
            false => Err(IdError::Ticket(format!("{told} exists and counts differently"))),
        }
    }

    /// The next `count` numbers of `name`, which is made with the default plan when it is new.
    pub(crate) async fn take(&self, name: &str, count: u64) -> Result<Numbers, IdError> {
        check_name(name)?;
        if let Some(taken) = self.blocks.lock().get_mut(name).and_then(|block| block.split(count)) {
            return Ok(taken);
        }
        let owned = name.to_owned();
        let mut taken = self.sql.write(move |tx| draw(tx, &owned, count)).await?;
        let wanted = taken.split(count);
        if taken.count > 0 {
            let mut blocks = self.blocks.lock();
            if blocks.len() >= BLOCKS_MAX
                && let Some(any) = blocks.keys().next().cloned()
            {
                blocks.remove(&any);
            }
            blocks.insert(name.to_owned(), taken);
        }
        wanted.ok_or_else(|| IdError::Ticket(format!("{name} is used up")))
    }
}

fn check_name(name: &str) -> Result<(), IdError> {
    let plain = |byte: u8| byte.is_ascii_graphic();
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(IdError::Name(format!("ticket: use 1 to {NAME_BYTES_MAX} printable ASCII characters")))
}

fn draw(tx: &mut Tx<'_>, name: &str, count: u64) -> Result<Numbers, IdError> {
    insert(tx, name, Plan::default())?;
    let Some((first, step, block)) = find(tx, name)? else {
        return Err(IdError::Ticket(format!("there is no ticket {name}")));
    };
    let count = count.max(block);
    let next = step.checked_mul(count).and_then(|span| first.checked_add(span));
    let Some(next) = next.and_then(|next| i64::try_from(next).ok()) else {
        return Err(IdError::Ticket(format!("{name} is used up")));
    };
    tx.execute("UPDATE ticket SET next = ?2 WHERE name = ?1", &[name.into(), next.into()])?;
    Ok(Numbers { first, step, count })
}

fn insert(tx: &mut Tx<'_>, name: &str, plan: Plan) -> Result<(), SqlError> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO ticket (name, next, step, block) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO NOTHING",
        &[
            name.into(),
            number(plan.first).into(),
            number(plan.step).into(),
            number(plan.block).into(),
        ],
    )
    .map(drop)
}

/// Next, step and block.
fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<(u64, u64, u64)>, SqlError> {
    tx.find("SELECT next, step, block FROM ticket WHERE name = ?1", &[name.into()], |row| {
        let number = |index| row.get::<i64>(index).map(|number| u64::try_from(number).unwrap_or(0));
        Ok((number(0)?, number(1)?, number(2)?))
    })
}
