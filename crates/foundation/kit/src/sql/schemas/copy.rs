//! One schema made from another: tables, rows, sequences, keys and indexes, each under its name, so
//! that a later migration finds in the copy what it finds in the original.
//!
//! Definitions are read while the original is on the search path and run while the copy is, since
//! PostgreSQL then leaves the schema out of them. Views, triggers and functions are not copied: the
//! portable dialect has none.

use postgres::{Error, Transaction};

/// Makes the schema `to` a copy of `from`. Both names are safe in a statement.
pub(super) fn copy(tx: &mut Transaction<'_>, from: &str, to: &str) -> Result<(), Error> {
    tx.batch_execute(&format!("CREATE SCHEMA {to}; SET LOCAL search_path TO {from}"))?;
    let sequences = made_by(tx, SEQUENCES, from)?;
    let defaults = made_by(tx, DEFAULTS, from)?;
    let keys = made_by(tx, KEYS, from)?;
    let indexes = made_by(tx, INDEXES, from)?;
    for table in made_by(tx, TABLES, from)? {
        copy_table(tx, &table, from, to)?;
    }
    tx.batch_execute(&format!("SET LOCAL search_path TO {to}"))?;
    // Those of identity columns are there already, and sequences come before the defaults that use
    // them; unique keys come before the foreign keys that need them.
    for statement in [sequences, defaults, keys, indexes].into_iter().flatten() {
        tx.batch_execute(&statement)?;
    }
    for sequence in made_by(tx, SEQUENCE_NAMES, from)? {
        tx.batch_execute(&format!(
            "SELECT setval('{to}.{sequence}', last_value, is_called) FROM {from}.{sequence}"
        ))?;
    }
    Ok(())
}

fn copy_table(tx: &mut Transaction<'_>, table: &str, from: &str, to: &str) -> Result<(), Error> {
    tx.batch_execute(&format!(
        "CREATE TABLE {to}.{table} (LIKE {from}.{table} INCLUDING ALL EXCLUDING INDEXES)"
    ))?;
    let columns: String = tx.query_one(COLUMNS, &[&format!("{from}.{table}")])?.get(0);
    tx.batch_execute(&format!(
        "INSERT INTO {to}.{table} ({columns}) OVERRIDING SYSTEM VALUE
         SELECT {columns} FROM {from}.{table}"
    ))
}

/// The texts that `sql` makes of what the schema has.
fn made_by(tx: &mut Transaction<'_>, sql: &str, schema: &str) -> Result<Vec<String>, Error> {
    Ok(tx.query(sql, &[&schema])?.iter().map(|row| row.get(0)).collect())
}

const TABLES: &str = "SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = $1::text::regnamespace AND relkind = 'r' ORDER BY 1";

/// Generated ones are made anew.
const COLUMNS: &str = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0
        AND NOT attisdropped AND attgenerated = ''";

const SEQUENCE_NAMES: &str = "SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = $1::text::regnamespace AND relkind = 'S' ORDER BY 1";

const SEQUENCES: &str = "SELECT format(
        'CREATE SEQUENCE IF NOT EXISTS %I AS %s INCREMENT %s MINVALUE %s MAXVALUE %s START %s
         CACHE %s %s CYCLE', c.relname, format_type(s.seqtypid, NULL), s.seqincrement, s.seqmin,
        s.seqmax, s.seqstart, s.seqcache, CASE WHEN s.seqcycle THEN '' ELSE 'NO' END)
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
    WHERE c.relnamespace = $1::text::regnamespace ORDER BY c.relname";

/// Those that use a sequence, which in the copy is its own.
const DEFAULTS: &str = "SELECT format('ALTER TABLE %I ALTER COLUMN %I SET DEFAULT %s',
        c.relname, a.attname, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum
    WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'r' AND a.attgenerated = ''
        AND pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%' ORDER BY 1";

const KEYS: &str = "SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s',
        t.relname, k.conname, pg_get_constraintdef(k.oid, true))
    FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
    WHERE k.connamespace = $1::text::regnamespace AND k.contype IN ('p', 'u', 'x', 'f')
    ORDER BY k.contype = 'f', t.relname, k.conname";

/// Those that no key has brought along.
const INDEXES: &str = "SELECT pg_get_indexdef(i.indexrelid, 0, true)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relnamespace = $1::text::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid
            AND k.contype IN ('p', 'u', 'x'))
    ORDER BY c.relname";
