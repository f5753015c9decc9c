//! Who did what, and when: rows that are only ever added.

use super::{Auth, AuthError, Principal};
use crate::clock::Timestamp;
use crate::namespace::NamespaceName;
use crate::sql::{Row, SqlError, Tx};

/// Characters of a subject that are kept.
const SUBJECT_LENGTH_MAX: usize = 200;
/// Characters of a detail that are kept.
const DETAIL_LENGTH_MAX: usize = 1_000;
/// Rows on one page of any list.
pub(super) const PAGE_MAX: u32 = 1_000;

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditRow {
    /// Grows with each act.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The namespace of who did it.
    pub namespace: String,
    /// [`Principal::id`] of who did it.
    pub principal: String,
    /// [`Principal::name`] of who did it, at that time.
    pub principal_name: String,
    /// What was done, as `noun.verb`: `token.create`, `user.disable`.
    pub action: String,
    /// To what: an ID or a name.
    pub subject: String,
    /// What else is worth knowing. Never a secret.
    pub detail: String,
}

/// An act about to be recorded. Long texts are cut and control characters replaced.
#[derive(Clone, Debug)]
pub struct Act {
    /// See [`AuditRow::action`].
    pub action: &'static str,
    /// See [`AuditRow::subject`]; 200 characters are kept.
    pub subject: String,
    /// See [`AuditRow::detail`]; 1,000 characters are kept.
    pub detail: String,
    /// See [`AuditRow::at`].
    pub at: Timestamp,
}

/// Which rows of a list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct AuditPage {
    /// Only rows older than this one; none for the newest.
    pub before_id: Option<i64>,
    /// Rows wanted, 1 to 1,000.
    pub limit: u32,
}

impl Auth {
    /// Records what `principal` did. The caller keeps secrets out of it.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn audit(&self, principal: &Principal, act: Act) -> Result<(), AuthError> {
        let who = principal.clone();
        Ok(self.0.db.write::<_, SqlError>(move |tx| record(tx, &who, &act)).await?)
    }

    /// A page of acts, newest first: those of one namespace's principals, or of all.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:audit`, or without `platform:admin` when asking
    /// for more than the caller's own namespace; [`AuthError::Store`].
    pub async fn list_audit(
        &self,
        principal: &Principal,
        namespace: Option<&NamespaceName>,
        page: AuditPage,
    ) -> Result<Vec<AuditRow>, AuthError> {
        principal.require("platform:audit")?;
        if namespace != Some(&principal.namespace) {
            principal.require(Principal::ADMIN)?;
        }
        let before = page.before_id.unwrap_or(i64::MAX);
        let limit = i64::from(page.limit.clamp(1, PAGE_MAX));
        let namespace = namespace.cloned();
        let list = move |tx: &mut Tx<'_>| match &namespace {
            Some(namespace) => tx.query(
                "SELECT id, at, namespace, principal, principal_name, action, subject, detail
                 FROM auth_audit WHERE namespace = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
                &[namespace.as_str().into(), before.into(), limit.into()],
                read_row,
            ),
            None => tx.query(
                "SELECT id, at, namespace, principal, principal_name, action, subject, detail
                 FROM auth_audit WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
                &[before.into(), limit.into()],
                read_row,
            ),
        };
        Ok(self.0.db.read::<_, SqlError>(list).await?)
    }
}

/// Adds a row in the transaction of the act itself.
pub(super) fn record(tx: &mut Tx<'_>, who: &Principal, act: &Act) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_audit
            (id, at, namespace, principal, principal_name, action, subject, detail)
         SELECT COALESCE(MAX(id), 0) + 1, CAST(?1 AS BIGINT), CAST(?2 AS TEXT),
            CAST(?3 AS TEXT), CAST(?4 AS TEXT), CAST(?5 AS TEXT), CAST(?6 AS TEXT),
            CAST(?7 AS TEXT)
         FROM auth_audit",
        &[
            act.at.into(),
            who.namespace.as_str().into(),
            (&who.id).into(),
            (&plain(&who.name, SUBJECT_LENGTH_MAX)).into(),
            act.action.into(),
            (&plain(&act.subject, SUBJECT_LENGTH_MAX)).into(),
            (&plain(&act.detail, DETAIL_LENGTH_MAX)).into(),
        ],
    )
    .map(drop)
}

/// One line, whatever was sent: a log cannot be forged through it.
fn plain(text: &str, length_max: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(length_max).map(visible).collect()
}

fn read_row(row: &Row<'_>) -> Result<AuditRow, SqlError> {
    Ok(AuditRow {
        id: row.get(0)?,
        at: row.time(1)?,
        namespace: row.get(2)?,
        principal: row.get(3)?,
        principal_name: row.get(4)?,
        action: row.get(5)?,
        subject: row.get(6)?,
        detail: row.get(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_one_bounded_line() {
        assert_eq!(plain("a\nb\0c\u{1b}[31m", 6), "a b c ");
        assert_eq!(plain(&"ä".repeat(300), SUBJECT_LENGTH_MAX).chars().count(), 200);
    }
}
