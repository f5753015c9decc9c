use std::collections::HashMap;

use proptest::prelude::*;

use super::top::Top;
use super::window::Window;
use super::*;
use crate::hash::Sip24;

/// The worked example: the columns of each thing, row by row.
fn columns(thing: char) -> [u64; 5] {
    match thing {
        'A' => [0, 2, 4, 8, 9],
        'B' => [1, 3, 4, 7, 2],
        'C' => [0, 4, 3, 7, 9],
        _ => [8, 3, 5, 7, 1],
    }
}

fn example(stream: &str) -> CountMin {
    let mut sketch = CountMin::with_size(Xxh3, 10, 5).unwrap();
    stream.chars().for_each(|thing| _ = sketch.add_at(columns(thing).into_iter(), 1));
    sketch
}

fn estimates(sketch: &CountMin) -> [u32; 4] {
    ['A', 'B', 'C', 'D'].map(|thing| sketch.estimate_at(columns(thing).into_iter()))
}

#[test]
fn the_worked_example_comes_out() {
    let sketch = example("AABD");
    let rows: Vec<&[u32]> = sketch.counters.chunks(10).collect();
    assert_eq!(
        rows,
        [
            [2, 1, 0, 0, 0, 0, 0, 0, 1, 0],
            [0, 0, 2, 2, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 3, 1, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 2, 2, 0],
            [0, 1, 1, 0, 0, 0, 0, 0, 0, 2],
        ]
    );
    assert_eq!(estimates(&sketch), [2, 1, 0, 1]);
}

#[test]
fn the_whole_stream_of_the_example_comes_out() {
    let sketch = example("AABDBAADBB");
    let rows: Vec<&[u32]> = sketch.counters.chunks(10).collect();
    assert_eq!(
        rows,
        [
            [4, 4, 0, 0, 0, 0, 0, 0, 2, 0],
            [0, 0, 4, 6, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 8, 2, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 6, 4, 0],
            [0, 2, 4, 0, 0, 0, 0, 0, 0, 4],
        ]
    );
    assert_eq!(estimates(&sketch), [4, 4, 0, 2]);
    assert_eq!(sketch.total(), 10);
}

#[test]
fn a_tenth_of_a_per_cent_with_99_per_cent_takes_54_kilobytes() {
    assert_eq!(size_for(0.001, 0.01), Ok((2719, 5)));
    let sketch = CountMin::with_error(0.001, 0.01).unwrap();
    assert_eq!((sketch.counters.len() * 4 + 500) / 1000, 54);
    for (epsilon, delta) in [(0.0, 0.1), (1.0, 0.1), (0.1, 0.0), (0.1, f64::NAN)] {
        assert!(matches!(size_for(epsilon, delta), Err(CountMinError::Bounds { .. })));
    }
    for (width, rows) in [(0, 5), (5, 0), (5, 31), (1 << 28, 2), (u64::MAX, 2)] {
        let made = CountMin::with_size(Xxh3, width, rows);
        assert_eq!(made, Err(CountMinError::Size { width, rows }));
    }
}

/// Things in proportion to 1 / rank, by the inverse of the harmonic sum (about e^(u H)).
fn zipf(count: u32, things: u32) -> impl Iterator<Item = u32> {
    let harmonic = f64::from(things).ln();
    (0..u64::from(count)).map(move |draw| {
        let unit = (mix(draw) >> 11) as f64 / (1u64 << 53) as f64;
        (unit * harmonic).exp() as u32
    })
}

#[test]
fn ten_million_zipf_items_are_never_too_low_and_seldom_too_high() {
    const COUNT: u32 = 10_000_000;
    let mut sketch = CountMin::with_error(0.001, 0.01).unwrap();
    let mut exact = vec![0u32; 200_001];
    for thing in zipf(COUNT, 200_000) {
        sketch.add(&thing.to_le_bytes(), 1);
        exact[thing as usize] += 1;
    }
    let (mut seen, mut too_high) = (0, 0);
    for (thing, exact) in (0u32..).zip(&exact).filter(|(_, exact)| **exact > 0) {
        let estimate = sketch.estimate(&thing.to_le_bytes());
        assert!(estimate >= *exact, "{thing}");
        seen += 1;
        too_high += u32::from(f64::from(estimate - exact) > 0.001 * f64::from(COUNT));
    }
    assert!(seen > 150_000);
    assert!(too_high * 100 <= seen, "{too_high} of {seen}");
}

#[test]
fn conservative_update_is_never_too_low_and_errs_less() {
    let plain = CountMin::with_size(Xxh3, 500, 4).unwrap();
    let errors = [plain.clone(), plain.conservative()].map(|mut sketch| {
        let mut exact: HashMap<u32, u32> = HashMap::new();
        for thing in zipf(100_000, 20_000) {
            let estimate = sketch.add(&thing.to_le_bytes(), 1);
            *exact.entry(thing).or_default() += 1;
            assert_eq!(estimate, sketch.estimate(&thing.to_le_bytes()));
        }
        let error = |(thing, exact): (&u32, &u32)| {
            u64::from(sketch.estimate(&thing.to_le_bytes()).checked_sub(*exact).unwrap())
        };
        exact.iter().map(error).sum::<u64>()
    });
    assert!(errors[1] * 3 < errors[0] * 2, "{errors:?}");
}

#[test]
fn counters_stay_at_their_end_and_old_counts_fade() {
    let mut sketch = CountMin::with_size(Xxh3, 10, 2).unwrap();
    sketch.add(b"a", u32::MAX);
    assert_eq!(sketch.add(b"a", 5), u32::MAX);
    let mut other = sketch.clone();
    other.merge(&sketch).unwrap();
    assert_eq!(other.estimate(b"a"), u32::MAX);
    sketch.halve();
    assert_eq!(sketch.estimate(b"a"), 1 << 31);
    sketch.clear();
    assert_eq!((sketch.estimate(b"a"), sketch.total()), (0, 0));
}

#[test]
fn unlike_sketches_are_not_merged() {
    let mut sketch = CountMin::with_size(Xxh3, 10, 2).unwrap();
    for (width, rows) in [(20, 1), (10, 3), (9, 2)] {
        let other = CountMin::with_size(Xxh3, width, rows).unwrap();
        assert_eq!(sketch.merge(&other), Err(CountMinError::Differs));
    }
    assert_eq!(sketch.merge(&sketch.clone().conservative()), Err(CountMinError::Differs));
    let mut secret = CountMin::with_size(Sip24::new([1; 16]), 10, 2).unwrap();
    let other = CountMin::with_size(Sip24::new([2; 16]), 10, 2).unwrap();
    assert_eq!(secret.merge(&other), Err(CountMinError::Differs));
}

#[test]
fn damaged_forms_are_refused() {
    let mut sketch = CountMin::with_size(Xxh3, 7, 3).unwrap().conservative();
    sketch.add(b"a", 3);
    let bytes = sketch.to_bytes();
    for end in 0..bytes.len() {
        assert_eq!(CountMin::from_bytes(Xxh3, &bytes[..end]), Err(ReadError::Length));
    }
    let other = CountMin::from_bytes(Sip24::new([0; 16]), &bytes);
    assert_eq!(other, Err(ReadError::OtherHash));
    let with = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        CountMin::from_bytes(Xxh3, &changed)
    };
    assert_eq!(with(0, 2), Err(ReadError::Version { found: 2, known: 1 }));
    assert!(matches!(with(1, 2), Err(ReadError::Impossible(_))));
    // 21 counters may not be one row of 21 and of 2^56 too.
    assert_eq!(with(25, 1), Err(ReadError::Length));
    assert_eq!(CountMin::from_bytes(Xxh3, &bytes), Ok(sketch));
}

#[test]
fn the_list_has_what_came_up_most() {
    let mut top = Top::new(CountMin::with_error(0.001, 0.01).unwrap(), 10);
    let mut exact: HashMap<u32, u32> = HashMap::new();
    for thing in zipf(200_000, 50_000) {
        top.add(&thing.to_le_bytes(), 1);
        *exact.entry(thing).or_default() += 1;
    }
    let mut order: Vec<(u32, u32)> = exact.iter().map(|(thing, count)| (*count, *thing)).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let listed: Vec<Vec<u8>> = top.iter().map(|(thing, _)| thing.to_vec()).collect();
    let expected: Vec<Vec<u8>> =
        order.iter().take(10).map(|(_, thing)| thing.to_le_bytes().to_vec()).collect();
    assert_eq!(listed, expected);
    for ((_, estimate), (count, _)) in top.iter().zip(&order) {
        assert!(estimate >= *count && f64::from(estimate - count) <= top.sketch().error_bound());
    }
    assert_eq!(Top::from_bytes(Xxh3, &top.to_bytes()), Ok(top.clone()));
    let before: Vec<u32> = top.iter().map(|(_, count)| count).collect();
    top.halve();
    assert!(top.iter().zip(before).all(|((_, now), before)| now == before.div_ceil(2)));
}

#[test]
fn damaged_lists_are_refused() {
    let mut top = Top::new(CountMin::with_size(Xxh3, 3, 1).unwrap(), 2);
    top.add(b"a", 1);
    top.add(b"b", 2);
    let bytes = top.to_bytes();
    for end in 0..bytes.len() {
        assert!(Top::from_bytes(Xxh3, &bytes[..end]).is_err());
    }
    let with = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        Top::from_bytes(Xxh3, &changed)
    };
    // Fewer places than things, no places, out of order.
    for (at, value) in [(1, 1), (1, 0), (9, 9)] {
        assert!(matches!(with(at, value), Err(ReadError::Impossible(_))), "byte {at}");
    }
    assert_eq!(Top::from_bytes(Xxh3, &bytes), Ok(top));
}

#[test]
fn a_window_forgets_its_oldest_part() {
    let mut window = Window::new(CountMin::with_size(Xxh3, 100, 3).unwrap(), 3);
    for count in [5, 7, 11] {
        window.advance();
        window.add(b"a", count);
    }
    assert_eq!((window.estimate(b"a"), window.total()), (23, 23));
    window.advance();
    assert_eq!(window.estimate(b"a"), 18);
    window.advance();
    window.advance();
    assert_eq!((window.estimate(b"a"), window.total()), (0, 0));
    assert_eq!(window.parts().count(), 3);
}

#[test]
fn a_window_is_stored_with_the_order_of_its_parts() {
    let mut window = Window::new(CountMin::with_size(Xxh3, 3, 2).unwrap(), 2);
    window.add(b"a", 5);
    window.advance();
    window.add(b"a", 7);
    let bytes = window.to_bytes();
    let mut read = Window::from_bytes(Xxh3, &bytes).unwrap();
    assert_eq!(read, window);
    read.advance();
    assert_eq!(read.estimate(b"a"), 7);
    for end in 0..bytes.len() {
        assert!(Window::from_bytes(Xxh3, &bytes[..end]).is_err());
    }
    let mut unlike = bytes.clone();
    // The second part says that it is conservative.
    let second = 5 + (bytes.len() - 5) / 2;
    unlike[second + 8 + 1] = 1;
    let none = Err(ReadError::Impossible("a window without parts, or of unlike ones"));
    assert_eq!(Window::from_bytes(Xxh3, &unlike), none);
    assert_eq!(Window::from_bytes(Xxh3, &[1, 0, 0, 0, 0]), none);
}

proptest! {
    #[test]
    fn never_too_low_and_merging_is_the_sketch_of_both_streams(
        one in prop::collection::vec((0u8..40, 0u32..100), 0..60),
        other in prop::collection::vec((0u8..40, 0u32..100), 0..60),
        is_conservative in any::<bool>(),
    ) {
        let of = |stream: &[(u8, u32)]| {
            let empty = CountMin::with_size(Xxh3, 13, 3).unwrap();
            let mut sketch = if is_conservative { empty.conservative() } else { empty };
            stream.iter().for_each(|(thing, count)| _ = sketch.add(&[*thing], *count));
            sketch
        };
        let mut merged = of(&one);
        merged.merge(&of(&other)).unwrap();
        let joint = [one, other].concat();
        if !is_conservative {
            prop_assert_eq!(&merged, &of(&joint));
        }
        let mut exact: HashMap<u8, u32> = HashMap::new();
        joint.iter().for_each(|(thing, count)| *exact.entry(*thing).or_default() += count);
        for (thing, count) in exact {
            prop_assert!(merged.estimate(&[thing]) >= count);
            prop_assert!(of(&joint).estimate(&[thing]) >= count);
        }
        prop_assert_eq!(CountMin::from_bytes(Xxh3, &merged.to_bytes()), Ok(merged));
    }

    #[test]
    fn a_list_of_enough_places_has_everything_also_when_merged(
        one in prop::collection::vec((0u8..20, 1u32..100), 0..60),
        other in prop::collection::vec((0u8..20, 1u32..100), 0..60),
    ) {
        let of = |stream: &[(u8, u32)]| {
            let mut top = Top::new(CountMin::with_size(Xxh3, 4000, 4).unwrap(), 20);
            stream.iter().for_each(|(thing, count)| top.add(&[*thing], *count));
            top
        };
        let mut merged = of(&one);
        merged.merge(&of(&other)).unwrap();
        prop_assert_eq!(&merged, &of(&[one, other].concat()));
    }
}
