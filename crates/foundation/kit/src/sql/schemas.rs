//! The schemas of a namespace on PostgreSQL, one a system, as a whole: dropped, and copied.
//!
//! A copy is one transaction, so it shows all systems of a namespace at one moment; its cost is in
//! proportion to the rows.

mod copy;

use postgres::{Client, IsolationLevel};

use super::SqlError;
use super::server::Server;

/// What schemas that belong to no namespace begin with. No system has this name.
pub const HOUSE: &str = "backplane";

/// The schema of a system in a namespace. No two pairs share one: a system's name has no underscore
/// and a namespace's neither.
pub(crate) fn name_of(system: &str, namespace: &str) -> String {
    debug_assert!(system != HOUSE && !system.contains('_'), "{system} cannot name a system");
    format!("{system}_{}", namespace.replace('-', "_"))
}

/// Drops what `namespace` has on the server at `url`. Blocks until no transaction uses it.
///
/// # Errors
/// See [`SqlError`]; nothing is dropped then.
pub(crate) fn drop_all(url: &str, namespace: &str) -> Result<(), SqlError> {
    let mut client = Server::named(url)?.connect()?;
    let systems = systems_of(&mut client, namespace)?;
    if systems.is_empty() {
        return Ok(());
    }
    let schemas: Vec<String> = systems.iter().map(|system| name_of(system, namespace)).collect();
    // One statement is one transaction.
    let sql = format!("DROP SCHEMA {} CASCADE", schemas.join(", "));
    client.batch_execute(&sql).map_err(|error| SqlError::from_postgres(&error))
}

/// Gives `to` a copy of what `from` has on the server at `url`. Blocks; nobody is held up.
///
/// # Errors
/// [`SqlError::Duplicate`] when `to` has something there, and others of [`SqlError`]; nothing is
/// copied then.
pub(crate) fn copy_all(url: &str, from: &str, to: &str) -> Result<(), SqlError> {
    let mut client = Server::named(url)?.connect()?;
    let systems = systems_of(&mut client, from)?;
    if !systems_of(&mut client, to)?.is_empty() {
        return Err(SqlError::Duplicate(format!("the database has rows of {to}")));
    }
    let refused = |error: postgres::Error| SqlError::from_postgres(&error);
    let mut tx = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .map_err(refused)?;
    for system in systems {
        copy::copy(&mut tx, &name_of(&system, from), &name_of(&system, to)).map_err(refused)?;
    }
    tx.commit().map_err(refused)
}

/// The systems that `namespace` has a schema of; what other programs keep in the same database is
/// none.
fn systems_of(client: &mut Client, namespace: &str) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT split_part(s.nspname, '_', 1) FROM pg_namespace s
               WHERE substring(s.nspname FROM position('_' IN s.nspname) + 1) = $1
                   AND split_part(s.nspname, '_', 1) <> $2
                   AND EXISTS (SELECT 1 FROM pg_class t
                       WHERE t.relnamespace = s.oid AND t.relname = 'kit_schema')
               ORDER BY 1";
    let rows = client.query(sql, &[&namespace.replace('-', "_"), &HOUSE]);
    let rows = rows.map_err(|error| SqlError::from_postgres(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
