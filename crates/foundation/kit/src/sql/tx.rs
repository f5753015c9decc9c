//! A transaction as a closure sees it: the same calls and the same SQL text on both engines.

use std::collections::HashMap;

use super::value::RowSource;
use super::{Row, SqlError, Value};

/// A transaction under way. Ends when the closure that was given it returns: `Ok` keeps what it
/// did, `Err` undoes it.
///
/// Statements are `&'static str` so that each is prepared once a connection. Parameters are
/// written `?1`, `?2`, ... (turned into `$1`, `$2` for PostgreSQL).
pub struct Tx<'t> {
    engine: Engine<'t>,
    /// Set by the first failure that a repeat of the whole closure may cure.
    pub(super) collided: bool,
    /// The first failure that was the disk's.
    pub(super) disk_failure: Option<SqlError>,
}

enum Engine<'t> {
    Sqlite { connection: &'t rusqlite::Connection, store: &'t str },
    Postgres { transaction: postgres::Transaction<'t>, statements: &'t mut Statements },
}

/// Prepared statements of one PostgreSQL connection, by the address of their text.
pub(super) type Statements = HashMap<usize, postgres::Statement>;

impl<'t> Tx<'t> {
    pub(super) fn sqlite(connection: &'t rusqlite::Connection, store: &'t str) -> Self {
        Self { engine: Engine::Sqlite { connection, store }, collided: false, disk_failure: None }
    }

    pub(super) fn postgres(
        transaction: postgres::Transaction<'t>,
        statements: &'t mut Statements,
    ) -> Self {
        let engine = Engine::Postgres { transaction, statements };
        Self { engine, collided: false, disk_failure: None }
    }

    /// Runs a statement and tells how many rows it changed.
    ///
    /// # Errors
    /// See [`SqlError`]; [`SqlError::Duplicate`] is the one a caller usually decides on. After a
    /// failed statement the closure must return `Err`: PostgreSQL runs nothing more in it.
    pub fn execute(
        &mut self,
        sql: &'static str,
        parameters: &[Value<'_>],
    ) -> Result<u64, SqlError> {
        let changed = match &mut self.engine {
            Engine::Sqlite { connection, store } => connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(rusqlite::params_from_iter(parameters)))
                .map(|changed| changed as u64)
                .map_err(|error| SqlError::from_sqlite(store, &error)),
            Engine::Postgres { transaction, statements } => prepare(transaction, statements, sql)
                .and_then(|statement| {
                    transaction
                        .execute(&statement, &references(parameters))
                        .map_err(|error| SqlError::from_postgres(&error))
                }),
        };
        self.note(changed)
    }

    /// Runs a query and reads every row.
    ///
    /// # Errors
    /// See [`SqlError`], and whatever `read` refuses.
    pub fn query<T>(
        &mut self,
        sql: &'static str,
        parameters: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, SqlError>,
    ) -> Result<Vec<T>, SqlError> {
        let rows = match &mut self.engine {
            Engine::Sqlite { connection, store } => {
                sqlite_rows(connection, sql, parameters, &mut read)
                    .map_err(|error| SqlError::from_sqlite(store, &error))
                    .and_then(|rows| rows)
            }
            Engine::Postgres { transaction, statements } => prepare(transaction, statements, sql)
                .and_then(|statement| {
                    transaction
                        .query(&statement, &references(parameters))
                        .map_err(|error| SqlError::from_postgres(&error))?
                        .iter()
                        .map(|row| read(&Row(RowSource::Postgres(row))))
                        .collect()
                }),
        };
        self.note(rows)
    }

    /// Runs a query and reads its first row, if there is one.
    ///
    /// # Errors
    /// See [`SqlError`], and whatever `read` refuses.
    pub fn find<T>(
        &mut self,
        sql: &'static str,
        parameters: &[Value<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T, SqlError>,
    ) -> Result<Option<T>, SqlError> {
        Ok(self.query(sql, parameters, read)?.into_iter().next())
    }

    /// Runs statements that take no parameters, several in one text.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub(super) fn batch(&mut self, sql: &str) -> Result<(), SqlError> {
        match &mut self.engine {
            Engine::Sqlite { connection, store } => {
                let sql = rowid_keys(sql);
                connection.execute_batch(&sql).map_err(|e| SqlError::from_sqlite(store, &e))
            }
            Engine::Postgres { transaction, .. } => transaction
                .batch_execute(&portable_types(sql))
                .map_err(|error| SqlError::from_postgres(&error)),
        }
    }

    pub(super) fn is_embedded(&self) -> bool {
        matches!(self.engine, Engine::Sqlite { .. })
    }

    pub(super) fn into_postgres(self) -> Option<postgres::Transaction<'t>> {
        match self.engine {
            Engine::Sqlite { .. } => None,
            Engine::Postgres { transaction, .. } => Some(transaction),
        }
    }

    fn note<T>(&mut self, result: Result<T, SqlError>) -> Result<T, SqlError> {
        self.collided |= matches!(result, Err(SqlError::Contended(_)));
        if let Err(error @ (SqlError::Full(_) | SqlError::Io(..))) = &result {
            self.disk_failure.get_or_insert_with(|| error.clone());
        }
        result
    }
}

fn sqlite_rows<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    parameters: &[Value<'_>],
    read: &mut impl FnMut(&Row<'_>) -> Result<T, SqlError>,
) -> rusqlite::Result<Result<Vec<T>, SqlError>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        match read(&Row(RowSource::Sqlite(row))) {
            Ok(item) => items.push(item),
            Err(refusal) => return Ok(Err(refusal)),
        }
    }
    Ok(Ok(items))
}

fn prepare(
    transaction: &mut postgres::Transaction<'_>,
    statements: &mut Statements,
    sql: &'static str,
) -> Result<postgres::Statement, SqlError> {
    if let Some(statement) = statements.get(&sql.as_ptr().addr()) {
        return Ok(statement.clone());
    }
    let statement = transaction
        .prepare(&numbered_by_dollar(sql))
        .map_err(|error| SqlError::from_postgres(&error))?;
    statements.insert(sql.as_ptr().addr(), statement.clone());
    Ok(statement)
}

fn references<'p>(parameters: &'p [Value<'p>]) -> Vec<&'p (dyn postgres::types::ToSql + Sync)> {
    parameters.iter().map(|value| value as &(dyn postgres::types::ToSql + Sync)).collect()
}

/// `?1` to `$1`. The portable text never holds a question mark in a literal.
fn numbered_by_dollar(sql: &str) -> String {
    sql.replace('?', "$")
}

/// A lone number as the key is then the row's own address in SQLite, which saves an index
/// (sqlite.org/rowidtable.html); only the word `INTEGER` does that.
fn rowid_keys(sql: &str) -> String {
    sql.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY")
}

/// The two type names that the engines spell differently.
fn portable_types(sql: &str) -> String {
    sql.replace(" BLOB", " BYTEA").replace(" DOUBLE", " DOUBLE PRECISION")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_serves_both_engines() {
        assert_eq!(numbered_by_dollar("SELECT ?1, ?12"), "SELECT $1, $12");
        assert_eq!(
            portable_types("CREATE TABLE t (a BLOB NOT NULL, b DOUBLE)"),
            "CREATE TABLE t (a BYTEA NOT NULL, b DOUBLE PRECISION)"
        );
    }
}
