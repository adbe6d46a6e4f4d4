//! nova's microversions: which one a request asks for, and what nova answers if it does not have it.

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::json;

use super::{OpenstackFake, bad_request, nova_error};

/// The header of all services, with nova's name in its value. nova reads it from 2.27 on.
const HEADER: &str = "openstack-api-version";
/// The older header, of nova alone.
const NOVA_HEADER: &str = "x-openstack-nova-api-version";

/// The minor number of the microversion that a request asks for, or the refusal.
pub(super) fn negotiate(fake: &OpenstackFake, request: &ReceivedRequest) -> Result<u32, Action> {
    let common = request.header(HEADER).filter(|_| fake.max_minor >= 27).and_then(|value| {
        let services = value.split(',').filter_map(|one| one.trim().split_once(' '));
        services
            .filter(|(service, _)| *service == "compute")
            .map(|(_, version)| version.trim())
            .next_back()
    });
    let Some(wanted) = common.or_else(|| request.header(NOVA_HEADER)) else {
        return Ok(fake.min_minor.max(1));
    };
    if wanted == "latest" {
        return Ok(fake.max_minor);
    }
    let number = |text: &str| -> Option<u32> {
        let is_number = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let parsed =
        wanted.split_once('.').and_then(|(major, minor)| Some((number(major)?, number(minor)?)));
    let Some((major, minor)) = parsed else {
        return Err(bad_request(&format!(
            "API Version String {wanted} is of invalid format. Must be of format MajorNum.MinorNum."
        )));
    };
    if major != 2 || !(fake.min_minor..=fake.max_minor).contains(&minor) {
        let message = format!(
            "Version {wanted} is not supported by the API. Minimum is 2.{} and maximum is 2.{}.",
            fake.min_minor, fake.max_minor
        );
        return Err(nova_error(406, "computeFault", &message));
    }
    Ok(minor)
}

/// The answer with the headers that say its microversion.
pub(super) fn announce(answer: Action, minor: u32) -> Action {
    answer
        .header("OpenStack-API-Version", &format!("compute 2.{minor}"))
        .header("X-OpenStack-Nova-API-Version", &format!("2.{minor}"))
        .header("Vary", "OpenStack-API-Version, X-OpenStack-Nova-API-Version")
}

/// The document of version 2.1 of the API, with the microversions that nova has.
pub(super) fn document(fake: &OpenstackFake, root: &str) -> serde_json::Value {
    json!({
        "id": "v2.1",
        "status": "CURRENT",
        "version": format!("2.{}", fake.max_minor),
        "min_version": format!("2.{}", fake.min_minor),
        "updated": "2013-07-23T11:33:21Z",
        "links": [
            {"rel": "self", "href": format!("{root}/v2.1/")},
            {"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"},
        ],
        "media-types": [{
            "base": "application/json",
            "type": "application/vnd.openstack.compute+json;version=2.1",
        }],
    })
}
