//! `count_min::CountMin`, `count_min::top::Top`, `count_min::window::Window`: what is read writes
//! back the same, and an estimate never falls by adding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use structures::count_min::CountMin;
use structures::count_min::top::Top;
use structures::count_min::window::Window;
use structures::hash::Xxh3;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut sketch) = CountMin::from_bytes(Xxh3, bytes) {
        assert_eq!(sketch.to_bytes(), bytes);
        let before = sketch.estimate(bytes);
        assert_eq!(sketch.add(bytes, 3), before.saturating_add(3));
        let mut both = sketch.clone();
        assert_eq!(both.merge(&sketch), Ok(()));
        assert!(both.estimate(bytes) >= sketch.estimate(bytes));
        sketch.halve();
    }
    if let Ok(mut top) = Top::from_bytes(Xxh3, bytes) {
        assert_eq!(top.to_bytes(), bytes);
        top.add(bytes, u32::MAX);
        assert!(top.iter().is_sorted_by(|one, next| one.1 >= next.1));
        assert_eq!(Top::from_bytes(Xxh3, &top.to_bytes()), Ok(top.clone()));
        let other = top.clone();
        assert_eq!(top.merge(&other), Ok(()));
    }
    if let Ok(mut window) = Window::from_bytes(Xxh3, bytes) {
        assert_eq!(window.to_bytes(), bytes);
        let before = window.estimate(bytes);
        window.add(bytes, 3);
        assert!(window.estimate(bytes) >= before);
        window.advance();
    }
});
