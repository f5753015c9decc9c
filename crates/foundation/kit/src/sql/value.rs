//! The portable types: `BIGINT`, `TEXT`, `BLOB`, `BOOLEAN`, `DOUBLE`, and `NULL`.

use super::SqlError;

/// A parameter of a statement, borrowed from the caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// SQL `NULL`.
    Null,
    /// `BIGINT`.
    Int(i64),
    /// `DOUBLE`.
    Double(f64),
    /// `BOOLEAN`.
    Bool(bool),
    /// `TEXT`. Never holds a NUL byte: PostgreSQL could not store it.
    Text(&'a str),
    /// `BLOB`.
    Blob(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<crate::clock::Timestamp> for Value<'_> {
    fn from(value: crate::clock::Timestamp) -> Self {
        Self::Int(value.micros())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(value: &'a Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Value<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, T> From<Option<T>> for Value<'a>
where
    T: Into<Value<'a>>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer, valid while its statement runs.
pub struct Row<'r>(pub(super) RowSource<'r>);

pub(super) enum RowSource<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

impl Row<'_> {
    /// The column at `index`, counted from 0.
    ///
    /// # Errors
    /// [`SqlError::Invalid`] when there is no such column or it holds another type.
    pub fn get<T: Column>(&self, index: usize) -> Result<T, SqlError> {
        T::read(self, index)
    }

    /// A `BIGINT` column that holds a time.
    ///
    /// # Errors
    /// As [`Row::get`].
    pub fn time(&self, index: usize) -> Result<crate::clock::Timestamp, SqlError> {
        self.get(index).map(crate::clock::Timestamp::from_micros)
    }
}

/// A Rust type that a column can be read as.
pub trait Column: Sized {
    /// Reads the column at `index` of `row`.
    ///
    /// # Errors
    /// [`SqlError::Invalid`] when there is no such column or it holds another type.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, SqlError>;
}

impl<T> Column for T
where
    T: rusqlite::types::FromSql + for<'p> postgres::types::FromSql<'p>,
{
    fn read(row: &Row<'_>, index: usize) -> Result<Self, SqlError> {
        match &row.0 {
            RowSource::Sqlite(row) => {
                row.get(index).map_err(|error| SqlError::Invalid(error.to_string()))
            }
            RowSource::Postgres(row) => {
                row.try_get(index).map_err(|error| SqlError::Invalid(error.to_string()))
            }
        }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Double(value) => ValueRef::Real(*value),
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

impl postgres::types::ToSql for Value<'_> {
    fn to_sql(
        &self,
        column: &postgres::types::Type,
        out: &mut bytes::BytesMut,
    ) -> Result<postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(postgres::types::IsNull::Yes),
            Self::Int(value) => value.to_sql(column, out),
            Self::Double(value) => value.to_sql(column, out),
            Self::Bool(value) => value.to_sql(column, out),
            Self::Text(value) => value.to_sql(column, out),
            Self::Blob(value) => value.to_sql(column, out),
        }
    }

    fn accepts(_: &postgres::types::Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}
