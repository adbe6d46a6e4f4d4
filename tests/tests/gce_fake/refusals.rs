//! What the service refuses.

use gatherer_tests::fakes::gce::{GceFake, GceFault, GceInventory};
use serde_json::{Value, json};

use crate::asked::{ALL, Asked, ZONE};

#[test]
fn refuses_what_the_service_refuses() {
    let project = "/compute/v1/projects/example-project";
    let number = "/compute/v1/projects/123456789012/zones/us-central1-a/instances";
    let type_of = |zone: &str, name: &str| format!("{project}/zones/{zone}/machineTypes/{name}");
    let cases = [
        (format!("{ALL}?maxResults=500&alt=json&prettyPrint=false"), 200, ""),
        (format!("{ALL}?maxResults=501"), 400, "invalid"),
        (format!("{ALL}?maxResults=-1"), 400, "invalid"),
        (format!("{ALL}?returnPartialSuccess=true"), 400, "badRequest"),
        (format!("{ALL}?page_token=x"), 400, "badRequest"),
        (format!("{ALL}?access_token=x"), 400, "badRequest"),
        (format!("{ALL}?pageToken=unknown"), 400, "invalid"),
        (format!("{ALL}?alt=media"), 400, "invalid"),
        (format!("{ALL}?fields=items/*/instances(id"), 400, "invalidParameter"),
        (number.to_owned(), 200, ""),
        (format!("{project}/zones/europe-west9-z/instances"), 400, "invalid"),
        (type_of("europe-west9-z", "e2-medium"), 400, "invalid"),
        (type_of("us-central1-a", "e2-medium"), 200, ""),
        (type_of("us-central1-a", "custom-2-4096"), 200, ""),
        (type_of("us-central1-a", "n2-custom-4-32768-ext"), 200, ""),
        (type_of("us-central1-a", "custom-3-4096"), 404, "notFound"),
        (type_of("us-central1-a", "custom-2-4000"), 404, "notFound"),
        (type_of("us-central1-a", "n1-retired-2"), 404, "notFound"),
        (format!("{}?maxResults=1", type_of("us-central1-a", "e2-medium")), 400, "badRequest"),
        (format!("{project}/zones/us-central1-a/machineTypes"), 403, "forbidden"),
        (format!("{project}/aggregated/machineTypes"), 403, "forbidden"),
        (format!("{project}/zones"), 403, "forbidden"),
        (format!("{project}/zones/us-central1-a"), 403, "forbidden"),
        (ALL.replace("example-project", "another-project"), 404, "notFound"),
    ];
    let asked = Asked::sample();
    for (target, status, reason) in cases {
        let (found, answer) = asked.get(&target);
        assert_eq!(found, status, "{target}: {answer}");
        let reasons = answer["error"]["errors"][0]["reason"].as_str().unwrap_or_default();
        assert_eq!(reasons, reason, "{target}");
    }
    let (_, answer) = asked.get(&format!("{project}/zones/europe-west9-z/instances"));
    let message = "Invalid value for field 'zone': 'europe-west9-z'. Unknown zone.";
    assert_eq!(answer["error"]["message"], message);
    for target in ["/compute/v1/projects", "/compute/beta/projects/p/zones", "/"] {
        assert_eq!(asked.get(target), (404, Value::Null), "{target}");
    }
}

#[test]
fn the_errors_of_whole_requests_have_the_reasons_of_the_service() {
    let fault = |fault| Asked::new(GceFake::new(GceInventory::sample()).with_times(fault, 1));
    let cases = [
        (GceFault::RateLimited("rateLimitExceeded"), 403, "rateLimitExceeded"),
        (GceFault::RateLimited("userRateLimitExceeded"), 403, "userRateLimitExceeded"),
        (GceFault::RateLimited("quotaExceeded"), 403, "quotaExceeded"),
        (GceFault::TooManyRequests, 429, "rateLimitExceeded"),
        (GceFault::AccessNotConfigured, 403, "accessNotConfigured"),
    ];
    for (kind, status, reason) in cases {
        let asked = fault(kind);
        let (found, answer) = asked.get(ALL);
        assert_eq!((found, &answer["error"]["errors"][0]["reason"]), (status, &json!(reason)));
        assert_eq!(asked.get(ALL).0, 200, "{kind:?} happens once");
    }
    let asked = fault(GceFault::ErrorInsteadOfList);
    let (status, answer) = asked.get(ALL);
    assert_eq!((status, answer.get("items"), &answer["error"]["code"]), (200, None, &json!(503)));

    let mut asked = Asked::sample();
    asked.fake.permissions.clear();
    let (status, answer) = asked.get(ALL);
    let message = "Required 'compute.instances.list' permission for 'projects/example-project'";
    assert_eq!((status, &answer["error"]["message"]), (403, &json!(message)));
    let fake = GceFake::new(GceInventory::sample()).with(GceFault::UnknownZoneIsNotFound);
    assert_eq!(Asked::new(fake).get(&ZONE.replace("west1", "west9")).0, 404);
}
