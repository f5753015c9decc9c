//! `target::Target`: an accepted URL is safe in a header, and its normal form is a fixed point.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shortener::target::{HostSet, Target, TargetPolicy, digest_of, recheck};

static POLICY: LazyLock<TargetPolicy> = LazyLock::new(|| TargetPolicy {
    own_hosts: HostSet::from_iter(["sho.rt"]),
    blocked_hosts: HostSet::from_iter(["evil.example"]),
    ..TargetPolicy::default()
});

fuzz_target!(|text: &str| {
    let Ok(target) = Target::parse(text, &POLICY) else { return };
    assert!(target.original.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    assert!(target.original.len() <= 3 * POLICY.max_bytes);
    assert_eq!(digest_of(&target.original), Ok(target.digest));
    assert_eq!(recheck(&target.original, &POLICY), Ok(()));
    let name = target.host.trim_end_matches('.');
    assert!(!["sho.rt", "evil.example"].contains(&name) && !name.ends_with(".evil.example"));
    let wide = TargetPolicy { max_bytes: 3 * POLICY.max_bytes, ..POLICY.clone() };
    let again = Target::parse(&target.normalised, &wide);
    let Ok(again) = again else { panic!("{target:?} is refused: {again:?}") };
    assert_eq!(again.normalised, target.normalised);
    assert_eq!(again.original, target.normalised);
    assert_eq!((again.digest, &again.host), (target.digest, &target.host));
    assert_eq!(again.has_credentials, target.has_credentials);
});
