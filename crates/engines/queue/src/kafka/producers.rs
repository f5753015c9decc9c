//! Numbers for idempotent producers.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::call::Asked;
use super::code;
use super::transactions::coded;
use crate::service::WRITE;
use crate::transaction::Producer;

/// The version from which on a fenced producer is told so by an error of its own.
const TELLS_FENCED: i16 = 4;

/// Answers `InitProducerId`: a number that nobody has, with epoch 0, or the next epoch of a
/// transactional id.
pub(super) async fn init(asked: Asked<InitProducerIdRequest>) -> InitProducerIdResponse {
    let refused =
        InitProducerIdResponse::default().with_producer_id(ProducerId(-1)).with_producer_epoch(-1);
    if !asked.queue.may(&asked.principal, WRITE) {
        return refused.with_error_code(ResponseError::ClusterAuthorizationFailed.code());
    }
    let request = &asked.request;
    let Some(id) = &request.transactional_id else {
        // One without transactions that asks again has lost a batch: its next life begins anew.
        return match asked.queue.producer_id().await {
            Ok(id) => answered((id, 0)),
            Err(error) => refused.with_error_code(code::of(&error)),
        };
    };
    let known = (request.producer_id.0 >= 0).then_some(request.producer_id.0);
    let known = known.map(|id| (id, request.producer_epoch));
    let timeout_ms = request.transaction_timeout_ms.into();
    match asked.queue.take_transactional(id, timeout_ms, known).await {
        Ok(producer) => answered(producer),
        Err(error) => refused.with_error_code(coded(&error, asked.version >= TELLS_FENCED)),
    }
}

fn answered(producer: Producer) -> InitProducerIdResponse {
    let answer = InitProducerIdResponse::default().with_producer_id(ProducerId(producer.0));
    answer.with_producer_epoch(producer.1)
}
