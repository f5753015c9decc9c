//! The smallest part of a failing case that still fails.
//!
//! Source: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002), the
//! algorithm ddmin: O(n^2) runs at worst, O(log n) when one item is to blame.

/// Drops items of `all` as long as `fails` says that what is left fails. `runs_max` bounds how
/// often it is asked. What is returned fails, if `all` does; when there is time enough, no single
/// item of it can be left out.
pub fn shrink<T: Clone>(all: &[T], runs_max: u32, mut fails: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut kept = all.to_vec();
    let mut pieces = 2;
    let mut runs = 0;
    while !kept.is_empty() {
        let size = kept.len().div_ceil(pieces);
        let mut smaller = None;
        for start in (0..kept.len()).step_by(size) {
            if runs == runs_max {
                return kept;
            }
            runs += 1;
            let end = (start + size).min(kept.len());
            let without = [&kept[..start], &kept[end..]].concat();
            if fails(&without) {
                smaller = Some(without);
                break;
            }
        }
        match smaller {
            Some(without) => {
                kept = without;
                pieces = pieces.saturating_sub(1).max(2);
            }
            None if size == 1 => break,
            None => pieces = (pieces * 2).min(kept.len()),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_blame_is_left() {
        let all: Vec<u32> = (0..100).collect();
        let mut runs = 0;
        let kept = shrink(&all, 1_000, |items| {
            runs += 1;
            items.contains(&17) && items.contains(&71)
        });
        assert_eq!(kept, [17, 71]);
        assert!(runs < 100, "{runs}");
        assert_eq!(shrink(&all, 1_000, |items| items.contains(&3)), [3]);
        assert!(shrink(&all, 1_000, |_| true).is_empty());
        assert_eq!(shrink(&all, 1_000, |items| items.len() == 100), all);
    }

    #[test]
    fn it_stops_when_the_runs_are_used_up() {
        let all: Vec<u32> = (0..64).collect();
        let mut runs = 0;
        shrink(&all, 5, |_| {
            runs += 1;
            false
        });
        assert_eq!(runs, 5);
    }
}
