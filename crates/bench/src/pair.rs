//! Rounds of target and peer in turn, A B A B, in one run: whatever else the machine does falls on
//! both sides alike, and the ratio is taken within each pair.

use serde::Serialize;

use crate::error::BenchError;
use crate::load::Measured;

/// One side of a comparison over all rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Side {
    /// What it is.
    pub(crate) name: String,
    /// Every round in order.
    pub(crate) rounds: Vec<Measured>,
    /// The middle round's right answers a second.
    pub(crate) median_requests_per_s: f64,
}

impl Side {
    fn new(name: &str, rounds: Vec<Measured>) -> Self {
        let rates = rounds.iter().map(|round| round.requests_per_s).collect();
        Self { name: name.to_owned(), median_requests_per_s: median(rates), rounds }
    }

    fn is_clean(&self) -> bool {
        self.rounds.iter().all(Measured::is_clean)
    }
}

/// What pairs of rounds measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Paired {
    /// The server of interest.
    pub(crate) target: Side,
    /// What it is compared with.
    pub(crate) peer: Option<Side>,
    /// Target's rate over the peer's, a pair each.
    pub(crate) ratios: Vec<f64>,
    /// The middle one.
    pub(crate) median_ratio: Option<f64>,
}

impl Paired {
    /// Neither side had a wrong, refused or missing answer.
    pub(crate) fn is_clean(&self) -> bool {
        self.target.is_clean() && self.peer.as_ref().is_none_or(Side::is_clean)
    }
}

/// One side's name and how to run one round of it.
pub(crate) struct Contender<'a> {
    /// For the report.
    pub(crate) name: &'a str,
    /// Runs one round.
    pub(crate) run: Box<dyn FnMut() -> Result<Measured, BenchError> + 'a>,
}

/// Runs `rounds` pairs, or rounds of the target alone without a peer.
///
/// # Errors
/// The first error of a round.
pub(crate) fn run(
    rounds: usize,
    mut target: Contender<'_>,
    mut peer: Option<Contender<'_>>,
) -> Result<Paired, BenchError> {
    let (mut of_target, mut of_peer) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        of_target.push((target.run)()?);
        if let Some(peer) = &mut peer {
            of_peer.push((peer.run)()?);
        }
    }
    let ratios: Vec<f64> = of_target
        .iter()
        .zip(&of_peer)
        .map(|(target, peer)| target.requests_per_s / peer.requests_per_s)
        .collect();
    Ok(Paired {
        target: Side::new(target.name, of_target),
        peer: peer.map(|peer| Side::new(peer.name, of_peer)),
        median_ratio: (!ratios.is_empty()).then(|| median(ratios.clone())),
        ratios,
    })
}

/// The middle value, the mean of the two middle ones of an even count; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        even if even % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![]), 0.0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn sides_take_turns_and_ratios_are_of_pairs() {
        let order = RefCell::new(String::new());
        let contender = |name: &'static str, rates: [f64; 3]| {
            let order = &order;
            let mut rates = rates.into_iter();
            let run = move || {
                order.borrow_mut().push_str(name);
                let requests_per_s = rates.next().expect("three rounds");
                Ok(Measured { requests_per_s, ..Measured::default() })
            };
            Contender { name, run: Box::new(run) }
        };
        let target = contender("A", [10.0, 30.0, 8.0]);
        let peer = contender("B", [20.0, 30.0, 10.0]);
        let paired = run(3, target, Some(peer)).expect("no round fails");
        assert_eq!(*order.borrow(), "ABABAB");
        assert_eq!(paired.ratios, [0.5, 1.0, 0.8]);
        assert_eq!(paired.median_ratio, Some(0.8));
        assert_eq!(paired.target.median_requests_per_s, 10.0);
    }

    #[test]
    fn without_a_peer_there_is_no_ratio() {
        let run_once = || Ok(Measured { requests_per_s: 5.0, ..Measured::default() });
        let target = Contender { name: "A", run: Box::new(run_once) };
        let paired = run(2, target, None).expect("no round fails");
        assert!(paired.peer.is_none() && paired.median_ratio.is_none());
        assert_eq!(paired.target.rounds.len(), 2);
    }
}
