//! `resp::request::parse`: a command lies within the bytes it is said to take, is the same however
//! much comes after it, and is not there a byte earlier unless bytes say so again.

#![no_main]

use kit::resp::request::{RequestLimits, parse};
use libfuzzer_sys::fuzz_target;

const LIMITS: RequestLimits =
    RequestLimits { args_max: 8, bulk_bytes_max: 64, command_bytes_max: 256 };

fuzz_target!(|bytes: &[u8]| {
    let (mut args, mut again, mut at) = (Vec::new(), Vec::new(), 0);
    while let Ok(Some(used)) = parse(&bytes[at..], &LIMITS, &mut args) {
        assert!(used > 0 && at + used <= bytes.len());
        assert!(args.len() <= LIMITS.args_max);
        assert!(args.iter().all(|arg| arg.start <= arg.end && arg.end <= used));
        assert_eq!(parse(&bytes[at..at + used], &LIMITS, &mut again), Ok(Some(used)));
        assert_eq!(again, args);
        assert_ne!(parse(&bytes[at..at + used - 1], &LIMITS, &mut again), Ok(Some(used)));
        at += used;
    }
});
