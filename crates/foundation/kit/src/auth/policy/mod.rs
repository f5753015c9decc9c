//! Decisions by attributes (ABAC): of who asks, of what they ask about, and of the moment.
//!
//! Scopes say what a caller may do at all; a policy narrows that down to cases. Its text has one
//! rule a line:
//!
//! ```
//! # use kit::auth::policy::{Policy, Request};
//! # use kit::auth::Principal;
//! # use kit::clock::Timestamp;
//! let policy: Policy = "
//!     ## Owners, while someone is there to help.
//!     allow docs:write when resource.owner = subject.id and time in Mon-Fri 09:00-17:00 +01:00
//!     allow docs:read
//!     deny * when resource.state = 'sealed'
//! ".parse().unwrap();
//! let (house, now) = (Principal::house(), Timestamp::from_micros(0));
//! let resource = [("owner", "house"), ("state", "open")];
//! let asked = Request { resource: &resource, ..Request::new(&house, "docs:write", now) };
//! assert!(!policy.decide(&asked).is_allowed, "one in the night, in Paris");
//! ```
//!
//! Invariants:
//! - What no rule allows is denied, and one rule that denies outweighs all that allow.
//! - An attribute that is not there allows nothing: a rule to allow does not apply then, and a
//!   rule to deny does.
//!
//! Pure: the moment and the attributes come in, a decision with its reason goes out. A decision
//! costs a few comparisons a rule, and no rule is more than [`CONDITIONS_MAX`] of them.

mod condition;
mod hours;
mod read;

use super::{AuthError, Kind, Principal, Scopes};
use crate::clock::Timestamp;
use condition::{Condition, Truth};
pub use read::{BadPolicy, BadRule};

/// Rules of one policy.
pub const RULES_MAX: usize = 256;
/// Conditions of one rule.
pub const CONDITIONS_MAX: usize = 16;

/// Rules, in the order of their lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(Vec<Rule>);

/// One line of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// Counted from 1, to be named in reasons.
    line: usize,
    allows: bool,
    actions: Scopes,
    /// All of them must hold.
    conditions: Vec<Condition>,
}

/// What is to be decided.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// Who asks; the attributes `subject.id`, `kind`, `name` and `namespace`.
    pub subject: &'r Principal,
    /// What they want to do, as `system:action`.
    pub action: &'r str,
    /// The attributes `resource.NAME`.
    pub resource: &'r [(&'r str, &'r str)],
    /// The attributes `environment.NAME`, such as an address.
    pub environment: &'r [(&'r str, &'r str)],
    /// When they ask.
    pub now: Timestamp,
}

/// What was decided, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the caller may.
    pub is_allowed: bool,
    /// For people: which rule, or that there is none.
    pub reason: String,
}

impl<'r> Request<'r> {
    /// A request without attributes of a resource or the environment.
    pub fn new(subject: &'r Principal, action: &'r str, now: Timestamp) -> Self {
        Self { subject, action, resource: &[], environment: &[], now }
    }
}

impl Policy {
    /// Whether `request` is allowed, by the caller's scopes and by these rules.
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let decided = |is_allowed, reason| Decision { is_allowed, reason };
        if !request.subject.may(request.action) {
            return decided(false, format!("the scope {}", request.action));
        }
        let about = || self.0.iter().filter(|rule| rule.actions.allows(request.action));
        if let Some(rule) = about().find(|rule| !rule.allows && rule.holds(request) != Truth::No) {
            return decided(false, format!("line {} of the policy denies it", rule.line));
        }
        match about().find(|rule| rule.allows && rule.holds(request) == Truth::Yes) {
            Some(rule) => decided(true, format!("line {} of the policy allows it", rule.line)),
            None => decided(false, "no line of the policy allows it".to_owned()),
        }
    }

    /// Refuses what is not allowed.
    ///
    /// # Errors
    /// [`AuthError::Missing`] (401) for the anonymous, [`AuthError::Forbidden`] (403) with the
    /// reason for others.
    pub fn require(&self, request: &Request<'_>) -> Result<(), AuthError> {
        let decision = self.decide(request);
        match request.subject.kind {
            _ if decision.is_allowed => Ok(()),
            Kind::Anonymous => Err(AuthError::Missing),
            _ => Err(AuthError::Forbidden(format!("another rule: {}", decision.reason))),
        }
    }
}

impl Rule {
    fn holds(&self, request: &Request<'_>) -> Truth {
        self.conditions.iter().map(|one| one.holds(request)).min().unwrap_or(Truth::Yes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Principal;

    const POLICY: &str = "
        allow docs:write when resource.owner = subject.id and time in Mon-Fri 09:00-17:00 +01:00
        allow docs:read
        deny docs:* when resource.state = 'sealed'
    ";

    fn user(id: &str, scopes: &str) -> Principal {
        let scopes = scopes.parse().unwrap();
        Principal { id: id.to_owned(), kind: Kind::User, scopes, ..Principal::anonymous() }
    }

    fn decide(subject: &Principal, action: &str, owner: &str, now: &str) -> bool {
        let policy: Policy = POLICY.parse().unwrap();
        let resource = [("owner", owner), ("state", "open")];
        let now = Timestamp::parse(now).unwrap();
        let request = Request { resource: &resource, ..Request::new(subject, action, now) };
        policy.decide(&request).is_allowed
    }

    #[test]
    fn owners_write_in_office_hours() {
        let ann = user("user:ann", "docs:*");
        // A Tuesday; the rule's hours are those of UTC+1.
        assert!(decide(&ann, "docs:write", "user:ann", "2026-11-24T08:00:00Z"));
        assert!(!decide(&ann, "docs:write", "user:ann", "2026-11-24T07:59:59Z"));
        assert!(!decide(&ann, "docs:write", "user:ann", "2026-11-24T16:00:00Z"));
        assert!(!decide(&ann, "docs:write", "user:bob", "2026-11-24T08:00:00Z"));
        assert!(!decide(&ann, "docs:write", "user:ann", "2026-11-22T08:00:00Z"), "a Sunday");
        assert!(decide(&ann, "docs:read", "user:bob", "2026-11-22T03:00:00Z"));
    }

    #[test]
    fn what_no_rule_allows_is_denied() {
        let (ann, now) = (user("user:ann", "*"), "2026-11-24T08:00:00Z");
        assert!(!decide(&ann, "docs:remove", "user:ann", now));
        let request = Request::new(&ann, "docs:remove", Timestamp::from_micros(0));
        assert!(!Policy::default().decide(&request).is_allowed);
        assert!(!decide(&user("user:ann", "docs:read"), "docs:write", "user:ann", now));
    }

    #[test]
    fn a_rule_that_denies_outweighs_and_needs_no_proof() {
        let policy: Policy = POLICY.parse().unwrap();
        let ann = user("user:ann", "docs:*");
        let decide = |resource: &[(&str, &str)]| {
            let request = Request::new(&ann, "docs:read", Timestamp::from_micros(0));
            policy.decide(&Request { resource, ..request })
        };
        assert!(decide(&[("state", "open")]).is_allowed);
        assert_eq!(decide(&[("state", "sealed")]).reason, "line 4 of the policy denies it");
        assert!(!decide(&[]).is_allowed, "whether it is sealed is not known");
    }

    #[test]
    fn a_refusal_asks_the_anonymous_for_a_credential() {
        let policy: Policy = POLICY.parse().unwrap();
        let now = Timestamp::from_micros(0);
        let anonymous = Principal::anonymous();
        let refused = policy.require(&Request::new(&anonymous, "docs:read", now));
        assert!(matches!(refused, Err(AuthError::Missing)));
        let reader = user("user:ann", "docs:read");
        let refused = policy.require(&Request::new(&reader, "docs:write", now)).unwrap_err();
        assert_eq!(refused.status(), 403);
        assert!(refused.to_string().contains("docs:write"), "{refused}");
    }
}
