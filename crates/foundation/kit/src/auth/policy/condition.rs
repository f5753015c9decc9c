//! One condition of a rule: two values that are the same or not, or an hour of the week.

use super::Request;
use super::hours::Hours;
use crate::auth::Kind;

/// Whether a condition holds; unknown when an attribute is not there. The least of several is that
/// of all of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    Unknown,
    Yes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Same { attribute: Attribute, operand: Operand, is_wanted: bool },
    Within(Hours),
}

/// Whose attribute, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) of: Of,
    pub(super) name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Subject,
    Resource,
    Environment,
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    Attribute(Attribute),
    Text(String),
}

impl Condition {
    pub(super) fn holds(&self, request: &Request<'_>) -> Truth {
        let known = match self {
            Self::Within(hours) => Some(hours.hold(request.now)),
            Self::Same { attribute, operand, is_wanted } => {
                let other = match operand {
                    Operand::Attribute(attribute) => attribute.value(request),
                    Operand::Text(text) => Some(text.as_str()),
                };
                let both = attribute.value(request).zip(other);
                both.map(|(one, other)| (one == other) == *is_wanted)
            }
        };
        match known {
            Some(true) => Truth::Yes,
            Some(false) => Truth::No,
            None => Truth::Unknown,
        }
    }
}

impl Attribute {
    /// Of a name that came twice there is no telling which one is meant: it is not there.
    fn value<'r>(&self, request: &Request<'r>) -> Option<&'r str> {
        let pairs = match self.of {
            Of::Subject => return subject(request, &self.name),
            Of::Resource => request.resource,
            Of::Environment => request.environment,
        };
        let mut found = pairs.iter().filter(|(name, _)| *name == self.name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            _ => None,
        }
    }
}

fn subject<'r>(request: &Request<'r>, name: &str) -> Option<&'r str> {
    let subject = request.subject;
    match name {
        "id" => Some(&subject.id),
        "name" => Some(&subject.name),
        "namespace" => Some(subject.namespace.as_str()),
        "kind" => Some(match subject.kind {
            Kind::User => "user",
            Kind::Service => "service",
            Kind::Operator => "operator",
            Kind::Anonymous => "anonymous",
        }),
        _ => None,
    }
}
