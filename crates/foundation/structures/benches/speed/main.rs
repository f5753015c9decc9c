//! How fast the structures are, each beside a peer in the same run.
//!
//!     cargo bench -p structures [-- SECTION...]
//!
//! Sections: ring, placement, bloom, count-min, hyperloglog, merkle, ranked-set, and large, which
//! is run only when named. Contenders take turns; a figure is millions of operations a second, the
//! best and the median of the rounds, and the ratio is that of the medians to the first
//! contender's.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up is to stop")]

mod harness;
mod placements;
mod ranks;
mod sketches;

use std::io;

type Section = fn() -> io::Result<()>;

fn main() -> io::Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let sections: [(&str, Section); 8] = [
        ("ring", placements::ring),
        ("placement", placements::alternatives),
        ("bloom", sketches::bloom),
        ("count-min", sketches::count_min),
        ("hyperloglog", sketches::hyperloglog),
        ("merkle", sketches::merkle),
        ("ranked-set", ranks::ranked_set),
        ("large", ranks::large),
    ];
    for (name, section) in sections {
        let is_asked = asked.iter().any(|arg| arg == name);
        if is_asked || asked.is_empty() && name != "large" {
            section()?;
        }
    }
    Ok(())
}
