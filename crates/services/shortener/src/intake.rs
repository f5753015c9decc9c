//! Links of another shortener taken in with their codes, titles, tags, times and click counts.

use std::sync::Arc;

use kit::clock::Timestamp;
use kit::sql::{SqlError, Tx};

use crate::code::Alias;
use crate::code_scheme::CodeScheme;
use crate::exchange::LinkRecord;
use crate::issuer::Issued;
use crate::model::{
    Author, Link, LinkState, NewLink, Place, ShortAddress, ShortenError, TITLE_CHARS_MAX,
};
use crate::service::{Shortener, check_texts, unique};
use crate::store;
use crate::target::Target;

/// Links of one transaction at most.
pub const BATCH_MAX: usize = 500;
/// Attempts at a batch that another process interfered with.
const ATTEMPTS_MAX: u32 = 3;

/// What has become of a row.
#[derive(Clone, Debug)]
pub enum Taken {
    /// A new link.
    Imported,
    /// The same code led there already, or a row without a code found its target's.
    Existing,
    /// Left out, and why.
    Refused(ShortenError),
}

/// A row that can be stored as soon as it has a number.
struct Prepared {
    link: Link,
    digest: [u8; 16],
    issued: Issued,
}

impl Shortener {
    /// Takes in at most [`BATCH_MAX`] records in one transaction, and says of each what became
    /// of it. A code is kept; a domain that is not of this namespace becomes the service's own.
    /// Titles are cut to what a title may have.
    ///
    /// # Errors
    /// [`ShortenError::Store`], [`ShortenError::NoCode`]: then nothing of the batch is kept.
    pub async fn import(
        &self,
        author: &Author,
        records: Vec<LinkRecord>,
    ) -> Result<Vec<Taken>, ShortenError> {
        let mut outcomes = Vec::with_capacity(records.len());
        let mut prepared = Vec::new();
        for record in records {
            match self.prepare(author, record).await {
                Ok(row) => {
                    prepared.push((outcomes.len(), row));
                    outcomes.push(Taken::Imported);
                }
                Err(refusal @ (ShortenError::Store(_) | ShortenError::NoCode(_))) => {
                    return Err(refusal);
                }
                Err(refusal) => outcomes.push(Taken::Refused(refusal)),
            }
        }
        let (places, rows): (Vec<usize>, Vec<Prepared>) = prepared.into_iter().unzip();
        let taken = self.insert_all(author.id.clone(), rows).await?;
        for (place, taken) in places.into_iter().zip(taken) {
            outcomes[place] = taken;
        }
        Ok(outcomes)
    }

    async fn prepare(&self, author: &Author, record: LinkRecord) -> Result<Prepared, ShortenError> {
        let target = Target::parse(&record.long_url, &self.policy.load())?;
        let alias = record.code.as_deref().map(Alias::new).transpose()?;
        let new = NewLink {
            title: record.title.as_deref().map(fitting_title),
            tags: unique(&record.tags),
            expires_at: record.expires_at_us.map(Timestamp::from_micros),
            private: alias.is_some(),
            ..NewLink::default()
        };
        check_texts(new.title.as_deref(), &new.tags)?;
        let now = self.clock.now();
        if new.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(ShortenError::Gone("has expired"));
        }
        let domain = self.domain_of(record.domain.as_deref().unwrap_or_default());
        let issued = self.issuer.next().await?;
        let code = alias.as_ref().map_or(issued.code.as_str(), Alias::as_str).to_owned();
        let address = ShortAddress { domain, code };
        let digest = target.digest;
        let link = self.link_of(&new, author, (issued, &address), (&target, None));
        let numbered = alias.is_none() && self.codes.are_numbers();
        let created_at = record.created_at_us.map_or(now, Timestamp::from_micros).min(now);
        let clicks = i64::try_from(record.clicks.unwrap_or(0)).unwrap_or(i64::MAX);
        Ok(Prepared { link: Link { created_at, clicks, numbered, ..link }, digest, issued })
    }

    async fn insert_all(
        &self,
        author: String,
        rows: Vec<Prepared>,
    ) -> Result<Vec<Taken>, ShortenError> {
        let stored = rows.iter().map(|row| {
            let numbered = row.link.numbered;
            let mut place = self.place_of(&row.link.address());
            place.number = place.number.filter(|_| !numbered);
            Draft { link: row.link.clone(), place, digest: row.digest }
        });
        let stored: Vec<Draft> = stored.collect();
        let scheme = self.issuer.scheme();
        let mut attempts = 0;
        let taken = loop {
            let (batch, author, scheme) = (stored.clone(), author.clone(), Arc::clone(scheme));
            let insert = move |tx: &mut Tx<'_>| {
                let each = batch.iter().map(|draft| take(tx, draft, &author, &scheme));
                each.collect::<Result<Vec<Taken>, SqlError>>()
            };
            match self.sql.write(insert).await {
                Ok(taken) => break taken,
                // Another process made one of them meanwhile: look again.
                Err(SqlError::Duplicate(_)) if attempts < ATTEMPTS_MAX => attempts += 1,
                Err(error) => return Err(error.into()),
            }
        };
        for (row, taken) in rows.iter().zip(&taken) {
            match taken {
                Taken::Imported => self.hot.forget(&row.link.address()),
                _ => self.issuer.give_back(row.issued),
            }
        }
        Ok(taken)
    }
}

/// A link on its way into the store.
#[derive(Clone)]
struct Draft {
    link: Link,
    place: Place,
    digest: [u8; 16],
}

fn take(
    tx: &mut Tx<'_>,
    draft: &Draft,
    author: &str,
    scheme: &CodeScheme,
) -> Result<Taken, SqlError> {
    let Draft { link, place, digest } = draft;
    if link.shared
        && let Some(found) = store::find_shared(tx, digest)?
    {
        if found.created_by != author {
            store::hold(tx, found.id, author)?;
        }
        return Ok(Taken::Existing);
    }
    if let Some(found) = store::find(tx, place)? {
        let is_same = found.long_url == link.long_url && found.state == LinkState::Active;
        return Ok(match is_same {
            true => Taken::Existing,
            false => Taken::Refused(ShortenError::Taken(link.code.clone())),
        });
    }
    store::insert(tx, link, link.shared.then_some(digest), scheme)?;
    Ok(Taken::Imported)
}

/// Titles of other programs have line breaks and lengths of their own; they are for people only.
fn fitting_title(title: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    title.chars().map(plain).take(TITLE_CHARS_MAX).collect()
}
