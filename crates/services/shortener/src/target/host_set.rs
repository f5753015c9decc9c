//! A set of host names, compared as the URL parser writes them.

use std::collections::HashSet;

use url::Host;

/// Host names in lower case and Punycode, without a final dot; addresses in their usual form.
#[derive(Debug, Clone, Default)]
pub struct HostSet {
    hosts: HashSet<String>,
}

impl HostSet {
    /// Adds a host, in any spelling a URL may have; false when it is not a host name.
    ///
    /// A leading `*.` or `.`, as in many block lists, is dropped: [`HostSet::covers`] includes
    /// everything below a name anyway.
    pub fn insert(&mut self, host: &str) -> bool {
        let host = host.trim();
        let host = host.strip_prefix("*.").or_else(|| host.strip_prefix('.')).unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host);
        match Host::parse(host) {
            Ok(parsed) => {
                self.hosts.insert(parsed.to_string());
                true
            }
            Err(_) => false,
        }
    }

    /// Whether exactly this host is in the set. `host` is spelt as the URL parser writes it.
    #[must_use]
    pub fn contains(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    /// Whether the host or a domain above it is in the set: one probe a label.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let mut rest = Some(host);
        while let Some(name) = rest {
            if self.hosts.contains(name) {
                return true;
            }
            rest = name.split_once('.').map(|(_, parent)| parent);
        }
        false
    }

    /// How many hosts it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }
}

impl<S: AsRef<str>> FromIterator<S> for HostSet {
    /// Collects what are host names, and leaves out what are not.
    fn from_iter<I: IntoIterator<Item = S>>(hosts: I) -> Self {
        let mut set = Self::default();
        for host in hosts {
            set.insert(host.as_ref());
        }
        set
    }
}
