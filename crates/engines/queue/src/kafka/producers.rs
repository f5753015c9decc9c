//! Numbers for idempotent producers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::call::Asked;
use super::code;
use crate::service::WRITE;

/// Answers `InitProducerId`: a number that nobody has, with epoch 0.
pub(super) async fn init(asked: Asked<InitProducerIdRequest>) -> InitProducerIdResponse {
    let refused =
        InitProducerIdResponse::default().with_producer_id(ProducerId(-1)).with_producer_epoch(-1);
    if !asked.queue.may(&asked.principal, WRITE) {
        return refused.with_error_code(ResponseError::ClusterAuthorizationFailed.code());
    }
    if asked.request.transactional_id.is_some() {
        // No coordinator has this broker's transactions yet.
        return refused.with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code());
    }
    match asked.queue.producer_id().await {
        Ok(id) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0),
        Err(error) => refused.with_error_code(code::of(&error)),
    }
}
