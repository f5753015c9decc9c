//! A message queue that Kafka clients cannot tell apart from Kafka.

pub mod group;
