//! Members of groups come, agree, stay and go; operators look at them.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest,
    DescribeGroupsResponse, FindCoordinatorRequest, FindCoordinatorResponse, GroupId,
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, ListGroupsRequest, ListGroupsResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::call::Asked;
use super::{NODE, code};
use crate::group::{GroupView, Identity, InstanceId, Join, Joined, MemberId, Sync};
use crate::service::READ;

/// Versions from which on requests are read otherwise.
const SEVERAL_COORDINATORS: i16 = 4;
const REQUIRES_KNOWN_ID: i16 = 4;
const SEVERAL_LEAVE: i16 = 3;
const SKIPS_ASSIGNMENT: i16 = 9;
const UNKNOWN_IS_AN_ERROR: i16 = 6;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// A member as requests name it.
pub(super) fn identity(member_id: &StrBytes, instance_id: Option<&StrBytes>) -> Identity {
    let instance_id = instance_id.map(|id| InstanceId::from(id.as_str()));
    Identity { member_id: MemberId::from(member_id.as_str()), instance_id }
}

/// Answers `FindCoordinator`: it is always the one broker.
pub(super) async fn find_coordinator(
    asked: Asked<FindCoordinatorRequest>,
) -> FindCoordinatorResponse {
    let (host, port) = (text(&asked.site.host), i32::from(asked.site.port));
    if asked.version < SEVERAL_COORDINATORS {
        let answer = FindCoordinatorResponse::default().with_node_id(BrokerId(NODE));
        return answer.with_host(host).with_port(port);
    }
    let coordinators = asked.request.coordinator_keys.iter().map(|key| {
        let coordinator = Coordinator::default().with_key(key.clone());
        coordinator.with_node_id(BrokerId(NODE)).with_host(host.clone()).with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}

/// Answers `JoinGroup`.
pub(super) async fn join(asked: Asked<JoinGroupRequest>) -> JoinGroupResponse {
    let request = &asked.request;
    let refused = |error: ResponseError| {
        let answer = JoinGroupResponse::default().with_error_code(error.code());
        answer.with_generation_id(-1).with_member_id(request.member_id.clone())
    };
    if !asked.queue.may(&asked.principal, READ) {
        return refused(ResponseError::GroupAuthorizationFailed);
    }
    if request.group_id.is_empty() {
        return refused(ResponseError::InvalidGroupId);
    }
    let of_protocol =
        |protocol: &kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol| {
            (protocol.name.to_string(), protocol.metadata.clone())
        };
    let session_timeout_ms = u32::try_from(request.session_timeout_ms).unwrap_or(0);
    let is_static = request.group_instance_id.is_some();
    let join = Join {
        identity: identity(&request.member_id, request.group_instance_id.as_ref()),
        client_id: asked.client.id.clone(),
        client_host: asked.client.host.clone(),
        session_timeout_ms,
        // Before version 1 there was one time for both.
        rebalance_timeout_ms: match asked.version {
            0 => session_timeout_ms,
            _ => u32::try_from(request.rebalance_timeout_ms).unwrap_or(session_timeout_ms),
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: request.protocols.iter().map(of_protocol).collect(),
        requires_known_id: asked.version >= REQUIRES_KNOWN_ID && !is_static,
        can_skip_assignment: asked.version >= SKIPS_ASSIGNMENT,
        new_id_suffix: asked.queue.member_suffix(),
    };
    match asked.queue.join_group(&request.group_id, join).await {
        Ok(joined) => answered(joined, asked.version),
        Err(refusal) => {
            let answer =
                JoinGroupResponse::default().with_error_code(code::of_group(refusal.error));
            answer.with_generation_id(-1).with_member_id(text(refusal.member_id.as_str()))
        }
    }
}

fn answered(joined: Joined, version: i16) -> JoinGroupResponse {
    let members = joined.members.iter().map(|member| {
        let instance_id = member.instance_id.as_ref().map(|id| text(id.as_str()));
        JoinGroupResponseMember::default()
            .with_member_id(text(member.member_id.as_str()))
            .with_group_instance_id(instance_id)
            .with_metadata(member.metadata.clone())
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(Some(text(&joined.protocol_type)))
        .with_protocol_name(Some(text(&joined.protocol)))
        .with_leader(text(joined.leader.as_str()))
        .with_skip_assignment(joined.skip_assignment && version >= SKIPS_ASSIGNMENT)
        .with_member_id(text(joined.member_id.as_str()))
        .with_members(members.collect())
}

/// Answers `SyncGroup`.
pub(super) async fn sync(asked: Asked<SyncGroupRequest>) -> SyncGroupResponse {
    let request = &asked.request;
    if !asked.queue.may(&asked.principal, READ) {
        let code = ResponseError::GroupAuthorizationFailed.code();
        return SyncGroupResponse::default().with_error_code(code);
    }
    let assignments = request.assignments.iter().map(|assignment| {
        (MemberId::from(assignment.member_id.as_str()), assignment.assignment.clone())
    });
    let sync = Sync {
        identity: identity(&request.member_id, request.group_instance_id.as_ref()),
        generation: request.generation_id,
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments.collect(),
    };
    match asked.queue.sync_group(&request.group_id, sync).await {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(Some(text(&synced.protocol_type)))
            .with_protocol_name(Some(text(&synced.protocol)))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(code::of_group(error)),
    }
}

/// Answers `Heartbeat`.
pub(super) async fn heartbeat(asked: Asked<HeartbeatRequest>) -> HeartbeatResponse {
    let request = &asked.request;
    let identity = identity(&request.member_id, request.group_instance_id.as_ref());
    let heard = asked.queue.heartbeat(&request.group_id, &identity, request.generation_id);
    HeartbeatResponse::default().with_error_code(heard.map_or_else(code::of_group, |()| 0))
}

/// Answers `LeaveGroup`.
pub(super) async fn leave(asked: Asked<LeaveGroupRequest>) -> LeaveGroupResponse {
    let request = &asked.request;
    let code = |result: &Result<(), _>| result.err().map_or(0, code::of_group);
    if asked.version < SEVERAL_LEAVE {
        let one = [identity(&request.member_id, None)];
        let results = asked.queue.leave_group(&request.group_id, &one);
        return LeaveGroupResponse::default().with_error_code(results.first().map_or(0, code));
    }
    let leaving: Vec<_> = request
        .members
        .iter()
        .map(|member| identity(&member.member_id, member.group_instance_id.as_ref()))
        .collect();
    let results = asked.queue.leave_group(&request.group_id, &leaving);
    let members = request.members.iter().zip(&results).map(|(member, result)| {
        MemberResponse::default()
            .with_member_id(member.member_id.clone())
            .with_group_instance_id(member.group_instance_id.clone())
            .with_error_code(code(result))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

/// Answers `ListGroups`.
pub(super) async fn list(asked: Asked<ListGroupsRequest>) -> ListGroupsResponse {
    if !asked.queue.may(&asked.principal, READ) {
        let code = ResponseError::ClusterAuthorizationFailed.code();
        return ListGroupsResponse::default().with_error_code(code);
    }
    let (states, types) = (&asked.request.states_filter, &asked.request.types_filter);
    let is_wanted = |wanted: &Vec<StrBytes>, name: &str| {
        wanted.is_empty() || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let groups = asked.queue.group_names().into_iter().filter_map(|name| {
        let view = asked.queue.group(&name)?;
        let state = view.state.name();
        let listed = ListedGroup::default()
            .with_group_id(GroupId(StrBytes::from_string(name)))
            .with_protocol_type(text(&view.protocol_type))
            .with_group_state(StrBytes::from_static_str(state))
            .with_group_type(StrBytes::from_static_str("classic"));
        (is_wanted(states, state) && is_wanted(types, "classic")).then_some(listed)
    });
    ListGroupsResponse::default().with_groups(groups.collect())
}

/// Answers `DescribeGroups`.
pub(super) async fn describe(asked: Asked<DescribeGroupsRequest>) -> DescribeGroupsResponse {
    let may_read = asked.queue.may(&asked.principal, READ);
    let groups = asked.request.groups.iter().map(|name| {
        let answer = DescribedGroup::default().with_group_id(name.clone());
        if !may_read {
            return answer.with_error_code(ResponseError::GroupAuthorizationFailed.code());
        }
        match asked.queue.group(name) {
            Some(view) => described(answer, &view),
            None if asked.version >= UNKNOWN_IS_AN_ERROR => {
                let answer = answer.with_group_state(StrBytes::from_static_str("Dead"));
                answer.with_error_code(ResponseError::GroupIdNotFound.code())
            }
            None => answer.with_group_state(StrBytes::from_static_str("Dead")),
        }
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn described(answer: DescribedGroup, view: &GroupView) -> DescribedGroup {
    let members = view.members.iter().map(|member| {
        let instance_id = member.instance_id.as_ref().map(|id| text(id.as_str()));
        DescribedGroupMember::default()
            .with_member_id(text(member.member_id.as_str()))
            .with_group_instance_id(instance_id)
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&format!("/{}", member.client_host)))
            .with_member_metadata(member.metadata.clone())
            .with_member_assignment(member.assignment.clone())
    });
    answer
        .with_group_state(StrBytes::from_static_str(view.state.name()))
        .with_protocol_type(text(&view.protocol_type))
        .with_protocol_data(text(&view.protocol))
        .with_members(members.collect())
}

/// Answers `DeleteGroups`.
pub(super) async fn delete(asked: Asked<DeleteGroupsRequest>) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(asked.request.groups_names.len());
    for name in &asked.request.groups_names {
        let answer = DeletableGroupResult::default().with_group_id(name.clone());
        let code = match asked.queue.may(&asked.principal, READ) {
            true => code::of_result(&asked.queue.delete_group(name).await),
            false => ResponseError::GroupAuthorizationFailed.code(),
        };
        results.push(answer.with_error_code(code));
    }
    DeleteGroupsResponse::default().with_results(results)
}
