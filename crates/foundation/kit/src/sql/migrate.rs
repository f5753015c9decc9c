//! Numbered migrations, applied in order and never changed once released.

use super::{SqlError, Tx};

/// One step of a schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub number: u32,
    /// What it brings, for people.
    pub name: &'static str,
    /// Statements in the portable dialect: `BIGINT`, `TEXT`, `BLOB`, `BOOLEAN`, `DOUBLE`.
    pub sql: &'static str,
}

/// Tables that every system's database has: the outbox and the idempotency answers.
pub(super) const KIT: &[Migration] =
    &[Migration { number: 1, name: "kit", sql: include_str!("../../migrations/001_kit.sql") }];

/// Brings a database to the newest schema; a no-op when it is there.
///
/// # Errors
/// [`SqlError::Newer`] when the database knows a later migration than this program.
pub(super) fn migrate(
    tx: &mut Tx<'_>,
    store: &str,
    migrations: &[Migration],
) -> Result<(), SqlError> {
    debug_assert!(migrations.iter().zip(1..).all(|(step, number)| step.number == number));
    tx.batch(
        "CREATE TABLE IF NOT EXISTS kit_schema (
            component TEXT NOT NULL, number BIGINT NOT NULL, name TEXT NOT NULL,
            PRIMARY KEY (component, number))",
    )?;
    for (component, steps) in [("kit", KIT), ("system", migrations)] {
        bring_up(tx, store, component, steps)?;
    }
    Ok(())
}

fn bring_up(
    tx: &mut Tx<'_>,
    store: &str,
    component: &'static str,
    steps: &[Migration],
) -> Result<(), SqlError> {
    let applied: Option<Option<i64>> = tx.find(
        "SELECT MAX(number) FROM kit_schema WHERE component = ?1",
        &[component.into()],
        |row| row.get(0),
    )?;
    let applied = u32::try_from(applied.flatten().unwrap_or(0)).unwrap_or(u32::MAX);
    let newest = steps.last().map_or(0, |step| step.number);
    if applied > newest {
        return Err(SqlError::Newer(store.to_owned(), applied, newest));
    }
    for step in steps.iter().filter(|step| step.number > applied) {
        tx.batch(step.sql)?;
        tx.execute(
            "INSERT INTO kit_schema (component, number, name) VALUES (?1, ?2, ?3)",
            &[component.into(), i64::from(step.number).into(), step.name.into()],
        )?;
    }
    Ok(())
}
