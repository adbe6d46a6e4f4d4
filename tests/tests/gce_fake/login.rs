//! The endpoint that issues tokens, and what a bearer may do.

use gatherer_plugin_support::testing::Action;
use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::{Value, json};

use crate::asked::{
    ALL, Asked, GRANT_TYPE, HOST, answer_of, assertion, claims, encoded, form, token_request,
};

#[test]
fn refuses_assertions_that_google_refuses() {
    let fake = GceFake::new(GceInventory::sample());
    let clock = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
        timeframe. Check your iat and exp values in the JWT claim.";
    let changed = |name: &str, value: Value| {
        let mut claims = claims(&fake, 0);
        claims[name] = value;
        assertion(&claims)
    };
    let good = assertion(&claims(&fake, 0));
    let of_other_claims = assertion(&claims(&fake, -60));
    let (signed, signature) = good.rsplit_once('.').expect("three parts");
    let (_, other) = of_other_claims.rsplit_once('.').expect("three parts");
    let exp = claims(&fake, 0)["iat"].as_i64().expect("a number") + 3601;
    let cases = [
        (good.clone(), ""),
        (changed("aud", json!("https://oauth2.googleapis.com/token")), ""),
        (changed("aud", json!("https://oauth2.example.com/token")), "Failed audience check."),
        (changed("iss", json!("another@example.com")), "Invalid grant: account not found"),
        (changed("sub", json!("user@example.com")), "Client is unauthorized"),
        (changed("scope", json!("")), "Invalid OAuth scope"),
        (changed("exp", json!(exp)), clock),
        (assertion(&claims(&fake, -7_200)), clock),
        (assertion(&claims(&fake, 7_200)), clock),
        (changed("iat", json!("now")), clock),
        (format!("{signed}.{other}"), "Invalid JWT Signature."),
        (good.replace('.', "x"), "Bad Request"),
        (format!("x{signed}.{signature}"), "Bad Request"),
    ];
    for (assertion, expected) in cases {
        let (status, answer) = answer_of(&fake.answer(&token_request(&assertion)));
        if expected.is_empty() {
            assert_eq!(status, 200, "{answer}");
            continue;
        }
        assert_eq!(status, 400, "{expected}: {answer}");
        let description = answer["error_description"].as_str().expect("a description");
        assert!(description.contains(expected), "{expected}: {description}");
    }
    let good = encoded(&good);
    let forms = [
        (format!("grant_type=password&assertion={good}"), "unsupported_grant_type"),
        (format!("assertion={good}"), "invalid_request"),
        (format!("grant_type={GRANT_TYPE}"), "invalid_request"),
    ];
    for (body, error) in forms {
        assert_eq!(answer_of(&fake.answer(&form(&body))).1["error"], error, "{body}");
    }
}

#[test]
fn refuses_a_key_or_an_account_that_was_deleted() {
    let cases = [
        (GceFault::KeyDeleted, "Invalid JWT Signature."),
        (GceFault::AccountDeleted, "Invalid grant: account not found"),
    ];
    for (fault, expected) in cases {
        let fake = GceFake::new(GceInventory::sample()).with(fault);
        let request = token_request(&assertion(&claims(&fake, 0)));
        let (status, answer) = answer_of(&fake.answer(&request));
        assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
        assert_eq!(answer["error_description"], expected);
    }
}

#[test]
fn a_clock_that_differs_is_an_invalid_grant_with_the_time_of_the_service() {
    let mut fake = GceFake::new(GceInventory::sample());
    fake.clock_ahead = 86_400;
    let answer = fake.answer(&token_request(&assertion(&claims(&fake, 0))));
    assert_eq!(answer_of(&answer).1["error"], "invalid_grant");
    let Action::Answer { headers, .. } = answer else { panic!("not an answer") };
    let (_, date) = headers.iter().find(|(name, _)| name == "date").expect("a date");
    let date = httpdate::parse_http_date(date).expect("an HTTP date");
    let ahead = date.duration_since(std::time::SystemTime::now()).expect("a later time");
    assert!((86_000..87_000).contains(&ahead.as_secs()), "{ahead:?}");
    let request = token_request(&assertion(&claims(&fake, 86_400)));
    assert_eq!(answer_of(&fake.answer(&request)).0, 200);
}

#[test]
fn refuses_bearers_that_are_unknown_or_have_expired() {
    let asked = Asked::sample();
    assert_eq!(asked.get(ALL).0, 200);
    let mut own = claims(&asked.fake, 0);
    own["sub"] = own["iss"].clone();
    own["aud"] = json!(format!("https://{HOST}/"));
    let mut other_service = own.clone();
    other_service["aud"] = json!("https://storage.googleapis.com/");
    let refused = [
        Some("Bearer ya29.unknown".to_owned()),
        Some(format!("Basic {}", asked.token)),
        Some(format!("Bearer {}", assertion(&claims(&asked.fake, 0)))),
        Some(format!("Bearer {}", assertion(&other_service))),
        None,
    ];
    for authorization in refused {
        let (status, answer) = asked.get_with(ALL, authorization.as_deref());
        assert_eq!(status, 401, "{authorization:?}: {answer}");
        assert_eq!(answer["error"]["status"], "UNAUTHENTICATED");
    }
    let (status, _) = asked.get_with(ALL, Some(&format!("Bearer {}", assertion(&own))));
    assert_eq!(status, 200);
    asked.fake.revoke_tokens();
    assert_eq!(asked.get(ALL).0, 401);

    let mut asked = Asked::sample();
    asked.fake.clock_ahead = 3_600;
    assert_eq!(asked.get(ALL).0, 401, "the token has expired");
}

#[test]
fn a_token_for_other_services_is_refused() {
    let fake = GceFake::new(GceInventory::sample());
    let mut claims = claims(&fake, 0);
    claims["scope"] = json!("https://www.googleapis.com/auth/devstorage.read_only");
    let (_, answer) = answer_of(&fake.answer(&token_request(&assertion(&claims))));
    let token = answer["access_token"].as_str().expect("a token").to_owned();
    let (status, answer) = Asked { fake, token }.get(ALL);
    assert_eq!(status, 403);
    assert_eq!(answer["error"]["errors"][0]["reason"], "insufficientPermissions");
}
