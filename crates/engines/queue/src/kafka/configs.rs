//! Settings of topics, and what can be told of the broker's.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::alter_configs_response as replaced;
use kafka_protocol::messages::create_topics_response::CreatableTopicConfigs;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::call::Asked;
use super::{NODE, code};
use crate::service::{ADMINISTER, READ};
use crate::topic::{Alter, Config, Kind, SETTINGS, Setting};

/// Kinds of resources.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;
/// Where a value is from: set for the topic, or nowhere.
const FROM_TOPIC: i8 = 1;
const FROM_FILE: i8 = 4;
const FROM_DEFAULT: i8 = 5;

fn source(config: &Config, setting: &Setting) -> i8 {
    if config.is_set(setting.name) { FROM_TOPIC } else { FROM_DEFAULT }
}

fn value(config: &Config, setting: &Setting) -> StrBytes {
    StrBytes::from_string(config.text(setting).to_owned())
}

/// A new topic's settings.
pub(super) fn created(config: &Config) -> Vec<CreatableTopicConfigs> {
    let all = SETTINGS.iter().map(|setting| {
        CreatableTopicConfigs::default()
            .with_name(StrBytes::from_static_str(setting.name))
            .with_value(Some(value(config, setting)))
            .with_config_source(source(config, setting))
    });
    all.collect()
}

/// Answers `DescribeConfigs`.
pub(super) async fn describe(asked: Asked<DescribeConfigsRequest>) -> DescribeConfigsResponse {
    let results = asked.request.resources.iter().map(|resource| {
        let answer = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match described(&asked, resource) {
            Ok(configs) => answer.with_configs(configs),
            Err(error) => answer.with_error_code(error.code()),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn described(
    asked: &Asked<DescribeConfigsRequest>,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, ResponseError> {
    if !asked.queue.may(&asked.principal, READ) {
        return Err(ResponseError::TopicAuthorizationFailed);
    }
    match resource.resource_type {
        TOPIC => {
            let topic = asked.queue.topic(&resource.resource_name);
            let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
            let is_wanted = |setting: &&Setting| match &resource.configuration_keys {
                Some(keys) => keys.iter().any(|key| **key == *setting.name),
                None => true,
            };
            let wanted = SETTINGS.iter().filter(is_wanted);
            Ok(wanted.map(|setting| entry(asked, &topic.config, setting)).collect())
        }
        BROKER if *resource.resource_name == *NODE.to_string() => Ok(of_broker(asked)),
        _ => Err(ResponseError::InvalidRequest),
    }
}

/// What of the house's settings clients look at. They are changed in its file.
fn of_broker(asked: &Asked<DescribeConfigsRequest>) -> Vec<DescribeConfigsResourceResult> {
    let options = asked.queue.options();
    let default = Config::default();
    let retention_ms = default.retention_ms().unwrap_or(-1);
    let all = [
        ("auto.create.topics.enable", options.auto_create.to_string()),
        ("default.replication.factor", "1".to_owned()),
        ("log.retention.ms", retention_ms.to_string()),
        ("message.max.bytes", default.message_bytes_max().to_string()),
        ("num.partitions", options.partitions_default.to_string()),
    ];
    let entry = |(name, value): (&'static str, String)| {
        DescribeConfigsResourceResult::default()
            .with_name(StrBytes::from_static_str(name))
            .with_value(Some(StrBytes::from_string(value)))
            .with_read_only(true)
            .with_config_source(FROM_FILE)
    };
    all.into_iter().map(entry).collect()
}

fn entry(
    asked: &Asked<DescribeConfigsRequest>,
    config: &Config,
    setting: &Setting,
) -> DescribeConfigsResourceResult {
    let kind = match setting.kind {
        Kind::Number(..) => 5,
        Kind::Word(_) => 2,
        Kind::Words(_) => 7,
    };
    let is_told = asked.request.include_documentation;
    let documentation = is_told.then(|| StrBytes::from_static_str(setting.what));
    DescribeConfigsResourceResult::default()
        .with_name(StrBytes::from_static_str(setting.name))
        .with_value(Some(value(config, setting)))
        .with_config_source(source(config, setting))
        .with_config_type(kind)
        .with_documentation(documentation)
}

/// Answers `IncrementalAlterConfigs`.
pub(super) async fn alter(
    asked: Asked<IncrementalAlterConfigsRequest>,
) -> IncrementalAlterConfigsResponse {
    let mut responses = Vec::with_capacity(asked.request.resources.len());
    for resource in &asked.request.resources {
        let changes = resource.configs.iter().map(|config| {
            let value = config.value.clone().unwrap_or_default().to_string();
            let alter = match config.config_operation {
                0 => Alter::Set(value),
                1 => Alter::Delete,
                2 => Alter::Append(value),
                _ => Alter::Subtract(value),
            };
            (config.name.to_string(), alter)
        });
        let (kind, name) = (resource.resource_type, &resource.resource_name);
        let changes = Changes { kind, name, changes: changes.collect() };
        let (code, message) = changed(&asked, changes, asked.request.validate_only).await;
        let answer = AlterConfigsResourceResponse::default().with_resource_type(kind);
        let answer = answer.with_resource_name(name.clone()).with_error_code(code);
        responses.push(answer.with_error_message(message));
    }
    IncrementalAlterConfigsResponse::default().with_responses(responses)
}

/// Answers `AlterConfigs`: what is not named is as by default from now on.
pub(super) async fn replace(asked: Asked<AlterConfigsRequest>) -> AlterConfigsResponse {
    let mut responses = Vec::with_capacity(asked.request.resources.len());
    for resource in &asked.request.resources {
        let defaults = SETTINGS.iter().map(|setting| (setting.name.to_owned(), Alter::Delete));
        let named = resource.configs.iter().map(|config| {
            let value = config.value.clone().unwrap_or_default().to_string();
            (config.name.to_string(), Alter::Set(value))
        });
        let (kind, name) = (resource.resource_type, &resource.resource_name);
        let changes = Changes { kind, name, changes: defaults.chain(named).collect() };
        let (code, message) = changed(&asked, changes, asked.request.validate_only).await;
        let answer = replaced::AlterConfigsResourceResponse::default().with_resource_type(kind);
        let answer = answer.with_resource_name(name.clone()).with_error_code(code);
        responses.push(answer.with_error_message(message));
    }
    AlterConfigsResponse::default().with_responses(responses)
}

/// What is to be changed of a resource.
struct Changes<'r> {
    kind: i8,
    name: &'r StrBytes,
    changes: Vec<(String, Alter)>,
}

/// Changes the settings of a topic; gives an error's number and text, or 0 and none.
async fn changed<Q>(
    asked: &Asked<Q>,
    wanted: Changes<'_>,
    is_trial: bool,
) -> (i16, Option<StrBytes>) {
    if !asked.queue.may(&asked.principal, ADMINISTER) {
        return (ResponseError::TopicAuthorizationFailed.code(), None);
    }
    if wanted.kind != TOPIC {
        return (ResponseError::InvalidRequest.code(), None);
    }
    match asked.queue.configure_topic(wanted.name, &wanted.changes, is_trial).await {
        Ok(()) => (0, None),
        Err(error) => (code::of(&error), Some(StrBytes::from_string(error.to_string()))),
    }
}
