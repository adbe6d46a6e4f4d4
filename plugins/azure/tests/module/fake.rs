//! The module against the fake of Azure, which another author wrote: the whole inventory, and each fault of the fake.

use std::fmt::Write as _;
use std::sync::Arc;

use gatherer_plugin_api::testing::{Gathered, Recorder};
use gatherer_plugin_api::{GatherError, Options};
use gatherer_plugin_azure::Azure;
use gatherer_plugin_support::testing::{Authority, KeyForm, ScriptedServer, TlsServer};
use gatherer_tests::fakes::azure::{AzureCall, AzureFake, AzureFault, AzureInventory};
use gatherer_tests::skip;
use serde_json::{Value, json};

use super::{guest, names};

/// A served fake.
pub struct ServedFake {
    pub fake: Arc<AzureFake>,
    pub server: TlsServer,
}

impl ServedFake {
    pub fn new(fake: AzureFake) -> Self {
        let fake = Arc::new(fake);
        let answering = Arc::clone(&fake);
        Self { fake, server: TlsServer::start(move |request| answering.answer(request)) }
    }

    /// The parameters as the program passes them.
    pub fn parameters(&self) -> Value {
        let url = format!("https://127.0.0.1:{}", self.server.port());
        json!({
            "subscription_id": self.fake.subscription_id, "application_id": self.fake.application_id,
            "tenant_id": self.fake.tenant_id, "secret_key": self.fake.secret, "authority_url": url,
            "endpoint_url": url, "reader_confirmed": true,
        })
    }

    pub fn gather(&self) -> Result<Gathered, GatherError> {
        self.gather_with(json!({}))
    }

    pub fn gather_with(&self, changes: Value) -> Result<Gathered, GatherError> {
        let mut parameters = self.parameters();
        let Value::Object(changes) = changes else { panic!("an object") };
        parameters.as_object_mut().expect("an object").extend(changes);
        let ca_file = Some(self.server.ca_file().display().to_string());
        let options = Options { ca_file, retries: Some(1), ..Options::default() };
        Recorder::new().options(options).gather::<Azure>(parameters)
    }
}

pub fn sample() -> AzureFake {
    AzureFake::new(AzureInventory::sample())
}

#[test]
fn reads_the_whole_inventory_with_every_size_of_pages() {
    for page_size in [1, 3, 100] {
        let mut fake = sample();
        fake.page_size = page_size;
        // A link is followed with its own version.
        fake.link_version = "2023-03-01";
        fake.requires_link_version = true;
        let served = ServedFake::new(fake);
        let gathered = served.gather().expect("a complete answer");
        let mut expected: Vec<_> =
            served.fake.inventory.guests().map(|vm| vm.name.as_str()).collect();
        expected.sort_unstable();
        assert_eq!(names(&gathered), expected);
        assert_eq!(served.fake.logins(), 1);
    }
}

#[test]
fn a_location_has_its_machines_only() {
    let served = ServedFake::new(sample());
    let gathered = served.gather_with(json!({"zone": "North Europe"})).expect("complete");
    assert_eq!(names(&gathered), ["archive", "arm"]);
    assert_eq!(guest(&gathered, "arm").0, "endpoint");
}

#[test]
fn a_registered_certificate_logs_in() {
    let Some(client) = Authority::new("An application's").client(KeyForm::Pkcs1) else {
        skip!("openssl is not installed");
    };
    let served = ServedFake::new(sample().with_certificate(&client.certificate));
    let certificate = format!("{}{}", client.certificate, client.key);
    let changes = json!({ "certificate": certificate, "secret_key": null });
    assert_eq!(
        served.gather_with(changes.clone()).expect("complete").warnings,
        [gatherer_plugin_api::model::Warning {
            object: "westeurope".to_owned(),
            message:
                "CPUs and memory are unknown for sizes that the location does not list: Basic_A0"
                    .to_owned(),
        }]
    );
    let error = ServedFake::new(sample()).gather_with(changes).expect_err("not registered");
    assert_eq!(error.kind, gatherer_plugin_api::ErrorKind::Authentication);
}

/// What became of a gathering: how many guests, with the warnings, or the error.
fn outcome(result: Result<Gathered, GatherError>, port: u16) -> String {
    let text = match result {
        // Of requests that are sent at the same time, one gets the last retry.
        Err(error) if error.kind == gatherer_plugin_api::ErrorKind::RateLimited => {
            error.kind.to_string()
        }
        Err(error) => format!("{}: {error}", error.kind),
        Ok(gathered) => {
            let states = gathered.hosts.iter().flat_map(|host| &host.guests);
            let unknown = states.filter(|guest| {
                guest.state == Some(gatherer_plugin_api::model::GuestState::Unknown)
            });
            let mut text =
                format!("{} guests, {} unknown", names(&gathered).len(), unknown.count());
            for warning in super::warnings(&gathered) {
                let _ = write!(text, "\n    {warning}");
            }
            text
        }
    };
    text.replace(&port.to_string(), "PORT")
}

/// Every fault of the fake, each with its result: all guests or an error, and nothing else.
#[test]
fn each_fault_of_the_fake_leaves_all_guests_or_fails() {
    use AzureCall::{Instances, Locations, ScaleSets, Sizes, Statuses, Vms};
    use AzureFault as Fault;

    let mut faults = vec![
        Fault::SecretExpired,
        Fault::NumbersAsText,
        Fault::IdsInUpperCase,
        Fault::NoPowerStates,
        Fault::NoSizes,
        Fault::NoInstances,
        Fault::Missing(Vms, "web"),
        Fault::Missing(Statuses, "web"),
    ];
    for call in [Vms, Statuses, ScaleSets, Instances, Locations, Sizes] {
        faults.extend([
            Fault::Forbidden(call),
            Fault::Throttled(call, Some(1)),
            Fault::NoList(call),
            Fault::ErrorWith200(call),
        ]);
    }
    for call in [Vms, Statuses, ScaleSets, Instances] {
        faults.extend([
            Fault::EmptyPageInBetween(call),
            Fault::EmptyFirstPage(call),
            Fault::SameObjectTwice(call),
            Fault::EmptyLink(call),
            Fault::NullLink(call),
            Fault::LinkToItself(call),
            Fault::LinkTo(call, "https://management.example.com".to_owned()),
            Fault::LinkTo(call, "http://127.0.0.1:9".to_owned()),
        ]);
    }
    let mut report = String::new();
    for fault in faults {
        let served = ServedFake::new(sample().with(fault.clone()));
        let result = served.gather_with(json!({"zone": "westeurope"}));
        let text = outcome(result, served.server.port());
        // The role is confirmed, so scale sets without their instances are a warning.
        let is_warned =
            fault == Fault::NoInstances && text.contains("the scale set has a capacity of");
        let is_right = text.starts_with("17 guests") || !text.contains(" guests") || is_warned;
        assert!(is_right, "{fault:?}: {text}");
        let _ = writeln!(report, "{fault:?}: {text}");
    }
    insta::assert_snapshot!(report);
}

/// The login service and Resource Manager are two services: each gets only the credential that is meant for it.
#[test]
fn the_secret_goes_to_the_login_service_only_and_the_token_to_resource_manager_only() {
    let fake = Arc::new(sample());
    let authority = Authority::new("A test");
    let identity = authority.identity(&["127.0.0.1"]);
    let serve = || {
        let answering = Arc::clone(&fake);
        ScriptedServer::https(&identity, move |request| answering.answer(request))
    };
    let (login, manager) = (serve(), serve());
    let ca_file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(ca_file.path(), authority.pem()).expect("a file");
    let parameters = json!({
        "subscription_id": fake.subscription_id, "application_id": fake.application_id,
        "tenant_id": fake.tenant_id, "secret_key": fake.secret, "authority_url": login.url(""),
        "endpoint_url": manager.url(""), "zone": "westeurope", "reader_confirmed": true,
    });
    let ca_file = Some(ca_file.path().display().to_string());
    let options = Options { ca_file, retries: Some(0), ..Options::default() };
    let gathered = Recorder::new().options(options).gather::<Azure>(parameters).expect("complete");
    assert_eq!(names(&gathered).len(), 17);

    let received = login.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].method.as_str(), received[0].header("authorization")), ("POST", None));
    let authorization = format!("Bearer {}", fake.tokens()[0]);
    for request in manager.received() {
        assert_eq!(request.header("authorization"), Some(authorization.as_str()));
        assert!(request.body.is_empty() && !request.target.contains(&fake.secret));
    }
}

#[test]
fn a_fault_that_passes_leaves_a_complete_answer() {
    for fault in [
        AzureFault::Throttled(AzureCall::Vms, Some(1)),
        AzureFault::Throttled(AzureCall::Instances, None),
        AzureFault::TokenExpiresInBetween,
    ] {
        let served = ServedFake::new(sample().with_times(fault.clone(), 1));
        let gathered = served.gather().unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(names(&gathered).len(), 22, "{fault:?}");
        let logins = if fault == AzureFault::TokenExpiresInBetween { 2 } else { 1 };
        assert_eq!(served.fake.logins(), logins, "{fault:?}");
    }
}

/// What the service leaves out for lack of rights cannot be noticed, so every run has the warning, and an empty answer fails.
#[test]
fn a_view_that_is_filtered_by_rights_is_never_without_a_sign() {
    let not_confirmed = json!({ "reader_confirmed": null });
    let mut fake = sample();
    fake.readable_groups = Some(vec!["Data"]);
    let served = ServedFake::new(fake);
    let gathered = served.gather_with(not_confirmed.clone()).expect("the visible part");
    assert!(names(&gathered).len() < 22);
    assert!(gathered.warnings.iter().any(|warning| warning.message.contains("Reader")));

    let served = ServedFake::new(sample().with(AzureFault::NoInstances));
    let error = served.gather_with(not_confirmed.clone()).expect_err("no instances");
    assert_eq!(error.kind, gatherer_plugin_api::ErrorKind::Permission);

    let mut fake = sample();
    fake.readable_groups = Some(Vec::new());
    let served = ServedFake::new(fake);
    let error = served.gather_with(not_confirmed).expect_err("nothing is visible");
    assert_eq!(error.kind, gatherer_plugin_api::ErrorKind::Permission);
}
