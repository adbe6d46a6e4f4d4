//! A fake of EC2, the Security Token Service and the instance metadata service of AWS.
//!
//! The service checks signatures, and answers with the members of recorded answers. What the documentation says that it
//! refuses, it refuses. moto is the other server of the tests: it has more calls, but checks fewer of the rules.

mod fault;
mod imds;
mod instances;
mod inventory;
mod pages;
mod parameters;
mod regions;
mod signature;
mod sts;
mod xml;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use jiff::{SignedDuration, Timestamp};

pub use fault::Ec2Fault;
pub use imds::{INSTANCE_ROLE, ImdsFake};
pub use inventory::{
    Ec2Host, Ec2Instance, Ec2Interface, Ec2Inventory, Ec2Operator, Ec2State, Ec2Type, Ec2Zone,
};
pub use signature::Ec2Key;
pub use sts::ROLE_ARN;

use pages::Place;
use parameters::Parameters;

/// The account that owns everything.
const ACCOUNT: &str = "123456789012";

/// A fake EC2 of one region, with the Security Token Service at the same address. `answer` is the script of a
/// `TlsServer`.
#[derive(Debug)]
pub struct Ec2Fake {
    /// What it has.
    pub inventory: Ec2Inventory,
    /// The region that signatures must name.
    pub region: String,
    /// The largest page that it sends, whatever the client asks for.
    pub page_size: usize,
    /// How far its clock is ahead.
    pub clock_skew: SignedDuration,
    /// The token of a web identity that the Security Token Service trusts.
    pub web_identity_token: String,
    /// One that has expired.
    pub expired_web_identity_token: String,
    keys: Mutex<Vec<Ec2Key>>,
    places: Mutex<Vec<Place>>,
    /// Each fault with the number of times that it still happens.
    faults: Vec<(Ec2Fault, AtomicU32)>,
}

/// An error of the service.
#[derive(Debug, Clone)]
pub struct Ec2Error {
    status: u16,
    code: String,
    message: String,
}

impl Ec2Error {
    /// An error with this status, code and message.
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// The key or the signature is wrong.
    pub fn auth_failure() -> Self {
        let message = "AWS was not able to validate the provided access credentials";
        Self::new(401, "AuthFailure", message)
    }

    /// The key has expired, or the time of the request is too far from the service's.
    pub fn request_expired() -> Self {
        Self::new(400, "RequestExpired", "Request has expired.")
    }

    /// The key has no right to this call.
    pub fn unauthorized(action: &str) -> Self {
        let message = format!(
            "You are not authorized to perform this operation. User: \
             arn:aws:iam::{ACCOUNT}:user/gatherer is not authorized to perform: ec2:{action} \
             because no identity-based policy allows the ec2:{action} action"
        );
        Self::new(403, "UnauthorizedOperation", message)
    }

    fn invalid_value(value: &str, name: &str) -> Self {
        let message = format!("Value ( {value} ) for parameter {name} is invalid.");
        Self::new(400, "InvalidParameterValue", message)
    }

    /// The answer with this error.
    pub fn answer(&self) -> Action {
        let mut xml = xml::Xml::default();
        xml.within("Response", |xml| {
            xml.within("Errors", |xml| {
                xml.within("Error", |xml| {
                    xml.text("Code", &self.code);
                    xml.text("Message", &self.message);
                });
            });
            xml.text("RequestID", "59dbff89-35bd-4eac-99ed-be587EXAMPLE");
        });
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", xml.into_text());
        Action::answer(self.status, body).header("content-type", "text/xml;charset=UTF-8")
    }
}

impl Ec2Fake {
    /// A region with one access key, and pages of 4 instances.
    pub fn new(inventory: Ec2Inventory) -> Self {
        let key = Ec2Key {
            id: "AKIAEXAMPLEGATHERER1".to_owned(),
            secret: "s3cret/of+gatherer/EXAMPLEKEY+0123456789".to_owned(),
            token: None,
            expires: None,
        };
        Self {
            inventory,
            region: "eu-central-1".to_owned(),
            page_size: 4,
            clock_skew: SignedDuration::ZERO,
            web_identity_token: "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
                .to_owned(),
            expired_web_identity_token: "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl".to_owned(),
            keys: Mutex::new(vec![key]),
            places: Mutex::default(),
            faults: Vec::new(),
        }
    }

    /// Adds a fault that always happens.
    #[must_use]
    pub fn with(self, fault: Ec2Fault) -> Self {
        self.with_times(fault, u32::MAX)
    }

    /// Adds a fault that happens this number of times.
    #[must_use]
    pub fn with_times(mut self, fault: Ec2Fault, times: u32) -> Self {
        self.faults.push((fault, AtomicU32::new(times)));
        self
    }

    /// The permanent access key.
    pub fn key(&self) -> Ec2Key {
        self.keys()[0].clone()
    }

    /// A new temporary key, which expires after this time.
    pub fn issue_key(&self, validity: SignedDuration) -> Ec2Key {
        let expires = self.now() + validity;
        let mut keys = self.keys();
        let number = keys.len();
        let key = Ec2Key {
            id: format!("ASIAEXAMPLEGATHERE{number:02}"),
            secret: format!("temporary/s3cret+of/EXAMPLEKEY+012345{number:03}"),
            token: Some(format!("FwoGZXIvYXdzE+canary/of+a+session{number:03}==")),
            // The service writes whole seconds.
            expires: Timestamp::from_second(expires.as_second()).ok(),
        };
        keys.push(key.clone());
        key
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        if request.path() != "/" {
            return Action::answer(404, "");
        }
        match self.try_answer(request) {
            Ok(action) => action,
            Err(error) => error.answer(),
        }
    }

    fn try_answer(&self, request: &ReceivedRequest) -> Result<Action, Ec2Error> {
        let mut parameters = Parameters::of(request)?;
        let action = parameters.required("Action")?;
        if sts::ACTIONS.contains(&action.as_str()) {
            return Ok(sts::answer(self, &action, parameters, request));
        }
        let key = self.check_signature(request, "ec2")?;
        let version = parameters.required("Version")?;
        if version != "2016-11-15" {
            let message =
                format!("The requested version ({version}) of service AmazonEC2 does not exist");
            return Err(Ec2Error::new(400, "NoSuchVersion", message));
        }
        if parameters.has("NextToken") && self.happens(Ec2Fault::KeyExpiresAfterFirstPage) {
            let mut keys = self.keys();
            let known = keys.iter_mut().find(|known| known.id == key.id);
            known.expect("the key was found before").expires = Some(Timestamp::UNIX_EPOCH);
            return Err(Ec2Error::request_expired());
        }
        match self.fault_of(&action) {
            Some(Ec2Fault::Denied(_)) => return Err(Ec2Error::unauthorized(&action)),
            Some(Ec2Fault::Fails(_, status, code)) => {
                return Err(Ec2Error::new(status, code, "The test wants this error."));
            }
            Some(Ec2Fault::Html(_)) => {
                let page = "<!doctype html><html><title>500 Internal Server Error</title></html>";
                return Ok(Action::answer(500, page).header("content-type", "text/html"));
            }
            _ => {}
        }
        if parameters.boolean("DryRun")? {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(Ec2Error::new(412, "DryRunOperation", message));
        }
        let request = format!("{action} {}", parameters.without_page());
        let body = match action.as_str() {
            "DescribeInstances" => instances::describe(self, &mut parameters, &request),
            "DescribeAvailabilityZones" => regions::describe_zones(self, &mut parameters),
            "DescribeInstanceTypes" => regions::describe_types(self, &mut parameters, &request),
            "DescribeHosts" => regions::describe_hosts(self, &mut parameters, &request),
            _ => {
                let message = format!("The action {action} is not valid for this web service.");
                Err(Ec2Error::new(400, "InvalidAction", message))
            }
        }?;
        parameters.finish()?;
        let body = self.with_unusual_syntax(body);
        Ok(Action::answer(200, body).header("content-type", "text/xml;charset=UTF-8"))
    }
    /// Checks the signature of a request to a service, and returns its key.
    fn check_signature(
        &self,
        request: &ReceivedRequest,
        service: &str,
    ) -> Result<Ec2Key, Ec2Error> {
        let scope = signature::Scope { region: &self.region, service, now: self.now() };
        signature::check(request, &self.keys(), &scope)
    }

    /// The body in another form with the same meaning.
    fn with_unusual_syntax(&self, mut body: String) -> String {
        if self.happens(Ec2Fault::UnknownElements) {
            let unknown = "<item><!-- a comment --><newMember><item><name>new</name></item></newMember>\
                           <?instruction?>";
            body = body.replace("<item>\n", unknown);
        }
        if self.happens(Ec2Fault::NamespacePrefix) {
            let start = regex::Regex::new("<(/?)([a-zA-Z])").expect("a valid expression");
            body = start.replace_all(&body, "<${1}aws:$2").replace("xmlns=", "xmlns:aws=");
        }
        body
    }

    /// The fault of a call that happens now. Counts it.
    fn fault_of(&self, action: &str) -> Option<Ec2Fault> {
        let of_call = |fault: &Ec2Fault| match fault {
            Ec2Fault::Denied(call) | Ec2Fault::Html(call) | Ec2Fault::Fails(call, ..) => {
                *call == action
            }
            _ => false,
        };
        let mut faults = self.faults.iter().map(|(fault, _)| *fault).filter(of_call);
        faults.find(|fault| self.happens(*fault))
    }

    /// Whether the fault happens now. Counts it.
    fn happens(&self, fault: Ec2Fault) -> bool {
        let Some((_, left)) = self.faults.iter().find(|(known, _)| *known == fault) else {
            return false;
        };
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            u32::MAX => Some(u32::MAX),
            left => left.checked_sub(1),
        })
        .is_ok()
    }

    fn now(&self) -> Timestamp {
        Timestamp::now() + self.clock_skew
    }

    fn keys(&self) -> MutexGuard<'_, Vec<Ec2Key>> {
        self.keys.lock().expect("no test panics while it holds the lock")
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().expect("no test panics while it holds the lock")
    }
}
