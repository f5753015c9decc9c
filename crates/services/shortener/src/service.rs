//! The verbs: create, look up, visit, sweep, list. Those of a creator are in `edit.rs`.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kit::auth::{AuthError, Secret, password};
use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::sql::{Db, SqlError, Tx};

use crate::clicks::Clicks;
use crate::code::Alias;
use crate::codes::{Codes, Wanted};
use crate::hot::{self, Hot, HotLinks, Known};
use crate::invalidation::Announcer;
use crate::invalidation::watcher::Watcher;
use crate::issuer::{Issued, Issuer};
use crate::limit::Creations;
use crate::model::{
    Author, Link, LinkState, NewLink, Place, ShortAddress, ShortenError, TAG_CHARS_MAX, TAGS_MAX,
    TITLE_CHARS_MAX,
};
use crate::settings::Settings;
use crate::store::{self, Filter};
use crate::target::{self, Target, TargetPolicy};

/// Attempts at a generated code after the first, when another link has it.
const CODE_ATTEMPTS_MAX: u32 = 16;
/// A link asked for again counts as used, written down this coarsely (M15).
const RENEWED_AFTER: Duration = Duration::from_secs(86_400);

/// The links of one namespace.
pub struct Shortener {
    pub(crate) sql: Db,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) issuer: Issuer,
    pub(crate) codes: Codes,
    pub(crate) hot: HotLinks,
    pub(crate) policy: ArcSwap<TargetPolicy>,
    pub(crate) domains: ArcSwap<Vec<String>>,
    pub(crate) clicks: Arc<Clicks>,
    pub(crate) entropy: Entropy,
    pub(crate) creations: Creations,
    pub(crate) announcer: Announcer,
    /// None where this process is alone with its store.
    pub(crate) watcher: Option<Arc<Watcher>>,
    pub(crate) reloading: tokio::sync::Mutex<()>,
}

/// A link that was asked for, and whether it is new.
#[derive(Clone, Debug)]
pub struct Created {
    /// The link.
    pub link: Link,
    /// False when the target had a code already.
    pub is_new: bool,
}

/// Whether a visitor goes there or only asks where it would lead, as HEAD does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Uses up one of the visits that a link was made for.
    Go,
    /// Changes nothing.
    Ask,
}

/// Where a visitor is sent.
#[derive(Clone, Debug)]
pub enum Visit {
    /// To the target.
    To(Arc<Hot>),
    /// To a form that asks for the password.
    AskPassword,
}

impl Shortener {
    /// The clicks that have not been written yet.
    pub fn clicks(&self) -> &Clicks {
        &self.clicks
    }

    /// Makes a link, or finds the one that the target has (F4).
    ///
    /// # Errors
    /// Any [`ShortenError`] but those of visits; nothing is kept then.
    pub async fn create(&self, author: &Author, new: NewLink) -> Result<Created, ShortenError> {
        self.until_may_answer().await;
        let target = Target::parse(&new.long_url, &self.policy.load())?;
        check_texts(new.title.as_deref(), &new.tags)?;
        let alias = new.alias.as_deref().map(Alias::new).transpose()?;
        let domain = self.known_domain(new.domain.as_deref())?;
        if author.id.is_empty() && !self.settings.anonymous_create {
            return Err(ShortenError::NoCredential);
        }
        self.creations.take(author, self.clock.now())?;
        let password_hash = self.hash_of(new.password.as_deref()).await?;
        let is_shared = !new.wants_own_code() && domain.is_empty();
        let mut attempt = 0;
        loop {
            let issued = self.issuer.next().await?;
            let wanted = Wanted { issued, target: &target.normalised, is_shared, attempt };
            let (code, looks, numbered) = match &alias {
                Some(alias) => (alias.as_str().to_owned(), true, false),
                None => {
                    let choice = self.codes.choose(&wanted);
                    (choice.code.to_string(), choice.looks, self.codes.are_numbers())
                }
            };
            let address = ShortAddress { domain: domain.clone(), code };
            let hash = password_hash.clone();
            let link = self.link_of(&new, author, (issued, &address), (&target, hash));
            let (author, is_chosen) = (author.id.clone(), alias.is_some());
            let link = Link { numbered, ..link };
            let draft = Draft { link, digest: target.digest, author, is_chosen, looks };
            match self.insert(draft).await {
                Ok(created) => {
                    if created.is_new {
                        self.hot.forget(&address);
                        if alias.is_some() {
                            self.until_in_force().await;
                        }
                    } else {
                        self.issuer.give_back(issued);
                    }
                    return Ok(created);
                }
                // Another link has the code, or another caller made the target's: look again.
                Err(ShortenError::Taken(_)) if alias.is_none() && attempt < CODE_ATTEMPTS_MAX => {
                    attempt += 1;
                    tracing::debug!(is_shared, attempt, "code or target taken");
                }
                Err(refusal) => {
                    self.issuer.give_back(issued);
                    return Err(refusal);
                }
            }
        }
    }

    async fn insert(&self, draft: Draft) -> Result<Created, ShortenError> {
        let (announcer, idle) = (self.announcer, self.settings.idle_expiry);
        let scheme = Arc::clone(self.issuer.scheme());
        let mut place = self.place_of(&draft.link.address());
        if draft.link.numbered {
            // It was issued just now: no row can have it.
            place.number = None;
        }
        self.sql
            .write(move |tx| {
                let Draft { link, digest, author, is_chosen, looks } = &draft;
                let now = link.created_at;
                if link.shared
                    && *looks
                    && let Some(found) = store::find_shared(tx, digest)?
                {
                    if now < found.deadline(idle) {
                        return give_again(tx, found, (author, now));
                    }
                    // Its time is over though no sweep has come by: the target gets a new code.
                    store::end(tx, found.id, now)?;
                    announcer.link(tx, &found.address())?;
                }
                if *looks && store::exists(tx, &place)? {
                    return Err(ShortenError::Taken(link.code.clone()));
                }
                store::insert(tx, link, link.shared.then_some(digest), &scheme)?;
                // Somebody may have tried it before it was there; nobody knows a generated one.
                if *is_chosen {
                    announcer.link(tx, &place.address)?;
                }
                Ok(Created { link: link.clone(), is_new: true })
            })
            .await
            .map_err(|refusal| match refusal {
                // Two processes on one PostgreSQL: the other's commit came between.
                ShortenError::Store(SqlError::Duplicate(what)) => ShortenError::Taken(what),
                refusal => refusal,
            })
    }

    pub(crate) fn place_of(&self, address: &ShortAddress) -> Place {
        let number = self.issuer.scheme().number_of(&address.code);
        Place { address: address.clone(), number }
    }

    pub(crate) fn link_of(
        &self,
        new: &NewLink,
        author: &Author,
        (issued, address): (Issued, &ShortAddress),
        (target, password_hash): (&Target, Option<String>),
    ) -> Link {
        let now = self.clock.now();
        Link {
            id: issued.id,
            domain: address.domain.clone(),
            code: address.code.clone(),
            long_url: target.original.clone(),
            title: new.title.clone(),
            redirect: new.redirect.unwrap_or(self.settings.redirect),
            forward_query: new.forward_query,
            created_by: author.id.clone(),
            created_at: now,
            updated_at: now,
            valid_from: new.valid_from,
            expires_at: new.expires_at,
            last_used_at: now,
            max_visits: new.max_visits,
            visits_left: new.max_visits,
            password_hash,
            state: LinkState::Active,
            clicks: 0,
            shared: !new.wants_own_code() && address.domain.is_empty(),
            numbered: false,
            tags: unique(&new.tags),
        }
    }

    /// The link at `address`, for those who want to know rather than go there.
    ///
    /// # Errors
    /// [`ShortenError::NotFound`], [`ShortenError::Gone`], [`ShortenError::Store`].
    pub async fn look_up(&self, address: &ShortAddress) -> Result<Link, ShortenError> {
        let wanted = self.place_of(address);
        let found = self.sql.read(move |tx| store::find(tx, &wanted)).await?;
        let link = found.ok_or_else(|| ShortenError::NotFound(address.code.clone()))?;
        self.refuse_gone(&link)?;
        Ok(link)
    }

    /// What the cache knows: no waiting. None sends the caller to [`Shortener::visit`].
    pub fn visit_cached(&self, key: &str, now: Timestamp) -> Option<Arc<Hot>> {
        match self.hot.get(key).filter(|_| self.may_answer())? {
            Known::Hot(hot) if hot.use_at(now) => Some(hot),
            _ => None,
        }
    }

    /// Where a visitor of `address` is sent, or would be. Counts nothing: the front door does, when
    /// it answers.
    ///
    /// # Errors
    /// [`ShortenError::NotFound`], [`ShortenError::Gone`], [`ShortenError::NotYet`],
    /// [`ShortenError::PasswordNeeded`] for a wrong password, [`ShortenError::Store`].
    pub async fn visit(
        &self,
        address: &ShortAddress,
        password: Option<&str>,
        errand: Errand,
    ) -> Result<Visit, ShortenError> {
        self.until_may_answer().await;
        let now = self.clock.now();
        let is_over = match self.hot.at(address) {
            Some(Known::Hot(hot)) => !hot.use_at(now),
            Some(Known::AbsentUntil(until)) => until <= now,
            None => false,
        };
        // The row knows better: another process may have been visited or have made the link.
        if is_over {
            self.hot.forget(address);
        }
        match self.hot.get_or_load(address, self.load(address)).await {
            Ok(Known::Hot(hot)) if hot.use_at(now) => Ok(Visit::To(hot)),
            Ok(Known::Hot(_)) => Err(ShortenError::Gone("has expired")),
            Ok(Known::AbsentUntil(_)) => Err(ShortenError::NotFound(address.code.clone())),
            Err(NotPlain::Refused(refusal)) => Err(refusal),
            Err(NotPlain::Guarded(link)) => self.visit_guarded(*link, password, errand).await,
        }
    }

    async fn load(&self, address: &ShortAddress) -> Result<Known, NotPlain> {
        let wanted = self.place_of(address);
        let found = self.sql.read(move |tx| store::find(tx, &wanted)).await;
        let Some(link) = found.map_err(|e: SqlError| NotPlain::Refused(e.into()))? else {
            return Ok(hot::absent(self.clock.now()));
        };
        self.refuse_gone(&link).map_err(NotPlain::Refused)?;
        if target::recheck(&link.long_url, &self.policy.load()).is_err() {
            return Err(NotPlain::Refused(ShortenError::Gone("leads to a blocked target")));
        }
        if !link.is_plain() {
            return Err(NotPlain::Guarded(Box::new(link)));
        }
        self.hot_of(&link).map(|hot| Known::Hot(Arc::new(hot))).map_err(NotPlain::Refused)
    }

    async fn visit_guarded(
        &self,
        link: Link,
        password: Option<&str>,
        errand: Errand,
    ) -> Result<Visit, ShortenError> {
        if let Some(hash) = &link.password_hash {
            let Some(password) = password else { return Ok(Visit::AskPassword) };
            let right = password::verify(Secret::new(password), hash.clone()).await;
            if !right.map_err(password_error)? {
                return Err(ShortenError::PasswordNeeded);
            }
        }
        let id = link.id;
        if link.max_visits.is_some()
            && errand == Errand::Go
            && !self.sql.write(move |tx| store::take_visit(tx, id)).await.map_err(store_error)?
        {
            return Err(ShortenError::Gone("has been used as often as it may"));
        }
        self.hot_of(&link).map(|hot| Visit::To(Arc::new(hot)))
    }

    fn hot_of(&self, link: &Link) -> Result<Hot, ShortenError> {
        Hot::new(link, self.settings.idle_expiry)
            .ok_or(ShortenError::Gone("leads to a target that cannot be sent"))
    }

    fn refuse_gone(&self, link: &Link) -> Result<(), ShortenError> {
        let now = self.clock.now();
        match link.state {
            LinkState::Deleted => return Err(ShortenError::Gone("was deleted or has expired")),
            LinkState::Blocked => return Err(ShortenError::Gone("was blocked")),
            LinkState::Active => {}
        }
        if let Some(valid_from) = link.valid_from.filter(|valid_from| now < *valid_from) {
            return Err(ShortenError::NotYet(valid_from));
        }
        if link.deadline(self.settings.idle_expiry) <= now {
            return Err(ShortenError::Gone("has expired"));
        }
        if link.visits_left == Some(0) {
            return Err(ShortenError::Gone("has been used as often as it may"));
        }
        Ok(())
    }

    /// Ends links whose time is over, `batch` at a time. Their codes are never given out again.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn sweep(&self, batch: i64) -> Result<u64, ShortenError> {
        let now = self.clock.now();
        let unused_since = now.minus(self.settings.idle_expiry);
        let announcer = self.announcer;
        let mut swept = 0;
        loop {
            let sweep = move |tx: &mut Tx<'_>| {
                let ended = store::sweep(tx, now, unused_since, batch)?;
                ended.iter().try_for_each(|address| announcer.link(tx, address))?;
                Ok(ended)
            };
            let ended = self.sql.write::<_, SqlError>(sweep).await?;
            ended.iter().for_each(|address| self.hot.forget(address));
            if !ended.is_empty() {
                self.until_in_force().await;
            }
            swept += ended.len() as u64;
            if (ended.len() as u64) < batch.unsigned_abs() {
                break;
            }
        }
        if self.watcher.is_some() {
            self.sql.write::<_, SqlError>(move |tx| announcer.sweep(tx)).await?;
        }
        Ok(swept)
    }

    /// A page of links, newest first: those with an id below `before`.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn list(
        &self,
        filter: Filter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<Link>, ShortenError> {
        self.sql.read(move |tx| store::list(tx, &filter, before, limit)).await.map_err(store_error)
    }

    pub(crate) async fn hash_of(
        &self,
        password: Option<&str>,
    ) -> Result<Option<String>, ShortenError> {
        let Some(password) = password else { return Ok(None) };
        if !(1..=256).contains(&password.len()) {
            let what = "1 to 256 bytes".to_owned();
            return Err(ShortenError::Field { field: "password", what });
        }
        let hash = password::hash(Secret::new(password), &self.entropy).await;
        hash.map(Some).map_err(password_error)
    }

    fn known_domain(&self, domain: Option<&str>) -> Result<String, ShortenError> {
        let Some(domain) = domain.filter(|domain| !domain.is_empty()) else {
            return Ok(String::new());
        };
        let domain = domain.to_ascii_lowercase();
        if self.domains.load().contains(&domain) {
            Ok(domain)
        } else {
            Err(ShortenError::UnknownDomain(domain))
        }
    }
}

impl kit::door::Stored for Shortener {
    fn sql(&self) -> &Db {
        &self.sql
    }

    fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// A link on its way into the store.
struct Draft {
    link: Link,
    digest: [u8; 16],
    author: String,
    /// Whether its code is an alias.
    is_chosen: bool,
    /// Whether the target or the code may be there already.
    looks: bool,
}

/// Why a code is not answered from the cache.
enum NotPlain {
    Refused(ShortenError),
    Guarded(Box<Link>),
}

/// Whoever is given a code counts on it for as long as a new one would last.
fn give_again(
    tx: &mut Tx<'_>,
    link: Link,
    (author, now): (&str, Timestamp),
) -> Result<Created, ShortenError> {
    if link.created_by != author {
        store::hold(tx, link.id, author)?;
    }
    if now.since(link.last_used_at) < RENEWED_AFTER {
        return Ok(Created { link, is_new: false });
    }
    store::renew(tx, link.id, now)?;
    Ok(Created { link: Link { last_used_at: now, ..link }, is_new: false })
}

pub(crate) fn unique(tags: &[String]) -> Vec<String> {
    let mut tags = tags.to_vec();
    tags.sort_unstable();
    tags.dedup();
    tags
}

pub(crate) fn check_texts(title: Option<&str>, tags: &[String]) -> Result<(), ShortenError> {
    let refused = |field, what: String| Err(ShortenError::Field { field, what });
    let plain = |text: &str| !text.chars().any(char::is_control);
    if let Some(title) = title
        && (title.chars().count() > TITLE_CHARS_MAX || !plain(title))
    {
        let what = format!("at most {TITLE_CHARS_MAX} characters, none of them control characters");
        return refused("title", what);
    }
    let fits = |tag: &String| plain(tag) && (1..=TAG_CHARS_MAX).contains(&tag.chars().count());
    if tags.len() > TAGS_MAX || !tags.iter().all(fits) {
        let what = format!(
            "at most {TAGS_MAX} tags of 1 to {TAG_CHARS_MAX} characters, no control characters"
        );
        return refused("tags", what);
    }
    Ok(())
}

/// Hashing is limited to a few at a time; beyond its queue a caller is asked to come again.
fn password_error(error: AuthError) -> ShortenError {
    match error {
        AuthError::TooMany { retry_after_s } => {
            ShortenError::Limited(u32::try_from(retry_after_s).unwrap_or(u32::MAX))
        }
        other => ShortenError::Store(SqlError::Invalid(other.to_string())),
    }
}

fn store_error(error: SqlError) -> ShortenError {
    ShortenError::Store(error)
}
