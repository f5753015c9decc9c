//! `limiter::grpc`: any body is one message or a status, and what it asks is within the limits or
//! refused; what is written is read back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use limiter::grpc::messages::RateLimitRequest;
use limiter::grpc::{asked, frame};
use limiter::model::{DESCRIPTORS_MAX, TEXT_BYTES_MAX};
use prost::Message;

fuzz_target!(|body: &[u8]| {
    let Ok(wire) = frame::decode::<RateLimitRequest>(body) else { return };
    let request = asked(&wire);
    assert!(request.hits >= 1);
    if request.check().is_ok() {
        assert!((1..=DESCRIPTORS_MAX).contains(&request.descriptors.len()));
        assert!(request.domain.len() <= TEXT_BYTES_MAX && !request.domain.is_empty());
    }
    let message = wire.encode_to_vec();
    let mut again = vec![0];
    again.extend((message.len() as u32).to_be_bytes());
    again.extend(message);
    assert_eq!(frame::decode::<RateLimitRequest>(&again), Ok(wire));
});
