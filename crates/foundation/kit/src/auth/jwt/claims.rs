//! What must hold of a token's claims (RFC 7519, 4.1): issuer, audience, expiry, beginning.

use std::time::Duration;

use serde_json::{Map, Value};

use super::JwtRefusal;
use crate::clock::Timestamp;

/// What the claims are held against.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) issuer: String,
    pub(super) audience: String,
    /// How far the issuer's clock may be from ours.
    pub(super) leeway: Duration,
}

impl Expected {
    /// Checks the claims at `now`, and tells from when on they no longer hold.
    ///
    /// # Errors
    /// The first check that failed.
    pub(super) fn check(
        &self,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<Timestamp, JwtRefusal> {
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer) {
            return Err(JwtRefusal::Issuer);
        }
        if !self.is_for_us(claims.get("aud")) {
            return Err(JwtRefusal::Audience);
        }
        let end = moment(claims, "exp")?.ok_or(JwtRefusal::NoExpiry)?.plus(self.leeway);
        if now >= end {
            return Err(JwtRefusal::Expired);
        }
        match moment(claims, "nbf")? {
            Some(begin) if now < begin.minus(self.leeway) => Err(JwtRefusal::NotYet),
            _ => Ok(end),
        }
    }

    /// One audience as a text, several as a list.
    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let is_ours = |value: &Value| value.as_str() == Some(&self.audience);
        match audience {
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        }
    }
}

/// A NumericDate: seconds since 1970, perhaps with a fraction. None when it is not there.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, JwtRefusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().ok_or(JwtRefusal::Form)?;
    // The cast saturates: what is beyond time itself is the end of time.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, see above")]
    let micros = (seconds * 1e6) as i64;
    Ok(Some(Timestamp::from_micros(micros)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW_S: i64 = 1_800_000_000;

    fn check(change: &[(&str, Value)]) -> Result<Timestamp, JwtRefusal> {
        let expected = Expected {
            issuer: "https://id.example".to_owned(),
            audience: "backplane".to_owned(),
            leeway: Duration::from_secs(60),
        };
        let mut claims = json!({ "iss": "https://id.example", "aud": "backplane", "exp": NOW_S });
        for (name, value) in change {
            claims[name] = value.clone();
        }
        let claims = claims.as_object().unwrap();
        expected.check(claims, Timestamp::from_micros(NOW_S * 1_000_000))
    }

    #[test]
    fn times_have_a_leeway_and_no_more() {
        let end = Timestamp::from_micros((NOW_S + 60) * 1_000_000);
        assert_eq!(check(&[]), Ok(end));
        assert_eq!(check(&[("exp", json!(NOW_S - 59))]), Ok(end.minus(Duration::from_secs(59))));
        assert_eq!(check(&[("exp", json!(NOW_S - 60))]), Err(JwtRefusal::Expired));
        assert_eq!(check(&[("exp", json!(NOW_S as f64 - 59.5))]).err(), None);
        assert_eq!(check(&[("nbf", json!(NOW_S + 60))]), Ok(end));
        assert_eq!(check(&[("nbf", json!(NOW_S + 61))]), Err(JwtRefusal::NotYet));
        assert_eq!(check(&[("exp", json!(1e300))]).unwrap().micros(), i64::MAX);
        assert_eq!(check(&[("exp", json!(-1e300))]), Err(JwtRefusal::Expired));
    }

    #[test]
    fn a_claim_of_another_type_is_never_taken_for_absent() {
        for wrong in [json!("1800000000"), json!(null), json!([NOW_S])] {
            assert_eq!(check(&[("exp", wrong.clone())]), Err(JwtRefusal::Form));
            assert_eq!(check(&[("nbf", wrong.clone())]), Err(JwtRefusal::Form));
            assert_eq!(check(&[("iss", wrong.clone())]), Err(JwtRefusal::Issuer));
            assert_eq!(check(&[("aud", wrong)]), Err(JwtRefusal::Audience));
        }
    }

    #[test]
    fn one_of_several_audiences_is_ours() {
        assert!(check(&[("aud", json!(["other", "backplane"]))]).is_ok());
        assert_eq!(check(&[("aud", json!(["other", 7]))]), Err(JwtRefusal::Audience));
        assert_eq!(check(&[("aud", json!([]))]), Err(JwtRefusal::Audience));
        assert_eq!(check(&[("iss", json!("https://id.example/"))]), Err(JwtRefusal::Issuer));
    }
}
