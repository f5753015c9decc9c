//! Rounds in turn, and a table of them.

use std::io::{self, Write};
use std::time::Instant;

const ROUNDS: usize = 7;

/// What is measured: a name, and something that does a given number of operations.
pub(crate) struct Contender<'c> {
    name: &'c str,
    run: Box<dyn FnMut() + 'c>,
    /// Millions a second, a round each.
    rates: Vec<f64>,
}

impl<'c> Contender<'c> {
    pub(crate) fn new(name: &'c str, run: impl FnMut() + 'c) -> Self {
        Self { name, run: Box::new(run), rates: Vec::new() }
    }

    /// The best and the median.
    fn rates(&mut self) -> (f64, f64) {
        self.rates.sort_by(f64::total_cmp);
        (self.rates[self.rates.len() - 1], self.rates[self.rates.len() / 2])
    }
}

/// Prints the head of a table of rates.
pub(crate) fn title(text: &str) -> io::Result<()> {
    head(text, ["best M/s", "median M/s", "ratio"])
}

/// Prints the head of a table of times.
pub(crate) fn title_of_times(text: &str) -> io::Result<()> {
    head(text, ["best us", "median us", ""])
}

fn head(text: &str, [best, median, ratio]: [&str; 3]) -> io::Result<()> {
    writeln!(io::stdout(), "\n{text:<60} {best:>9} {median:>11} {ratio:>6}")
}

/// Runs each contender in turn and prints a line for each. `operations` is how many one run makes.
pub(crate) fn compare(operations: usize, mut contenders: Vec<Contender<'_>>) -> io::Result<()> {
    run(operations, &mut contenders);
    let mut first = None;
    for contender in &mut contenders {
        let (best, median) = contender.rates();
        let ratio = median / *first.get_or_insert(median);
        let name = contender.name;
        writeln!(io::stdout(), "  {name:<58} {best:>9.2} {median:>11.2} {ratio:>6.2}")?;
    }
    Ok(())
}

/// Runs each contender in turn and prints how long it takes, in microseconds.
pub(crate) fn time(mut contenders: Vec<Contender<'_>>) -> io::Result<()> {
    run(1, &mut contenders);
    for contender in &mut contenders {
        let (best, median) = contender.rates();
        let name = contender.name;
        writeln!(io::stdout(), "  {name:<58} {:>9.1} {:>11.1}", 1.0 / best, 1.0 / median)?;
    }
    Ok(())
}

fn run(operations: usize, contenders: &mut [Contender<'_>]) {
    for round in 0..=ROUNDS {
        for contender in &mut *contenders {
            let start = Instant::now();
            (contender.run)();
            // The first round warms up.
            if round > 0 {
                contender.rates.push(operations as f64 / start.elapsed().as_secs_f64() / 1e6);
            }
        }
    }
}

/// Prints a line that is no rate.
pub(crate) fn note(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "  {text}")
}

/// Different keys of 16 bytes.
pub(crate) fn keys(count: u32) -> Vec<[u8; 16]> {
    let key = |number: u32| {
        let mut key = *b"user:0000000000x";
        key[5..15].copy_from_slice(format!("{number:010}").as_bytes());
        key
    };
    (0..count).map(key).collect()
}
