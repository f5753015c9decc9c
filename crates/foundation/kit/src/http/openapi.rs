//! One OpenAPI document from those of the systems, each under its own prefix.

use utoipa::PartialSchema;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr,
    ResponseBuilder,
};

use super::Problem;
use super::problem::PROBLEM_JSON;

/// The security scheme that operations name for a bearer token.
pub const BEARER: &str = "bearer";
/// The response and schema of every error.
pub const PROBLEM: &str = "Problem";

/// A system's document and the prefix that its paths go under; empty where they are whole.
#[derive(Clone)]
pub struct Part {
    prefix: String,
    document: OpenApi,
}

impl From<OpenApi> for Part {
    fn from(document: OpenApi) -> Self {
        Self { prefix: String::new(), document }
    }
}

impl<P: Into<String>> From<(P, OpenApi)> for Part {
    fn from((prefix, document): (P, OpenApi)) -> Self {
        Self { prefix: prefix.into(), document }
    }
}

/// Puts the parts together, with the schemas and security that all of them share. An operation
/// that says nothing of errors gets the problem document as its `default` response.
///
/// Two schemas of one name must be one schema, for the first of them stands for both.
pub fn document<P: Into<Part>>(
    title: &str,
    version: &str,
    parts: impl IntoIterator<Item = P>,
) -> OpenApi {
    let info = InfoBuilder::new().title(title).version(version).build();
    let mut whole = OpenApiBuilder::new().info(info).components(Some(shared())).build();
    for part in parts.into_iter().map(Into::into) {
        whole = whole.nest(part.prefix, part.document);
    }
    describe_errors(&mut whole.paths);
    whole
}

fn shared() -> Components {
    let schema = Ref::from_schema_name(PROBLEM);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description("A problem document (RFC 9457): `type` is stable, `detail` says what to do")
        .content(PROBLEM_JSON, content)
        .build();
    let mut shared = Components::new();
    shared.schemas.insert(PROBLEM.into(), Problem::schema());
    shared.responses.insert(PROBLEM.into(), response.into());
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    shared.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    shared
}

fn describe_errors(paths: &mut Paths) {
    for operation in paths.paths.values_mut().flat_map(operations) {
        let problem = RefOr::Ref(Ref::from_response_name(PROBLEM));
        operation.responses.responses.entry("default".into()).or_insert(problem);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::HttpMethod;
    use utoipa::openapi::path::OperationBuilder;

    use super::*;

    fn part(path: &str) -> OpenApi {
        let operation = OperationBuilder::new().operation_id(Some("list")).build();
        let mut part = OpenApi::default();
        part.paths.add_path_operation(path, vec![HttpMethod::Get], operation);
        part
    }

    #[test]
    fn parts_go_under_their_prefix_and_errors_are_described() {
        let whole = document("Backplane", "1.2.3", [("/shortener", part("/links"))]);
        let json = serde_json::to_value(&whole).unwrap();
        let listed = &json["paths"]["/shortener/links"]["get"];
        assert_eq!(listed["responses"]["default"]["$ref"], "#/components/responses/Problem");
        assert_eq!(json["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        let members = &json["components"]["schemas"]["Problem"]["properties"];
        assert_eq!(members["type"]["type"], "string", "{members}");
        assert_eq!(members["status"]["minimum"], 400);
        assert_eq!(json["info"]["version"], "1.2.3");
    }

    #[test]
    fn a_part_that_is_whole_stays_as_it_is() {
        let whole = document("Backplane", "1", [part("/health")]);
        assert!(whole.paths.paths.contains_key("/health"));
    }
}
