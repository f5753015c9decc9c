//! The worked examples and figures of the requirement, then properties over random memberships.

mod examples;
mod figures;
mod properties;

use std::collections::HashMap;

use super::*;

/// A hash given as a table, for hand-made rings.
#[derive(Debug, Clone, PartialEq)]
struct Table(HashMap<&'static str, u64>);

impl KeyHash for Table {
    fn hash(&self, bytes: &[u8]) -> u64 {
        let text = std::str::from_utf8(bytes).unwrap();
        self.0.get(text).copied().unwrap_or_default()
    }
}

/// `count` servers of weight 1 named s0, s1, ...
fn ring_of(count: usize, virtual_nodes: u32) -> Ring {
    named_ring("s", count, virtual_nodes)
}

fn named_ring(prefix: &str, count: usize, virtual_nodes: u32) -> Ring {
    let servers = (0..count).map(|id| Server::new(format!("{prefix}{id}")));
    Ring::with_servers(Xxh3, virtual_nodes, servers).unwrap()
}

fn ids(servers: &[&Server]) -> Vec<String> {
    servers.iter().map(|server| server.id().to_owned()).collect()
}
