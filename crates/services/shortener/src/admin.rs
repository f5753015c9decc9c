//! What an operator of the namespace decides: branded domains and blocked hosts.

use std::sync::Arc;

use kit::clock::Timestamp;
use kit::sql::{SqlError, Tx};

use crate::model::{Author, ShortenError};
use crate::service::Shortener;
use crate::settings::Settings;
use crate::target::TargetPolicy;

/// Domains, and blocked hosts, a namespace may have.
pub const HOSTS_MAX: usize = 10_000;

/// A host that is listed.
#[derive(Clone, Debug)]
pub struct ListedHost {
    /// In lower case, as in a URL.
    pub host: String,
    /// The principal.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
}

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostList {
    /// Domains of the namespace's own, on which codes may be made.
    Domains,
    /// Hosts that no link may lead to, with everything below them.
    Blocked,
}

impl HostList {
    fn select(self) -> &'static str {
        match self {
            Self::Domains => {
                "SELECT host, created_by, created_at FROM branded_domain ORDER BY host"
            }
            Self::Blocked => "SELECT host, created_by, created_at FROM blocked_host ORDER BY host",
        }
    }

    fn insert(self) -> &'static str {
        match self {
            Self::Domains => {
                "INSERT INTO branded_domain (host, created_by, created_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (host) DO NOTHING"
            }
            Self::Blocked => {
                "INSERT INTO blocked_host (host, created_by, created_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (host) DO NOTHING"
            }
        }
    }

    fn delete(self) -> &'static str {
        match self {
            Self::Domains => "DELETE FROM branded_domain WHERE host = ?1",
            Self::Blocked => "DELETE FROM blocked_host WHERE host = ?1",
        }
    }
}

impl Shortener {
    /// The hosts of `list`, by name.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn hosts(&self, list: HostList) -> Result<Vec<ListedHost>, ShortenError> {
        Ok(self.sql.read(move |tx| read(tx, list)).await?)
    }

    /// Adds `host` to `list`; false when it was there. In force everywhere when this returns.
    ///
    /// # Errors
    /// [`ShortenError::Field`] for what is no host, [`ShortenError::Store`].
    pub async fn add_host(
        &self,
        author: &Author,
        list: HostList,
        host: &str,
    ) -> Result<bool, ShortenError> {
        let host = host_name(host)?;
        let (author, now, announcer) = (author.id.clone(), self.clock.now(), self.announcer);
        let added = self
            .sql
            .write(move |tx| {
                if read(tx, list)?.len() >= HOSTS_MAX {
                    let what = format!("there are {HOSTS_MAX} already, remove one first");
                    return Err(ShortenError::Field { field: "host", what });
                }
                announcer.everything(tx)?;
                let parameters = [(&host).into(), (&author).into(), now.into()];
                Ok(tx.execute(list.insert(), &parameters)? > 0)
            })
            .await?;
        self.reload_policy().await?;
        self.until_in_force().await;
        Ok(added)
    }

    /// Removes `host` from `list`; false when it was not there. In force everywhere when this
    /// returns.
    ///
    /// # Errors
    /// [`ShortenError::Field`] for what is no host, [`ShortenError::Store`].
    pub async fn remove_host(&self, list: HostList, host: &str) -> Result<bool, ShortenError> {
        let host = host_name(host)?;
        let announcer = self.announcer;
        let delete = move |tx: &mut Tx<'_>| {
            announcer.everything(tx)?;
            tx.execute(list.delete(), &[(&host).into()])
        };
        let removed = self.sql.write::<_, SqlError>(delete).await? > 0;
        self.reload_policy().await?;
        self.until_in_force().await;
        Ok(removed)
    }

    /// Reads both lists anew. Links that were let through before are judged again when next used.
    pub(crate) async fn reload_policy(&self) -> Result<(), ShortenError> {
        // One at a time, or an older reading could come into force after a newer one.
        let _reloading = self.reloading.lock().await;
        let (domains, blocked) = self
            .sql
            .read::<_, SqlError>(|tx| {
                Ok((read(tx, HostList::Domains)?, read(tx, HostList::Blocked)?))
            })
            .await?;
        let domains: Vec<String> = domains.into_iter().map(|listed| listed.host).collect();
        let mut policy = base_policy(&self.settings);
        for host in &domains {
            policy.own_hosts.insert(host);
        }
        for listed in &blocked {
            policy.blocked_hosts.insert(&listed.host);
        }
        self.policy.store(Arc::new(policy));
        self.domains.store(Arc::new(domains));
        self.hot.forget_all();
        Ok(())
    }
}

/// What the deployment says of targets, without the namespace's lists.
pub(crate) fn base_policy(settings: &Settings) -> TargetPolicy {
    let mut policy = TargetPolicy {
        max_bytes: settings.long_url_bytes_max,
        allow_private_networks: settings.allow_private_targets,
        ..TargetPolicy::default()
    };
    let base = settings.base_url.as_deref().and_then(|base| url::Url::parse(base).ok());
    if let Some(host) = base.as_ref().and_then(url::Url::host_str) {
        policy.own_hosts.insert(host);
    }
    policy
}

fn read(tx: &mut Tx<'_>, list: HostList) -> Result<Vec<ListedHost>, SqlError> {
    tx.query(list.select(), &[], |row| {
        Ok(ListedHost { host: row.get(0)?, created_by: row.get(1)?, created_at: row.time(2)? })
    })
}

fn host_name(host: &str) -> Result<String, ShortenError> {
    let refused = || ShortenError::Field {
        field: "host",
        what: format!("{host:?} is not a host name such as example.com"),
    };
    let host = host.trim().trim_end_matches('.');
    match url::Host::parse(host) {
        Ok(host) if host.to_string().len() <= 253 => Ok(host.to_string()),
        _ => Err(refused()),
    }
}
