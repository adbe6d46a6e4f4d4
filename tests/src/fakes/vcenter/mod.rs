//! A fake vCenter or ESXi host: the SOAP API over one inventory, in pages, with the faults that a real one can have.
//!
//! It refuses what a real one refuses: unknown versions, methods and properties, foreign and ended sessions, a token that
//! was used, a login within a session.

mod collector;
mod inventory;
mod objects;
mod value;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_plugin_support::xml::{self, Document, Limits, Node};

pub use inventory::everything;
pub use objects::{FakeObject, host, machine};
pub use value::{Value, flag, int, reference, text, word};

/// The user.
pub const USER: &str = "inventory@vsphere.local";
/// The password, with characters that XML escapes.
pub const PASSWORD: &str = "correct-<horse>&battery";
/// The account as the server names it.
const ACCOUNT: &str = "VSPHERE.LOCAL\\inventory";
const ROOT: &str = "group-d1";
const VERSIONS: [&str; 5] = ["8.0.2.0", "8.0.1.0", "7.0.3.0", "6.7", "6.5"];

/// What the account may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Everything.
    Full,
    /// A role on the root folder that does not apply to the objects below.
    NotPropagated,
    /// A role on the root folder that shows objects, but not their properties.
    ViewOnly,
    /// No role on the root folder.
    NoneOnRoot,
    /// No role on the root folder, and the server says so by a fault.
    FaultOnRoot,
    /// The server does not show the roles.
    RolesHidden,
}

/// What happens to a machine that was deleted after the view was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedObject {
    /// A request that names it, or lists it, fails as a whole.
    FailsTheRequest,
    /// It is in the list without properties, with a fault for each.
    IsInMissingSet,
    /// It is left out, and a request that names it fails.
    IsLeftOut,
}

/// Something that not every server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// A single ESXi host, which does not know who may do what.
    Esxi,
    /// The server denies the second page, as some versions of vCenter do without a role on the root folder.
    SecondPageDenied,
    /// In an ended session the property collector reports a fault, and not every property as missing.
    EndedSessionIsFault,
    /// After the first page there is an empty one.
    EmptyPage,
    /// The second page begins with the last object of the first one.
    RepeatedObject,
    /// The last page has no result.
    LastPageWithoutList,
    /// Every page has a token.
    Endless,
    /// Every token is `0`.
    OnlyTokenZero,
    /// Every token is an empty element.
    EmptyToken,
}

/// The fake. Change its settings before the first request.
#[derive(Debug)]
pub struct Vcenter {
    /// The objects below the root folder.
    pub objects: Vec<FakeObject>,
    /// The most objects of a page.
    pub page_size: usize,
    /// What the account may see.
    pub rights: Rights,
    /// In what else the server is unusual.
    pub quirks: Vec<Quirk>,
    /// The objects that were deleted after the view was created, and how the server reports that.
    pub deleted: Vec<(String, DeletedObject)>,
    /// Properties that the server does not report: the object's id, the path and the fault.
    pub unread: Vec<(String, &'static str, &'static str)>,
    /// Objects that the list leaves out, although they exist and a request for their ids answers.
    pub omitted: Vec<String>,
    /// The pages after which the session ends once, by their numbers from 1, over all lists.
    pub sessions_end_after: Vec<usize>,
    /// What the server remembers.
    pub state: Mutex<VcenterState>,
}

/// Sessions, views and unsent pages.
#[derive(Debug, Default)]
pub struct VcenterState {
    /// The keys of the sessions.
    sessions: Vec<String>,
    logins: usize,
    /// The types of each view, by its id.
    views: HashMap<String, Vec<String>>,
    /// The pages that follow, by session and token.
    following: HashMap<(String, String), Vec<Vec<String>>>,
    pages: usize,
    tokens: usize,
}

/// A fault: its type, and the server's sentence.
type Fault = (&'static str, &'static str);

impl Default for Vcenter {
    fn default() -> Self {
        Self {
            objects: everything(),
            page_size: 100,
            rights: Rights::Full,
            quirks: Vec::new(),
            deleted: Vec::new(),
            unread: Vec::new(),
            omitted: Vec::new(),
            sessions_end_after: Vec::new(),
            state: Mutex::default(),
        }
    }
}

impl Vcenter {
    /// Answers a request.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/sdk/vimServiceVersions.xml") => xml_answer(200, versions()),
            ("POST", "/sdk") => self.call(request),
            _ => Action::answer(404, "not found"),
        }
    }

    /// The number of logins so far.
    pub fn logins(&self) -> usize {
        self.state().logins
    }

    /// The number of sessions that did not end.
    pub fn open_sessions(&self) -> usize {
        self.state().sessions.len()
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    fn state(&self) -> MutexGuard<'_, VcenterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, request: &ReceivedRequest) -> Action {
        let body = String::from_utf8_lossy(&request.body);
        let Ok(document) = xml::parse(&body, Limits::default()) else {
            return fault(("InvalidRequest", "the request is not XML"));
        };
        let Some(method) = method_of(&document) else {
            return fault(("InvalidRequest", "the request is no SOAP message"));
        };
        let action = request.header("soapaction").unwrap_or_default().trim_matches('"');
        let version = action.strip_prefix("urn:vim25/").unwrap_or_default();
        if !VERSIONS.contains(&version) {
            return fault(("InvalidRequest", "unsupported version URI"));
        }
        let name = method.tag_name().name();
        let session = self.session(request);
        let result = match (name, &session) {
            ("RetrieveServiceContent", _) => Ok(self.service_content()),
            ("Login", None) => return self.log_in(method),
            ("Login", Some(_)) => Err(("InvalidLogin", "the session is logged in already")),
            ("RetrievePropertiesEx" | "ContinueRetrievePropertiesEx", None)
                if !self.has(Quirk::EndedSessionIsFault) =>
            {
                Ok(self.not_authenticated())
            }
            (_, None) => Err(("NotAuthenticated", "The session is not authenticated.")),
            (_, Some(session)) => self.call_in_session(name, method, session),
        };
        match result {
            Ok(content) => {
                let answer =
                    format!("<{name}Response xmlns=\"urn:vim25\">{content}</{name}Response>");
                xml_answer(200, envelope(&answer))
            }
            Err(reason) => fault(reason),
        }
    }

    fn call_in_session(&self, name: &str, method: Node, session: &str) -> Result<String, Fault> {
        match name {
            "Logout" => {
                self.end_session(session);
                Ok(String::new())
            }
            "HasPrivilegeOnEntity" => self.has_privilege(method, session),
            "RetrieveEntityPermissions" => self.permissions(),
            "CreateContainerView" => self.create_view(method, session),
            "DestroyView" => Ok(String::new()),
            "RetrievePropertiesEx" => self.retrieve(method, session),
            "ContinueRetrievePropertiesEx" => self.continue_list(method, session),
            _ => Err(("MethodNotFound", "the object does not have this method")),
        }
    }

    /// The session of the request's cookie, of which some clients send back the attributes too.
    fn session(&self, request: &ReceivedRequest) -> Option<String> {
        let cookie = request.header("cookie")?.split(';').next()?;
        let key = cookie.strip_prefix("vmware_soap_session=")?.trim_matches('"');
        self.state().sessions.iter().find(|known| *known == key).cloned()
    }

    fn log_in(&self, method: Node) -> Action {
        let given = (xml::text(method, &["userName"]), xml::text(method, &["password"]));
        let mut state = self.state();
        state.logins += 1;
        if given != (Some(USER), Some(PASSWORD)) {
            let reason = "Cannot complete login due to an incorrect user name or password.";
            return fault(("InvalidLogin", reason));
        }
        let key = format!("52aa0000-0000-0000-0000-{:012}", state.logins);
        state.sessions.push(key.clone());
        let answer = format!(
            "<LoginResponse xmlns=\"urn:vim25\"><returnval><key>{key}</key><userName>{ACCOUNT}</userName>\
             <fullName>Inventory</fullName><loginTime>2026-11-28T10:00:00.000001Z</loginTime>\
             <lastActiveTime>2026-11-28T10:00:00.000001Z</lastActiveTime><locale>en</locale>\
             <messageLocale>en</messageLocale></returnval></LoginResponse>"
        );
        let cookie = format!("vmware_soap_session=\"{key}\"; Path=/; HttpOnly; Secure;");
        xml_answer(200, envelope(&answer)).header("set-cookie", &cookie)
    }

    fn end_session(&self, session: &str) {
        let mut state = self.state();
        state.sessions.retain(|known| known != session);
        state.following.retain(|(owner, _), _| owner != session);
    }

    fn service_content(&self) -> String {
        let (name, api, line) = if self.has(Quirk::Esxi) {
            ("VMware ESXi", "HostAgent", "embeddedEsx")
        } else {
            ("VMware vCenter Server", "VirtualCenter", "vpx")
        };
        let fields = "<customFieldsManager type=\"CustomFieldsManager\">CustomFieldsManager</customFieldsManager>";
        let fields = if self.has(Quirk::Esxi) { "" } else { fields };
        format!(
            "<returnval><rootFolder type=\"Folder\">{ROOT}</rootFolder>\
             <propertyCollector type=\"PropertyCollector\">propertyCollector</propertyCollector>\
             <viewManager type=\"ViewManager\">ViewManager</viewManager>\
             <about><name>{name}</name><fullName>{name} 8.0.9 build-12345</fullName><vendor>VMware, Inc.</vendor>\
             <version>8.0.9</version><build>12345</build><osType>linux-x64</osType><productLineId>{line}</productLineId>\
             <apiType>{api}</apiType><apiVersion>8.0.2.0</apiVersion></about>\
             <sessionManager type=\"SessionManager\">SessionManager</sessionManager>\
             <authorizationManager type=\"AuthorizationManager\">AuthorizationManager</authorizationManager>\
             {fields}</returnval>"
        )
    }

    fn has_privilege(&self, method: Node, session: &str) -> Result<String, Fault> {
        if self.has(Quirk::Esxi) {
            return Err(("NotSupported", "The operation is not supported on the object."));
        }
        if xml::text(method, &["sessionId"]) != Some(session) {
            return Err(("InvalidArgument", "A specified parameter was not correct: sessionId"));
        }
        match self.rights {
            Rights::FaultOnRoot => Err(DENIED),
            Rights::ViewOnly if xml::text(method, &["privId"]) == Some("System.Read") => {
                Ok("<returnval>false</returnval>".to_owned())
            }
            Rights::NoneOnRoot => Ok("<returnval>false</returnval>".to_owned()),
            _ => Ok("<returnval>true</returnval>".to_owned()),
        }
    }

    fn permissions(&self) -> Result<String, Fault> {
        let propagate = match self.rights {
            Rights::RolesHidden => return Err(DENIED),
            rights => rights != Rights::NotPropagated,
        };
        let permission = |principal: &str, propagate: bool| {
            format!(
                "<returnval><entity type=\"Folder\">{ROOT}</entity><principal>{principal}</principal>\
                 <group>false</group><roleId>-2</roleId><propagate>{propagate}</propagate></returnval>"
            )
        };
        Ok(permission("VSPHERE.LOCAL\\other", true) + &permission(ACCOUNT, propagate))
    }

    fn create_view(&self, method: Node, session: &str) -> Result<String, Fault> {
        if xml::text(method, &["container"]) != Some(ROOT) {
            return Err(("ManagedObjectNotFound", "The object has already been deleted"));
        }
        let kinds = xml::children(method, "type").filter_map(|kind| kind.text()).map(str::to_owned);
        let mut state = self.state();
        let id = format!("session[{session}]52bb0000-{:04}", state.views.len());
        state.views.insert(id.clone(), kinds.collect());
        Ok(format!("<returnval type=\"ContainerView\">{id}</returnval>"))
    }
}

const DENIED: Fault = ("NoPermission", "Permission to perform this operation was denied.");

fn method_of<'a, 'input>(document: &'a Document<'input>) -> Option<Node<'a, 'input>> {
    let body = xml::child(document.root_element(), "Body")?;
    let method = body.first_element_child()?;
    (method.tag_name().namespace() == Some("urn:vim25")).then_some(method)
}

/// An answer with status 500 and a fault.
pub fn fault((kind, sentence): Fault) -> Action {
    fault_with(kind, sentence)
}

/// The same with a sentence that depends on the request.
pub fn fault_with(kind: &str, sentence: &str) -> Action {
    let object =
        format!("<object type=\"Folder\">{ROOT}</object><privilegeId>System.View</privilegeId>");
    let (detail, sentence) =
        (if kind == "NoPermission" { object } else { String::new() }, value::escape(sentence));
    xml_answer(
        500,
        envelope(&format!(
            "<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{sentence}</faultstring><detail>\
             <{kind}Fault xmlns=\"urn:vim25\" xsi:type=\"{kind}\">{detail}</{kind}Fault></detail></soapenv:Fault>"
        )),
    )
}

fn envelope(content: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soapenv:Envelope \
         xmlns:soapenc=\"http://schemas.xmlsoap.org/soap/encoding/\"\n \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\"\n xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"\n \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<soapenv:Body>\n{content}\n</soapenv:Body>\n\
         </soapenv:Envelope>\n"
    )
}

fn versions() -> String {
    let prior = VERSIONS.join("</version><version>");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?><namespaces version=\"1.0\"><namespace><name>urn:vim25</name>\
         <version>uX000D001</version><priorVersions><version>{prior}</version></priorVersions></namespace></namespaces>"
    )
}

fn xml_answer(status: u16, body: String) -> Action {
    Action::answer(status, body).header("content-type", "text/xml; charset=utf-8")
}
