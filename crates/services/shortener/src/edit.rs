//! The verbs of a link's creator: change and delete.

use kit::clock::Timestamp;
use kit::sql::Tx;

use crate::model::{Author, Link, LinkChange, LinkState, Place, ShortAddress, ShortenError};
use crate::service::{Shortener, check_texts, unique};
use crate::store;
use crate::target::Target;

impl Shortener {
    /// Edits a link of the author's own; in force everywhere when this returns. A link whose target
    /// changes leaves the shared pool.
    ///
    /// # Errors
    /// [`ShortenError::NotCreator`], [`ShortenError::Shared`], [`ShortenError::Immutable`], and
    /// those of creation.
    pub async fn change(
        &self,
        author: &Author,
        address: &ShortAddress,
        change: LinkChange,
    ) -> Result<Link, ShortenError> {
        if self.settings.immutable {
            return Err(ShortenError::Immutable);
        }
        check_texts(
            change.title.clone().flatten().as_deref(),
            change.tags.as_deref().unwrap_or(&[]),
        )?;
        self.until_may_answer().await;
        let policy = self.policy.load_full();
        let target = change.long_url.as_deref().map(|url| Target::parse(url, &policy));
        let target = target.transpose()?.map(|target| target.original);
        let new_password = match &change.password {
            Some(password) => Some(self.hash_of(password.as_deref()).await?),
            None => None,
        };
        let (author, wanted, now) = (author.clone(), self.place_of(address), self.clock.now());
        let announcer = self.announcer;
        let changed = self
            .sql
            .write(move |tx| {
                let mut link = own_link(tx, &author, &wanted)?;
                let holders = store::holders(tx, link.id)?;
                if holders > 0 && !author.is_admin {
                    return Err(ShortenError::Shared(holders));
                }
                apply(&mut link, &change, now);
                if let Some(target) = &target {
                    link.shared &= *target == link.long_url;
                    link.long_url.clone_from(target);
                }
                if let Some(hash) = &new_password {
                    link.password_hash.clone_from(hash);
                }
                link.shared &= link.is_plain() && link.expires_at.is_none();
                store::update(tx, &link)?;
                announcer.link(tx, &wanted.address)?;
                Ok(link)
            })
            .await?;
        self.hot.forget(address);
        self.until_in_force().await;
        Ok(changed)
    }

    /// Deletes a link of the author's own; it answers nowhere when this returns. Others who were
    /// given its code keep it.
    ///
    /// # Errors
    /// [`ShortenError::NotCreator`], [`ShortenError::Immutable`], [`ShortenError::NotFound`],
    /// [`ShortenError::Gone`], [`ShortenError::Store`].
    pub async fn delete(
        &self,
        author: &Author,
        address: &ShortAddress,
    ) -> Result<(), ShortenError> {
        if self.settings.immutable {
            return Err(ShortenError::Immutable);
        }
        let (author, wanted, now) = (author.clone(), self.place_of(address), self.clock.now());
        let announcer = self.announcer;
        self.sql
            .write::<(), ShortenError>(move |tx| {
                let link = store::find(tx, &wanted)?
                    .ok_or_else(|| ShortenError::NotFound(wanted.address.code.clone()))?;
                if store::let_go(tx, link.id, &author.id)? {
                    return Ok(());
                }
                let link = own_link(tx, &author, &wanted)?;
                if store::holders(tx, link.id)? > 0 && !author.is_admin {
                    return Ok(store::disown(tx, link.id)?);
                }
                let gone =
                    Link { state: LinkState::Deleted, shared: false, updated_at: now, ..link };
                store::update(tx, &gone)?;
                Ok(announcer.link(tx, &wanted.address)?)
            })
            .await?;
        self.hot.forget(address);
        self.until_in_force().await;
        Ok(())
    }
}

fn own_link(tx: &mut Tx<'_>, author: &Author, place: &Place) -> Result<Link, ShortenError> {
    let found = store::find(tx, place)?;
    let link = found.ok_or_else(|| ShortenError::NotFound(place.address.code.clone()))?;
    if link.state != LinkState::Active {
        return Err(ShortenError::Gone("was deleted or has expired"));
    }
    let is_own = !author.id.is_empty() && link.created_by == author.id;
    if is_own || author.is_admin { Ok(link) } else { Err(ShortenError::NotCreator) }
}

fn apply(link: &mut Link, change: &LinkChange, now: Timestamp) {
    link.updated_at = now;
    if let Some(title) = &change.title {
        link.title.clone_from(title);
    }
    if let Some(tags) = &change.tags {
        link.tags = unique(tags);
    }
    link.redirect = change.redirect.unwrap_or(link.redirect);
    link.forward_query = change.forward_query.unwrap_or(link.forward_query);
    link.valid_from = change.valid_from.unwrap_or(link.valid_from);
    link.expires_at = change.expires_at.unwrap_or(link.expires_at);
    if let Some(max_visits) = change.max_visits {
        let made = link.max_visits.unwrap_or(0) - link.visits_left.unwrap_or(0);
        link.visits_left = max_visits.map(|max_visits| (max_visits - made).max(0));
        link.max_visits = max_visits;
    }
}
