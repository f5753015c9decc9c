//! Claims become a principal: who it is, in which namespace, and what of the configured scopes.

use serde_json::{Map, Value};

use super::JwtRefusal;
use crate::auth::{Kind, PATTERNS_MAX, Principal, Scopes};
use crate::namespace::NamespaceName;

/// Characters of a subject (OpenID Connect Core, 2).
const SUBJECT_LENGTH_MAX: usize = 255;
/// What the ID of every such principal begins with: none of this house's users has it.
pub(in crate::auth) const ID_PREFIX: &str = "jwt:";

/// What tokens of the issuer are given.
#[derive(Debug)]
pub(super) struct Grant {
    /// The most that any of them may do.
    pub(super) scopes: Scopes,
    pub(super) scope_claim: String,
    pub(super) namespace_claim: String,
}

impl Grant {
    /// The principal that the claims, once checked, stand for.
    ///
    /// # Errors
    /// [`JwtRefusal::Subject`], [`JwtRefusal::Scopes`], [`JwtRefusal::Namespace`].
    pub(super) fn principal(&self, claims: &Map<String, Value>) -> Result<Principal, JwtRefusal> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let length = subject.chars().count();
        if !(1..=SUBJECT_LENGTH_MAX).contains(&length) || subject.chars().any(char::is_control) {
            return Err(JwtRefusal::Subject);
        }
        let claimed = scopes(claims.get(&self.scope_claim))?;
        Ok(Principal {
            id: format!("{ID_PREFIX}{subject}"),
            kind: Kind::User,
            name: subject.to_owned(),
            namespace: namespace(claims.get(&self.namespace_claim))?,
            scopes: self.scopes.intersect(&claimed),
        })
    }
}

/// Words in one text, as RFC 8693 has them, or in a list. Those that are no scopes of ours, such
/// as `openid`, say nothing here.
fn scopes(claim: Option<&Value>) -> Result<Scopes, JwtRefusal> {
    let texts = match claim {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text.as_str()],
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.ok_or(JwtRefusal::Scopes)?
        }
        Some(_) => return Err(JwtRefusal::Scopes),
    };
    let words = texts.iter().flat_map(|text| text.split(' '));
    let ours: Vec<Scopes> = words.filter_map(|word| word.parse().ok()).collect();
    if ours.len() > PATTERNS_MAX {
        return Err(JwtRefusal::Scopes);
    }
    Ok(ours.iter().fold(Scopes::default(), |sum, one| sum.union(one)))
}

fn namespace(claim: Option<&Value>) -> Result<NamespaceName, JwtRefusal> {
    match claim {
        None => Ok(NamespaceName::default_name()),
        Some(Value::String(name)) => name.parse().map_err(|_| JwtRefusal::Namespace),
        Some(_) => Err(JwtRefusal::Namespace),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grant(scopes: &str, claims: &Value) -> Result<(String, String, String), JwtRefusal> {
        let grant = Grant {
            scopes: scopes.parse().unwrap(),
            scope_claim: "scope".to_owned(),
            namespace_claim: "namespace".to_owned(),
        };
        let made = grant.principal(claims.as_object().unwrap())?;
        Ok((made.id, made.namespace.to_string(), made.scopes.to_string()))
    }

    #[test]
    fn the_setting_bounds_what_is_claimed() {
        let claims = json!({ "sub": "ann", "scope": "openid shortener:read platform:admin" });
        let given = |scopes: &str| grant(scopes, &claims).unwrap().2;
        assert_eq!(given(""), "");
        assert_eq!(given("shortener:*"), "shortener:read");
        assert_eq!(given("queue:*"), "");
        let all = json!({ "sub": "ann", "scope": ["*"], "namespace": "team-7" });
        let expected = ("jwt:ann".to_owned(), "team-7".to_owned(), "*:read".to_owned());
        assert_eq!(grant("*:read", &all), Ok(expected));
    }

    #[test]
    fn without_claims_nothing_is_given() {
        let expected = ("jwt:ann".to_owned(), "default".to_owned(), String::new());
        assert_eq!(grant("*", &json!({ "sub": "ann" })), Ok(expected));
        for subject in [json!(""), json!(7), json!("a\nb"), json!("x".repeat(256))] {
            assert_eq!(grant("*", &json!({ "sub": subject })), Err(JwtRefusal::Subject));
        }
        for wrong in [json!(7), json!([7]), json!({})] {
            assert_eq!(grant("*", &json!({ "sub": "a", "scope": wrong })), Err(JwtRefusal::Scopes));
        }
        for wrong in [json!("../x"), json!(["a"]), json!(null)] {
            let claims = json!({ "sub": "a", "namespace": wrong });
            assert_eq!(grant("*", &claims), Err(JwtRefusal::Namespace));
        }
        let many: Vec<String> = (0..=PATTERNS_MAX).map(|n| format!("s{n}:read")).collect();
        let claims = json!({ "sub": "a", "scope": many });
        assert_eq!(grant("*", &claims), Err(JwtRefusal::Scopes));
    }
}
