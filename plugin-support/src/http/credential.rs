//! The credentials of a request as errors and warnings name them, and when they expire.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_api::{CheckStep, Context, GatherError};
use http::header::{AUTHORIZATION, HeaderMap};
use serde_json::Value;

/// How many days before it expires a credential causes a warning.
const WARNING_DAYS: i64 = 30;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// A credential of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedCredential {
    /// A noun with its article, for messages: `the client certificate`.
    pub name: String,
    /// When it expires, if it says so.
    pub expiry: Option<Timestamp>,
}

impl UsedCredential {
    /// The name of a bearer token.
    pub const TOKEN: &str = "the token";

    /// The credential in the header `Authorization`: the password of a user, or a token.
    pub fn of_headers(headers: &HeaderMap) -> Option<Self> {
        let (scheme, text) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Some(Self { name: Self::TOKEN.to_owned(), expiry: jwt_expiry(text) });
        }
        let decoded = STANDARD.decode(text).ok();
        let decoded = decoded.as_deref().and_then(|text| std::str::from_utf8(text).ok());
        let user = decoded.and_then(|text| text.split_once(':')).map_or("", |(user, _)| user);
        let name = if user.is_empty() || user.chars().any(char::is_control) {
            "the password".to_owned()
        } else {
            format!("the password of the user {user}")
        };
        Some(Self { name, expiry: None })
    }

    /// Whether it has expired.
    pub fn has_expired(&self) -> bool {
        self.expiry.is_some_and(|expiry| expiry <= Timestamp::now())
    }

    /// Its name, and when it expires or expired.
    pub fn text(&self) -> String {
        let name = &self.name;
        match self.expiry {
            Some(expiry) if self.has_expired() => format!("{name}, which expired at {expiry}"),
            Some(expiry) => format!("{name}, which is valid until {expiry}"),
            None => name.clone(),
        }
    }

    /// The warning about a credential that was accepted, but expires within a month or has expired.
    pub fn expiry_warning(&self) -> Option<String> {
        let (name, expiry) = (&self.name, self.expiry?);
        if self.has_expired() {
            return Some(format!("{name} expired at {expiry}: replace it"));
        }
        let left = time_left(expiry);
        let is_soon = left.days < WARNING_DAYS;
        is_soon.then(|| format!("{name} expires in {left}, at {expiry}: replace it before"))
    }

    /// The step of a check about something that can expire, whose message names it: a warning if it expires within a
    /// month or has expired. The runner learns when it expires.
    pub fn accepted_step(&self, name: &str, message: &str, context: &Context) -> CheckStep {
        let Some(expiry) = self.expiry else { return CheckStep::ok(name, message) };
        context.expiry(&self.name, expiry);
        let credential = &self.name;
        if self.has_expired() {
            let message = format!("{message}; it expired at {expiry}");
            return CheckStep::warning(name, message, format!("replace {credential}"));
        }
        let left = time_left(expiry);
        let message = format!("{message}; it expires in {left}, at {expiry}");
        if left.days < WARNING_DAYS {
            return CheckStep::warning(name, message, format!("replace {credential} before"));
        }
        CheckStep::ok(name, message)
    }
}

/// The time until something expires, as a number of its largest unit.
struct TimeLeft {
    days: i64,
    seconds: i64,
}

fn time_left(expiry: Timestamp) -> TimeLeft {
    let seconds = expiry.as_second() - Timestamp::now().as_second();
    TimeLeft { days: seconds / DAY_SECONDS, seconds }
}

impl std::fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.days, self.seconds / 3600) {
            (days @ 2.., _) => write!(f, "{days} days"),
            (_, hours @ 2..) => write!(f, "{hours} hours"),
            _ => write!(f, "{} minutes", self.seconds / 60),
        }
    }
}

/// Adds to the error of status 401 which credentials the request had, and which of them has expired.
pub fn explain_unauthorized(mut error: GatherError, used: &[UsedCredential]) -> GatherError {
    if used.is_empty() {
        error.message += ": the request had no credentials";
        return error;
    }
    let names: Vec<_> = used.iter().map(UsedCredential::text).collect();
    error.message =
        format!("{}: the server does not accept {}", error.message, names.join(" and "));
    match used.iter().find(|credential| credential.has_expired()) {
        Some(expired) => {
            let hint = format!("replace {}: it has expired", expired.name);
            error.with_hint(hint)
        }
        None => error,
    }
}

/// The expiry (`exp`) of a JSON Web Token; `None` if it is not one or has no expiry. Its signature is not checked.
pub fn jwt_expiry(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let claims = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(claims), Some(_), None) => claims.trim_end_matches('='),
        _ => return None,
    };
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let expiry = claims.get("exp")?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let seconds = expiry.as_i64().or_else(|| Some(expiry.as_f64()? as i64))?;
    timestamp(seconds)
}

/// A point in time from seconds since 1970. Some issuers write "never" as a year outside the calendar.
pub(super) fn timestamp(seconds: i64) -> Option<Timestamp> {
    let seconds = seconds.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).ok()
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::ErrorKind;

    use super::*;

    fn in_seconds(seconds: i64) -> Timestamp {
        Timestamp::from_second(Timestamp::now().as_second() + seconds).expect("a valid time")
    }

    fn credential(seconds: Option<i64>) -> UsedCredential {
        UsedCredential { name: "the token".to_owned(), expiry: seconds.map(in_seconds) }
    }

    #[test]
    fn names_the_credential_in_a_header_without_showing_it() {
        let jwt = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"exp":1700000000}"#));
        for (header, name, expiry) in [
            ("Basic bWU6aHVudGVyMg==", "the password of the user me", None),
            ("basic Omh1bnRlcjI=", "the password", None),
            ("Basic hunter2", "the password", None),
            ("Bearer hunter2", "the token", None),
            (&format!("Bearer {jwt}"), "the token", Some(1_700_000_000)),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, header.parse().expect("valid"))]);
            let used = UsedCredential::of_headers(&headers).expect("a credential");
            assert_eq!((used.name.as_str(), used.expiry.map(Timestamp::as_second)), (name, expiry));
        }
        assert_eq!(UsedCredential::of_headers(&HeaderMap::new()), None);
    }

    #[test]
    fn warns_in_the_last_month() {
        let warning = |seconds| credential(seconds).expiry_warning().unwrap_or_default();
        assert_eq!(warning(None), "");
        assert_eq!(warning(Some(31 * DAY_SECONDS)), "");
        for (seconds, part) in [
            (29 * DAY_SECONDS + 60, "in 29 days"),
            (3 * 3600 + 60, "in 3 hours"),
            (600, " minutes"),
            (-5, "expired at"),
        ] {
            assert!(warning(Some(seconds)).contains(part), "{}", warning(Some(seconds)));
        }
    }

    #[test]
    fn a_401_names_the_credentials_and_the_one_that_expired() {
        let error = GatherError::new(ErrorKind::Authentication, "GET a: 401 Unauthorized")
            .with_hint("check the token");
        let explain = |used: &[UsedCredential]| explain_unauthorized(error.clone(), used);
        let (valid, expired) = (credential(Some(900)), credential(Some(-900)));
        assert!(explain(&[]).message.ends_with("the request had no credentials"));
        let explained = explain(std::slice::from_ref(&valid));
        assert!(explained.message.contains("which is valid until"), "{explained}");
        assert_eq!(explained.hint.as_deref(), Some("check the token"));
        let explained = explain(&[valid, expired]);
        assert!(explained.message.contains("which expired at"), "{explained}");
        assert_eq!(explained.hint.as_deref(), Some("replace the token: it has expired"));
    }
}
