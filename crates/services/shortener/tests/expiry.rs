//! A link lives from its last use: six months after it the link is gone, whether its target was
//! in memory or had to be read, and over a restart. On a clock in the test's hands.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use kit::clock::{Clock, Timestamp};
use kit::door::Hosts;
use kit::entropy::Entropy;
use kit::http::Peer;
use kit::namespace::{NamespaceName, Namespaces, StateSettings};
use kit::sql::Durability;
use kit::system::Rooms;
use kit::telemetry::metrics::Metrics;
use shortener::Shorteners;
use shortener::model::{Author, LinkState, NewLink, ShortAddress};
use shortener::public::Public;
use shortener::service::Shortener;
use shortener::settings::DEFAULT;

const DAY: Duration = Duration::from_secs(86_400);
/// Six months, as the settings have it.
const IDLE_DAYS: u32 = 183;

/// A namespace's links and their public door, without the process around them.
struct House {
    namespaces: Arc<Namespaces>,
    public: Public,
    shortener: Arc<Shortener>,
    clock: Clock,
}

impl House {
    async fn open(data: &Path, now: Option<Timestamp>) -> Self {
        let state = StateSettings {
            data_dir: data.to_owned(),
            durability: Durability::Buffered,
            sql_url: None,
            create_on_use: false,
        };
        let metrics = Metrics::new();
        let opened = Namespaces::open(state, Entropy::machine(), metrics.clone()).unwrap();
        let (namespaces, name) = (Arc::new(opened), NamespaceName::default_name());
        let clock = namespaces.get(&name).unwrap().clock().clone();
        clock.freeze();
        if let Some(now) = now {
            clock.advance(now.since(clock.now()));
        }
        let section: shortener::Section = toml::from_str(DEFAULT).unwrap();
        let system = Arc::new(Shorteners::new(section.check().unwrap()));
        let rooms = Rooms::new(system, Arc::clone(&namespaces));
        let shortener = rooms.open(&name).await.unwrap();
        let public = Public::new(rooms, Arc::new(Hosts::default()), &metrics);
        Self { namespaces, public, shortener, clock }
    }

    /// Everything in memory is gone, and the time is as it was.
    async fn reopened(self, data: &Path) -> Self {
        let now = self.clock.now();
        self.namespaces.close().await;
        drop(self);
        Self::open(data, Some(now)).await
    }

    async fn create(&self, long_url: &str) -> ShortAddress {
        let author = Author { id: "token:a".into(), is_admin: false, limited_by: "token:a".into() };
        let new = NewLink { long_url: long_url.into(), ..NewLink::default() };
        let link = self.shortener.create(&author, new).await.unwrap().link;
        ShortAddress { domain: link.domain, code: link.code }
    }

    async fn visit(&self, address: &ShortAddress) -> u16 {
        let request = Request::builder().uri(format!("/{}", address.code));
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), tls: false };
        let request = request.body(Body::empty()).unwrap();
        self.public.visit(request, peer).await.status().as_u16()
    }

    fn advance_days(&self, days: u32) {
        self.clock.advance(DAY * days);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_unused_for_six_months_is_gone() {
    let data = tempfile::tempdir().unwrap();
    let house = House::open(data.path(), None).await;
    let unused = house.create("https://example.com/unused").await;
    let cached = house.create("https://example.com/cached").await;
    assert_eq!(house.visit(&cached).await, 302);
    house.advance_days(IDLE_DAYS - 1);
    house.shortener.look_up(&unused).await.unwrap();
    house.advance_days(1);
    assert_eq!(house.visit(&unused).await, 410);
    assert_eq!(house.visit(&cached).await, 410, "the cache outlived the link");
    house.shortener.look_up(&unused).await.unwrap_err();
    let again = house.create("https://example.com/unused").await;
    assert_ne!(again, unused, "an expired code was given out again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_after_five_months_renews_a_link() {
    let data = tempfile::tempdir().unwrap();
    let mut house = House::open(data.path(), None).await;
    let used = house.create("https://example.com/used").await;
    let renewed = house.create("https://example.com/renewed").await;
    for _ in 0..4 {
        house.advance_days(150);
        assert_eq!(house.visit(&used).await, 302);
        assert_eq!(house.visit(&renewed).await, 302);
        // What renews it is stored: the time it was used last is read anew.
        house = house.reopened(data.path()).await;
        assert_eq!(house.visit(&renewed).await, 302);
    }
    house.advance_days(IDLE_DAYS + 1);
    assert_eq!(house.visit(&used).await, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_ends_what_is_over_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let house = House::open(data.path(), None).await;
    let over = house.create("https://example.com/over").await;
    house.advance_days(100);
    let living = house.create("https://example.com/living").await;
    house.advance_days(IDLE_DAYS - 99);
    assert_eq!(house.shortener.sweep(10).await.unwrap(), 1);
    assert_eq!(house.shortener.sweep(10).await.unwrap(), 0);
    assert_eq!(house.visit(&over).await, 410);
    assert_eq!(house.visit(&living).await, 302);
    let links = house.shortener.list(shortener::store::Filter::default(), None, 10).await.unwrap();
    let active: Vec<_> =
        links.iter().filter(|link| link.state == LinkState::Active).map(|l| &l.code).collect();
    assert_eq!(active, [&living.code]);
}
