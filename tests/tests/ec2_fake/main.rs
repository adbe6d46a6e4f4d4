//! The fake of EC2: AWS's own client reads its whole inventory, and it refuses what EC2 refuses. The same client reads the
//! simulator moto.

mod signing_client;

use std::collections::BTreeSet;

use gatherer_plugin_support::testing::{Action, ReceivedRequest, ScriptedServer, TlsServer};
use gatherer_tests::fakes::ec2::{
    Ec2Fake, Ec2Fault, Ec2Inventory, Ec2Key, INSTANCE_ROLE, ImdsFake, ROLE_ARN,
};
use gatherer_tests::servers::moto::{Moto, MotoContent};
use gatherer_tests::{Judge, JudgedGuest, skip};
use jiff::SignedDuration;
use roxmltree::{Document, Node};

use signing_client::{Client, answer, element};

/// The guests of a zone or of all, sorted.
fn judged(inventory: &Ec2Inventory, zone: Option<&str>) -> Vec<JudgedGuest> {
    let is_read = |instance_zone: &str| zone.is_none_or(|zone| zone == instance_zone);
    let mut all: Vec<_> = inventory
        .guests()
        .filter(|instance| is_read(&instance.zone))
        .map(|instance| {
            let host = instance.host.as_ref().map(|id| {
                let host = inventory.hosts.iter().find(|host| host.id == *id);
                let host = host.expect("the host is in the inventory");
                host.name.clone().unwrap_or_else(|| host.id.clone())
            });
            JudgedGuest {
                name: instance.name().to_owned(),
                id: Some(instance.id.clone()),
                host,
                state: Some(instance.state.code_and_name().1.to_owned()),
                cpus: inventory.cpus(instance),
                memory_bytes: inventory.memory_bytes(instance),
            }
        })
        .collect();
    all.sort();
    all
}

/// Reads a fake over TLS with boto3 and these further arguments.
fn read(judge: &Judge, fake: Ec2Fake, arguments: &[&str]) -> Vec<JudgedGuest> {
    let region = fake.region.clone();
    let server = TlsServer::start(move |request| fake.answer(request));
    let (url, ca_file) = (server.url(""), server.ca_file().to_str().expect("a UTF-8 path"));
    judge.read("ec2.py", &[&[&url, &region, ca_file], arguments].concat())
}

/// The same with the permanent key.
fn read_with_key(judge: &Judge, fake: Ec2Fake, arguments: &[&str]) -> Vec<JudgedGuest> {
    let Ec2Key { id, secret, .. } = fake.key();
    read(judge, fake, &[&["--key", &id, &secret], arguments].concat())
}

#[test]
fn awss_own_client_reads_the_whole_inventory() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let all = judged(&Ec2Inventory::sample(), None);
    assert_eq!(all.len(), 17);
    // No element is unknown to boto3.
    assert_eq!(read_with_key(&judge, sample(), &["--strict"]), all);
    for fault in [
        Ec2Fault::EmptyPageInBetween,
        Ec2Fault::SameItemTwice,
        Ec2Fault::EmptyToken,
        Ec2Fault::UnknownElements,
    ] {
        assert_eq!(read_with_key(&judge, sample().with(fault), &[]), all, "{fault:?}");
    }
    let zone = "eu-central-1b";
    let of_zone = judged(&Ec2Inventory::sample(), Some(zone));
    assert_eq!(of_zone.len(), 3);
    assert_eq!(read_with_key(&judge, sample(), &["--zone", zone]), of_zone);
    let mut fake = Ec2Fake::new(Ec2Inventory::of_size(240));
    fake.page_size = 1000;
    let guests = read_with_key(&judge, fake, &["--page-size", "100"]);
    assert_eq!(guests, judged(&Ec2Inventory::of_size(240), None));
}

#[test]
fn awss_own_client_gets_temporary_keys() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let all = judged(&Ec2Inventory::sample(), None);
    let fake = sample();
    let key = fake.issue_key(SignedDuration::from_hours(1));
    let token = key.token.expect("a temporary key");
    let arguments = ["--key", &key.id, &key.secret, "--token", &token];
    assert_eq!(read(&judge, fake, &arguments), all);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let fake = sample();
    std::fs::write(file.path(), &fake.web_identity_token).expect("a writable file");
    let path = file.path().to_str().expect("a UTF-8 path");
    assert_eq!(read(&judge, fake, &["--web-identity", path, ROLE_ARN]), all);
    let fake = sample();
    let metadata = ImdsFake::new(vec![fake.issue_key(SignedDuration::from_hours(6))]);
    let metadata = ScriptedServer::http(move |request| metadata.answer(request));
    assert_eq!(read(&judge, fake, &["--metadata", &metadata.url("")]), all);
    assert_eq!(metadata.received().len(), 3);
}

#[test]
fn awss_own_client_reads_moto_which_checks_the_signatures() {
    let judge = match Judge::new() {
        Ok(judge) => judge,
        Err(reason) => skip!("{reason}"),
    };
    let moto = Moto::start(&judge, MotoContent::Sample);
    let arguments = moto.judge_arguments();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let guests = judge.read("ec2.py", &[arguments.as_slice(), &["--page-size", "5"]].concat());
    assert_eq!((guests.len(), moto.setup.guests), (19, 19));
    let hosts: Vec<_> = guests.iter().filter_map(|guest| guest.host.as_deref()).collect();
    assert_eq!(hosts, ["licences"]);
    assert!(guests.iter().all(|guest| guest.cpus > Some(0) && guest.memory_bytes > Some(1 << 29)));
    assert_eq!(guests.iter().filter(|guest| guest.state.as_deref() == Some("stopped")).count(), 2);
    let [id, secret, token] = &moto.setup.temporary_key;
    arguments.truncate(3);
    let temporary = ["--key", id, secret, "--token", token];
    assert_eq!(judge.read("ec2.py", &[arguments.as_slice(), &temporary].concat()), guests);
    let refused = |key: &[&str]| {
        let output = judge.command("ec2.py").args(&arguments).args(key).output();
        let output = output.expect("Python can be started");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused(&["--key", &moto.setup.key[0], "wrong"]).contains("AuthFailure"));
    let [id, secret] = &moto.setup.key_without_hosts;
    let errors = refused(&["--key", id, secret]);
    assert!(errors.contains("DescribeHosts"), "{errors}");
}

fn sample() -> Ec2Fake {
    Ec2Fake::new(Ec2Inventory::sample())
}

#[test]
fn refuses_what_ec2_refuses() {
    let client = Client::new(sample());
    let instances = "Action=DescribeInstances";
    let id = &client.fake.inventory.instances[0].id;
    let types: Vec<String> =
        (1..=101).map(|number| format!("&InstanceType.{number}=m5.large")).collect();
    let types = types.concat();
    let cases = [
        (format!("{instances}&MaxResults=5"), 200, ""),
        (format!("{instances}&MaxResults=1000&IncludeManagedResources=true"), 200, ""),
        (format!("{instances}&MaxResults=4"), 400, "InvalidParameterValue"),
        (format!("{instances}&MaxResults=1001"), 400, "InvalidParameterValue"),
        (format!("{instances}&InstanceId.1={id}"), 200, ""),
        (format!("{instances}&InstanceId.1={id}&MaxResults=5"), 400, "InvalidParameterCombination"),
        (format!("{instances}&InstanceId.1=i-0"), 400, "InvalidInstanceID.NotFound"),
        (format!("{instances}&NextToken=abc"), 400, "InvalidParameterValue"),
        (format!("{instances}&InstanceIds.1={id}"), 400, "UnknownParameter"),
        (
            format!("{instances}&Filter.1.Name=colour&Filter.1.Value.1=x"),
            400,
            "InvalidParameterValue",
        ),
        (format!("{instances}&IncludeManagedResources=yes"), 400, "InvalidParameterValue"),
        (format!("{instances}&DryRun=true"), 412, "DryRunOperation"),
        ("Action=DescribeAvailabilityZones&ZoneName.1=eu-central-1a".to_owned(), 200, ""),
        (
            "Action=DescribeAvailabilityZones&ZoneName.1=eu-central-1z".to_owned(),
            400,
            "InvalidParameterValue",
        ),
        (
            // The account has not opted in.
            "Action=DescribeAvailabilityZones&ZoneName.1=eu-central-1-waw-1a".to_owned(),
            400,
            "InvalidParameterValue",
        ),
        ("Action=DescribeInstanceTypes&InstanceType.1=m5.large".to_owned(), 200, ""),
        (
            "Action=DescribeInstanceTypes&InstanceType.1=t1.micro".to_owned(),
            400,
            "InvalidInstanceType",
        ),
        ("Action=DescribeInstanceTypes&MaxResults=101".to_owned(), 400, "InvalidParameterValue"),
        (format!("Action=DescribeInstanceTypes{types}"), 400, "InvalidParameterValue"),
        (
            "Action=DescribeInstanceTypes&InstanceType.1=m5.large&MaxResults=5".to_owned(),
            400,
            "InvalidParameterCombination",
        ),
        ("Action=DescribeHosts&MaxResults=500".to_owned(), 200, ""),
        ("Action=DescribeHosts&MaxResults=501".to_owned(), 400, "InvalidParameterValue"),
        ("Action=TerminateInstances".to_owned(), 400, "InvalidAction"),
        ("MaxResults=5".to_owned(), 400, "MissingParameter"),
    ];
    for (form, status, code) in cases {
        assert_eq!(client.code(&form), (status, code.to_owned()), "{form}");
    }
}

#[test]
fn a_filter_drops_unknown_types_and_zones_without_an_error() {
    let client = Client::new(sample());
    let types = "Action=DescribeInstanceTypes&Filter.1.Name=instance-type";
    let (_, body) =
        client.send(&format!("{types}&Filter.1.Value.1=t1.micro&Filter.1.Value.2=m5.large"));
    assert_eq!(body.matches("<instanceType>").count(), 1);
    let zone =
        "Action=DescribeInstances&Filter.1.Name=availability-zone&Filter.1.Value.1=eu-west-9z";
    let (status, body) = client.send(zone);
    assert_eq!((status, body.contains("<reservationSet/>")), (200, true), "{body}");
}

#[test]
fn hides_managed_instances_unless_they_are_asked_for() {
    let mut fake = sample();
    fake.page_size = 1000;
    let client = Client::new(fake);
    let count = |form: &str| client.send(form).1.matches("<instanceId>").count();
    assert_eq!(count("Action=DescribeInstances"), 17);
    assert_eq!(count("Action=DescribeInstances&IncludeManagedResources=true"), 18);
}

#[test]
fn a_token_is_for_the_same_request_only() {
    let client = Client::new(sample());
    let form = "Action=DescribeInstances&IncludeManagedResources=true";
    let token = element(&client.send(form).1, "nextToken").expect("there are more pages");
    let token: String = url_encoded(&token);
    let next = |form: &str| client.code(&format!("{form}&NextToken={token}"));
    assert_eq!(next(&format!("{form}&MaxResults=7")).0, 200);
    assert_eq!(next("Action=DescribeInstances").1, "InvalidParameterValue");
    assert_eq!(next("Action=DescribeHosts").1, "InvalidParameterValue");
}

fn url_encoded(text: &str) -> String {
    text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[test]
fn checks_keys_signatures_and_time() {
    let form = "Action=DescribeInstances";
    let refused = |client: &Client| client.code(form);
    let auth_failure = (401, "AuthFailure".to_owned());
    let expired = (400, "RequestExpired".to_owned());
    let mut client = Client::new(sample());
    assert_eq!(refused(&client).0, 200);
    client.key.secret.push('x');
    assert_eq!(refused(&client), auth_failure);
    let mut client = Client::new(sample());
    client.key.id.push('x');
    assert_eq!(refused(&client), auth_failure);
    let mut client = Client::new(sample());
    client.region = "us-east-1";
    assert_eq!(refused(&client), auth_failure);
    let mut client = Client::new(sample());
    client.now -= SignedDuration::from_mins(16);
    assert_eq!(refused(&client), expired);
    client.fake.clock_skew = SignedDuration::from_mins(-16);
    assert_eq!(refused(&client).0, 200);

    let client = Client::new(sample());
    let mut request = client.request(form);
    request.body.push(b'0');
    assert_eq!(answer(&client.fake, &request).0, 401);
    let mut request = client.request(form);
    request.headers.push(("x-amz-target".to_owned(), "not signed".to_owned()));
    assert_eq!(answer(&client.fake, &request).0, 401);
    let mut request = client.request(form);
    request.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(answer(&client.fake, &request).0, 401);

    let mut client = Client::new(sample());
    client.key = client.fake.issue_key(SignedDuration::from_mins(5));
    assert_eq!(refused(&client).0, 200);
    let token = client.key.token.replace("another".to_owned());
    assert_eq!(refused(&client), auth_failure);
    client.key.token = None;
    assert_eq!(refused(&client), auth_failure);
    client.key.token = token;
    client.fake.clock_skew = SignedDuration::from_mins(6);
    assert_eq!(refused(&client), expired);
}

#[test]
fn the_metadata_service_requires_its_token() {
    let fake = sample();
    let metadata = ImdsFake::new(vec![fake.issue_key(SignedDuration::from_hours(1))]);
    let credentials = format!("/latest/meta-data/iam/security-credentials/{INSTANCE_ROLE}");
    let ask = |method: &str, target: &str, header: Option<(&str, &str)>| {
        let headers = header.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = ReceivedRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: headers.into_iter().collect(),
            ..ReceivedRequest::default()
        };
        let Action::Answer { status, body, .. } = metadata.answer(&request) else {
            panic!("not an answer");
        };
        (status, String::from_utf8(body).expect("UTF-8"))
    };
    let seconds = "x-aws-ec2-metadata-token-ttl-seconds";
    assert_eq!(ask("GET", &credentials, None).0, 401);
    assert_eq!(ask("GET", "/latest/api/token", Some((seconds, "60"))).0, 405);
    assert_eq!(ask("PUT", "/latest/api/token", None).0, 400);
    assert_eq!(ask("PUT", "/latest/api/token", Some((seconds, "21601"))).0, 400);
    let (status, token) = ask("PUT", "/latest/api/token", Some((seconds, "21600")));
    assert_eq!(status, 200);
    let (status, body) = ask("GET", &credentials, Some(("x-aws-ec2-metadata-token", &token)));
    assert_eq!((status, body.contains("\"Code\":\"Success\"")), (200, true), "{body}");
}

/// The paths of all elements of a document, without the root's name.
fn paths(document: &str) -> BTreeSet<String> {
    let document = Document::parse(document).expect("XML");
    let path = |node: Node| {
        let names: Vec<&str> =
            node.ancestors().filter(Node::is_element).map(|node| node.tag_name().name()).collect();
        names.iter().rev().skip(1).copied().collect::<Vec<_>>().join("/")
    };
    document.descendants().filter(Node::is_element).map(path).collect()
}

#[test]
fn has_every_member_of_the_recorded_answers() {
    let Some(folder) = gatherer_tests::recorded("ec2") else {
        skip!("GATHERER_RECORDED names no folder of recorded answers");
    };
    let mut fake = sample();
    fake.page_size = 1000;
    let client = Client::new(fake);
    let instances = paths(&client.send("Action=DescribeInstances").1);
    let zones = paths(&client.send("Action=DescribeAvailabilityZones").1);
    // Members that no module needs: of virtual machines of the first generation, and of the owner of a product.
    let unimportant =
        ["kernelId", "ramdiskId", "productCodes/", "iamInstanceProfile", "requesterId"];
    let (mut read, mut missing) = (0, Vec::new());
    for (name, ours) in [
        ("DescribeInstances-many.xml", &instances),
        ("DescribeInstances-vpc.xml", &instances),
        ("DescribeInstances-classic.xml", &instances),
        ("libcloud-describe_availability_zones.xml", &zones),
    ] {
        let recorded = std::fs::read_to_string(folder.join(name)).expect("a recorded answer");
        for path in paths(&recorded) {
            read += 1;
            if unimportant.iter().all(|part| !path.contains(part)) && !ours.contains(&path) {
                missing.push(format!("{name}: {path}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
    assert!(read > 100, "{read}");
}
