//! Hostile answers: values of wrong types and sizes, documents that are made to exhaust a parser, and redirects.

use gatherer_plugin_api::testing::Gathered;
use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::testing::{Action, ScriptedServer};

use super::scripted::{action, empty_list, error, gather, service};

/// An instance with these further elements.
fn instance(elements: &str) -> String {
    format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet><item>\
         <instanceId>i-1</instanceId>{elements}</item></instancesSet></item></reservationSet>\
         </DescribeInstancesResponse>"
    )
}

fn gather_from(body: &str) -> Result<Gathered, GatherError> {
    gather(&service("DescribeInstances", Action::answer(200, body.as_bytes())), None)
}

#[test]
fn a_value_of_a_wrong_type_or_size_is_unknown_and_its_instance_is_not_lost() {
    let long = "x".repeat(100_000);
    for elements in [
        "<cpuOptions><coreCount>4294967295</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>",
        "<cpuOptions><coreCount>-1</coreCount><threadsPerCore>two</threadsPerCore></cpuOptions>",
        "<cpuOptions><coreCount>1e3</coreCount><threadsPerCore/></cpuOptions>",
        "<cpuOptions>8</cpuOptions><instanceState>running</instanceState>",
        "<instanceState><code>x</code><name>dancing</name></instanceState>",
        "<placement>eu-central-1a</placement><launchTime>yesterday</launchTime>",
        "<placement><availabilityZone>a/b c\t\u{202e}</availabilityZone></placement>",
        "<placement><hostId>h-of-another-account</hostId></placement>",
        "<instanceType/><architecture>\u{1f4a5}</architecture><platformDetails/>",
        "<networkInterfaceSet><item><macAddress>zz</macAddress><attachment><deviceIndex>-7</deviceIndex>\
         <attachTime>0</attachTime></attachment><privateIpAddressesSet><item/></privateIpAddressesSet>\
         </item><item/></networkInterfaceSet>",
        "<tagSet><item><key>Name</key><value> \u{7f} </value></item><item><value>x</value></item>\
         <item><key>a</key></item><item><key>a</key><value>b</value></item></tagSet>",
        "<instanceId>i-2</instanceId><x:instanceState xmlns:x='urn:x'><x:name>stopped</x:name></x:instanceState>",
        &format!("<tagSet><item><key>Name</key><value>{long}</value></item></tagSet>"),
        &format!("<placement><availabilityZone>{long}</availabilityZone></placement>"),
    ] {
        let gathered =
            gather_from(&instance(elements)).unwrap_or_else(|e| panic!("{elements}: {e}"));
        let guests: Vec<_> = gathered.hosts.iter().flat_map(|host| &host.guests).collect();
        assert_eq!(guests.len(), 1, "{elements}");
        assert_eq!(guests[0].id.as_deref(), Some("i-1"));
        assert_eq!(guests[0].cpus, None, "{elements}");
    }
}

#[test]
fn a_type_with_impossible_numbers_leaves_them_unknown() {
    for numbers in [
        "<vCpuInfo><defaultVCpus>99999999999</defaultVCpus></vCpuInfo>\
         <memoryInfo><sizeInMiB>18446744073709551615</sizeInMiB></memoryInfo>",
        "<vCpuInfo><defaultVCpus>0</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>0</sizeInMiB></memoryInfo>",
        "<vCpuInfo/><memoryInfo>8192</memoryInfo><processorInfo><supportedArchitectures><item><a/></item>\
         </supportedArchitectures><sustainedClockSpeedInGhz>NaN</sustainedClockSpeedInGhz></processorInfo>",
    ] {
        let types = format!(
            "<DescribeInstanceTypesResponse><instanceTypeSet><item><instanceType>m5.large</instanceType>\
             {numbers}</item></instanceTypeSet></DescribeInstanceTypesResponse>"
        );
        let server = ScriptedServer::http(move |request| match action(request).as_str() {
            "DescribeInstances" => {
                let body = instance("<instanceType>m5.large</instanceType>");
                Action::answer(200, body.into_bytes())
            }
            "DescribeInstanceTypes" => Action::answer(200, types.clone().into_bytes()),
            other => empty_list(other),
        });
        let gathered = gather(&server, None).expect("complete");
        let guest = &gathered.hosts[0].guests[0];
        assert_eq!((guest.cpus, guest.memory_bytes), (None, None), "{numbers}");
    }
}

#[test]
fn documents_that_would_exhaust_a_parser_are_errors() {
    let nested = format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000));
    let entities = "<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;&b;\">]>";
    let file = "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>";
    for body in [
        instance(&nested),
        format!("{entities}{}", instance("<imageId>&d;</imageId>")),
        format!("{file}{}", instance("<imageId>&b;</imageId>")),
        instance("<imageId>&unknown;</imageId>"),
        instance("<imageId>\u{1}</imageId>"),
        instance("</item>"),
        instance("<!--"),
    ] {
        let failure = gather_from(&body).expect_err("hostile");
        assert_eq!(failure.kind, ErrorKind::Protocol, "{failure}");
    }
    let failure = gather(&service("DescribeInstances", Action::gzip_bomb()), None);
    assert!(failure.expect_err("a gigabyte").message.contains("larger than"));
}

#[test]
fn a_redirect_is_not_followed() {
    let other = service("", Action::answer(200, ""));
    for status in [301, 302, 303, 307, 308] {
        let answer = Action::answer(status, "").header("location", &other.url("/"));
        let failure = gather(&service("DescribeInstances", answer), None).expect_err("a redirect");
        assert_eq!(failure.kind, ErrorKind::Protocol, "{failure}");
    }
    assert_eq!(other.received().len(), 0);
}

#[test]
fn an_error_with_a_hostile_code_or_message_is_not_quoted() {
    for code in ["hunter2 and more", "<b>hunter2</b>", &"hunter2".repeat(20), "hunter2\u{202e}", ""]
    {
        for status in [200, 400, 403, 503] {
            let failure = gather(&service("DescribeInstances", error(status, code)), None);
            let failure = failure.expect_err(code);
            assert!(!format!("{failure:?}").contains("hunter2"), "{status} {code}: {failure:?}");
        }
    }
}
