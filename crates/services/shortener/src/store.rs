//! The rows of links. Each function is part of a transaction that its caller has begun.

use kit::clock::Timestamp;
use kit::sql::{Row, SqlError, Tx, Value};

use crate::code_scheme::CodeScheme;
use crate::model::{Link, LinkState, Place, Redirect, ShortAddress};

/// The columns of [`read_link`], in its order.
macro_rules! select_link {
    ($($rest:expr),+) => {
        concat!(
            "SELECT id, domain, code, long_url, title, redirect, forward_query, created_by, ",
            "created_at, updated_at, valid_from, expires_at, last_used_at, max_visits, ",
            "visits_left, password_hash, state, clicks, digest IS NOT NULL, numbered FROM link ",
            $($rest),+
        )
    };
}

mod listing;

pub use listing::{Listing, Order, Sums, TAGS_ASKED_MAX, TagCount, count, page, sums, tag_counts};

/// How a listing is narrowed. Empty texts match everything.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Links that this principal created or holds; none: everybody's.
    pub owner: Option<String>,
    /// Found in the code, the title or the target, without regard to case in ASCII.
    pub search: String,
    /// Exactly this tag.
    pub tag: String,
}

/// Inserts `link`; its `tags` too. It is numbered only if the store numbers by `scheme`.
///
/// # Errors
/// [`SqlError::Duplicate`] when the code on its domain, or the digest, exists.
pub fn insert(
    tx: &mut Tx<'_>,
    link: &Link,
    digest: Option<&[u8; 16]>,
    scheme: &CodeScheme,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO link (id, domain, code, long_url, digest, title, redirect, forward_query,
             created_by, created_at, updated_at, valid_from, expires_at, last_used_at,
             max_visits, visits_left, password_hash, state, clicks, numbered)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
             ?18, ?19,
             ?20 AND EXISTS (SELECT 1 FROM setting WHERE name = 'code-scheme' AND value = ?21))",
        &[
            link.id.into(),
            (&link.domain).into(),
            (&link.code).into(),
            (&link.long_url).into(),
            digest.into(),
            link.title.as_deref().into(),
            i64::from(link.redirect.status()).into(),
            link.forward_query.into(),
            (&link.created_by).into(),
            link.created_at.into(),
            link.updated_at.into(),
            link.valid_from.into(),
            link.expires_at.into(),
            link.last_used_at.into(),
            link.max_visits.into(),
            link.visits_left.into(),
            link.password_hash.as_deref().into(),
            link.state.number().into(),
            link.clicks.into(),
            link.numbered.into(),
            scheme.name().into(),
        ],
    )?;
    insert_tags(tx, link)
}

/// Writes every column that an edit may change, and the tags.
///
/// # Errors
/// See [`SqlError`].
pub fn update(tx: &mut Tx<'_>, link: &Link) -> Result<(), SqlError> {
    tx.execute(
        "UPDATE link SET long_url = ?2, digest = CASE WHEN ?3 THEN digest ELSE NULL END,
             title = ?4, redirect = ?5, forward_query = ?6, updated_at = ?7, valid_from = ?8,
             expires_at = ?9, max_visits = ?10, visits_left = ?11, password_hash = ?12,
             state = ?13
         WHERE id = ?1",
        &[
            link.id.into(),
            (&link.long_url).into(),
            link.shared.into(),
            link.title.as_deref().into(),
            i64::from(link.redirect.status()).into(),
            link.forward_query.into(),
            link.updated_at.into(),
            link.valid_from.into(),
            link.expires_at.into(),
            link.max_visits.into(),
            link.visits_left.into(),
            link.password_hash.as_deref().into(),
            link.state.number().into(),
        ],
    )?;
    tx.execute("DELETE FROM link_tag WHERE link_id = ?1", &[link.id.into()])?;
    insert_tags(tx, link)
}

fn insert_tags(tx: &mut Tx<'_>, link: &Link) -> Result<(), SqlError> {
    for tag in &link.tags {
        let insert = "INSERT INTO link_tag (link_id, tag) VALUES (?1, ?2)";
        tx.execute(insert, &[link.id.into(), tag.into()])?;
    }
    Ok(())
}

/// The link at `place`, in whatever state, with its tags.
///
/// # Errors
/// See [`SqlError`].
pub fn find(tx: &mut Tx<'_>, place: &Place) -> Result<Option<Link>, SqlError> {
    let [domain, code] = [&place.address.domain, &place.address.code];
    if let Some(number) = place.number {
        // The code is compared too: a row is never taken for another's, whatever was configured.
        let sql = select_link!("WHERE id = ?1 AND numbered AND domain = ?2 AND code = ?3");
        let link = tx.find(sql, &[number.into(), domain.into(), code.into()], read_link)?;
        if link.is_some() {
            return with_tags(tx, link);
        }
    }
    let sql = select_link!("WHERE domain = ?1 AND code = ?2 AND NOT numbered");
    let link = tx.find(sql, &[domain.into(), code.into()], read_link)?;
    with_tags(tx, link)
}

/// The link of the shared pool that leads to the target with this digest.
///
/// # Errors
/// See [`SqlError`].
pub fn find_shared(tx: &mut Tx<'_>, digest: &[u8; 16]) -> Result<Option<Link>, SqlError> {
    let link = tx.find(select_link!("WHERE digest = ?1"), &[digest.into()], read_link)?;
    with_tags(tx, link)
}

/// Whether there is a link at `place`: cheaper than reading it.
///
/// # Errors
/// See [`SqlError`].
pub fn exists(tx: &mut Tx<'_>, place: &Place) -> Result<bool, SqlError> {
    let [domain, code] = [&place.address.domain, &place.address.code];
    if let Some(number) = place.number {
        let sql = "SELECT id FROM link WHERE id = ?1 AND numbered AND domain = ?2 AND code = ?3";
        let parameters = [number.into(), domain.into(), code.into()];
        if tx.find(sql, &parameters, |row| row.get::<i64>(0))?.is_some() {
            return Ok(true);
        }
    }
    let sql = "SELECT id FROM link WHERE domain = ?1 AND code = ?2 AND NOT numbered";
    Ok(tx.find(sql, &[domain.into(), code.into()], |row| row.get::<i64>(0))?.is_some())
}

/// Links that `filter` admits, newest first, those with an id below `before` only.
///
/// # Errors
/// See [`SqlError`].
pub fn list(
    tx: &mut Tx<'_>,
    filter: &Filter,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Link>, SqlError> {
    let search = format!("%{}%", escaped(&filter.search.to_lowercase()));
    let mut parameters = vec![
        before.unwrap_or(i64::MAX).into(),
        filter.search.is_empty().into(),
        (&search).into(),
        (&filter.tag).into(),
        Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)),
    ];
    let sql = match &filter.owner {
        None => select_link!(
            "WHERE state <> 1 AND id < ?1
               AND (?2 OR LOWER(code) LIKE ?3 ESCAPE '!' OR LOWER(long_url) LIKE ?3 ESCAPE '!'
                    OR LOWER(COALESCE(title, '')) LIKE ?3 ESCAPE '!')
               AND (?4 = '' OR id IN (SELECT link_id FROM link_tag WHERE tag = ?4))
             ORDER BY id DESC LIMIT ?5"
        ),
        // By the owner's own indexes: somebody with few links among millions waits for few.
        Some(owner) => {
            parameters.push(owner.into());
            select_link!(
                "WHERE state <> 1
                   AND id IN (SELECT id FROM link WHERE created_by = ?6 AND id < ?1
                              UNION SELECT link_id FROM link_holder
                              WHERE principal = ?6 AND link_id < ?1)
                   AND (?2 OR LOWER(code) LIKE ?3 ESCAPE '!' OR LOWER(long_url) LIKE ?3 ESCAPE '!'
                        OR LOWER(COALESCE(title, '')) LIKE ?3 ESCAPE '!')
                   AND (?4 = '' OR id IN (SELECT link_id FROM link_tag WHERE tag = ?4))
                 ORDER BY id DESC LIMIT ?5"
            )
        }
    };
    let mut links = tx.query(sql, &parameters, read_link)?;
    for link in &mut links {
        link.tags = tags(tx, link.id)?;
    }
    Ok(links)
}

/// How many principals besides the creator were given this link.
///
/// # Errors
/// See [`SqlError`].
pub fn holders(tx: &mut Tx<'_>, id: i64) -> Result<i64, SqlError> {
    let sql = "SELECT COUNT(*) FROM link_holder WHERE link_id = ?1";
    Ok(tx.find(sql, &[id.into()], |row| row.get(0))?.unwrap_or(0))
}

/// Whether `principal` was given this link.
///
/// # Errors
/// See [`SqlError`].
pub fn is_held_by(tx: &mut Tx<'_>, id: i64, principal: &str) -> Result<bool, SqlError> {
    let sql = "SELECT link_id FROM link_holder WHERE link_id = ?1 AND principal = ?2";
    let held = tx.find(sql, &[id.into(), principal.into()], |row| row.get::<i64>(0))?;
    Ok(held.is_some())
}

/// Notes that `principal` was given this link.
///
/// # Errors
/// See [`SqlError`].
pub fn hold(tx: &mut Tx<'_>, id: i64, principal: &str) -> Result<(), SqlError> {
    let sql = "INSERT INTO link_holder (link_id, principal) VALUES (?1, ?2)
               ON CONFLICT (link_id, principal) DO NOTHING";
    tx.execute(sql, &[id.into(), principal.into()]).map(drop)
}

/// Forgets that `principal` was given this link; false when it was not.
///
/// # Errors
/// See [`SqlError`].
pub fn let_go(tx: &mut Tx<'_>, id: i64, principal: &str) -> Result<bool, SqlError> {
    let sql = "DELETE FROM link_holder WHERE link_id = ?1 AND principal = ?2";
    Ok(tx.execute(sql, &[id.into(), principal.into()])? > 0)
}

/// Makes a link nobody's own: its creator gave it up while others hold it.
///
/// # Errors
/// See [`SqlError`].
pub fn disown(tx: &mut Tx<'_>, id: i64) -> Result<(), SqlError> {
    tx.execute("UPDATE link SET created_by = '' WHERE id = ?1", &[id.into()]).map(drop)
}

/// Notes a use at `now` that is no visit.
///
/// # Errors
/// See [`SqlError`].
pub fn renew(tx: &mut Tx<'_>, id: i64, now: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE link SET last_used_at = ?2 WHERE id = ?1 AND last_used_at < ?2";
    tx.execute(sql, &[id.into(), now.into()]).map(drop)
}

/// Ends a link whose time is over. Its code stays, so that it is never given out again.
///
/// # Errors
/// See [`SqlError`].
pub fn end(tx: &mut Tx<'_>, id: i64, now: Timestamp) -> Result<(), SqlError> {
    let sql = "UPDATE link SET state = 1, digest = NULL, updated_at = ?2 WHERE id = ?1";
    tx.execute(sql, &[id.into(), now.into()]).map(drop)
}

/// Takes one of the visits that are left; false when none is.
///
/// # Errors
/// See [`SqlError`].
pub fn take_visit(tx: &mut Tx<'_>, id: i64) -> Result<bool, SqlError> {
    let sql = "UPDATE link SET visits_left = visits_left - 1 WHERE id = ?1 AND visits_left > 0";
    Ok(tx.execute(sql, &[id.into()])? > 0)
}

/// Marks links that nobody used for `idle`, or whose time is over, as deleted; at most `limit`.
/// Returns which.
///
/// # Errors
/// See [`SqlError`].
pub fn sweep(
    tx: &mut Tx<'_>,
    now: Timestamp,
    unused_since: Timestamp,
    limit: i64,
) -> Result<Vec<ShortAddress>, SqlError> {
    tx.query(
        "UPDATE link SET state = 1, digest = NULL, updated_at = ?1
         WHERE id IN (SELECT id FROM link WHERE state = 0
             AND (expires_at <= ?1 OR (expires_at IS NULL AND last_used_at <= ?2)) LIMIT ?3)
         RETURNING domain, code",
        &[now.into(), unused_since.into(), limit.into()],
        |row| Ok(ShortAddress { domain: row.get(0)?, code: row.get(1)? }),
    )
}

/// The value called `name`, made by `make` if it is missing.
///
/// # Errors
/// See [`SqlError`].
pub fn setting(
    tx: &mut Tx<'_>,
    name: &str,
    make: impl FnOnce() -> Vec<u8>,
) -> Result<Vec<u8>, SqlError> {
    let sql = "SELECT value FROM setting WHERE name = ?1";
    if let Some(value) = tx.find(sql, &[name.into()], |row| row.get(0))? {
        return Ok(value);
    }
    let value = make();
    let sql = "INSERT INTO setting (name, value) VALUES (?1, ?2)";
    tx.execute(sql, &[name.into(), (&value).into()])?;
    Ok(value)
}

fn with_tags(tx: &mut Tx<'_>, link: Option<Link>) -> Result<Option<Link>, SqlError> {
    let Some(link) = link else { return Ok(None) };
    Ok(Some(Link { tags: tags(tx, link.id)?, ..link }))
}

fn tags(tx: &mut Tx<'_>, id: i64) -> Result<Vec<String>, SqlError> {
    let sql = "SELECT tag FROM link_tag WHERE link_id = ?1 ORDER BY tag";
    tx.query(sql, &[id.into()], |row| row.get(0))
}

fn read_link(row: &Row<'_>) -> Result<Link, SqlError> {
    let time =
        |index| Ok::<_, SqlError>(row.get::<Option<i64>>(index)?.map(Timestamp::from_micros));
    let status = u16::try_from(row.get::<i64>(5)?).unwrap_or(302);
    Ok(Link {
        id: row.get(0)?,
        domain: row.get(1)?,
        code: row.get(2)?,
        long_url: row.get(3)?,
        title: row.get(4)?,
        redirect: Redirect::from_status(status).unwrap_or(Redirect::Found),
        forward_query: row.get(6)?,
        created_by: row.get(7)?,
        created_at: row.time(8)?,
        updated_at: row.time(9)?,
        valid_from: time(10)?,
        expires_at: time(11)?,
        last_used_at: row.time(12)?,
        max_visits: row.get(13)?,
        visits_left: row.get(14)?,
        password_hash: row.get(15)?,
        state: LinkState::from_number(row.get(16)?),
        clicks: row.get(17)?,
        shared: row.get(18)?,
        numbered: row.get(19)?,
        tags: Vec::new(),
    })
}

/// `LIKE` takes `%` and `_` for patterns; `!` is made the character that says otherwise.
fn escaped(search: &str) -> String {
    search.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}
