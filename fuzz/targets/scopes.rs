//! `auth::Scopes`: one set has one form, and an intersection allows no more than either.
//!
//! The first line is one set, the second another, the third something to be allowed.

#![no_main]

use kit::auth::Scopes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let (one, two) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let needed = lines.next().unwrap_or_default();
    let (Ok(one), Ok(two)) = (one.parse::<Scopes>(), two.parse::<Scopes>()) else { return };
    assert_eq!(one.to_string().parse(), Ok(one.clone()));
    let (both, either) = (one.intersect(&two), one.union(&two));
    assert_eq!(both, two.intersect(&one));
    assert_eq!(either, two.union(&one));
    assert!(one.covers(&both) && two.covers(&both));
    assert!(either.covers(&one) && either.covers(&two));
    assert_eq!(both.allows(needed), one.allows(needed) && two.allows(needed), "{needed}");
    assert_eq!(either.allows(needed), one.allows(needed) || two.allows(needed), "{needed}");
});
