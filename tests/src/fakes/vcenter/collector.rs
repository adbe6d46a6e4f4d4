//! The property collector of a fake vCenter: which objects a request selects, their properties, and the pages.

use std::fmt::Write as _;

use gatherer_plugin_support::xml::{self, Node};

use super::inventory::custom_fields;
use super::objects::{FakeObject, is_known_path};
use super::value::{Value, escape};
use super::{DENIED, DeletedObject, Fault, Quirk, Vcenter};

const GONE: Fault = (
    "ManagedObjectNotFound",
    "The object has already been deleted or has not been completely created",
);
const INVALID_PROPERTY: Fault = ("InvalidProperty", "");

/// The properties that a request wants of each type.
type Wanted = Vec<(String, Vec<String>)>;

impl Vcenter {
    /// The answer to `RetrievePropertiesEx`: the first page.
    pub(super) fn retrieve(&self, method: Node, session: &str) -> Result<String, Fault> {
        let options = xml::child(method, "options")
            .ok_or(("InvalidRequest", "the parameter options is missing"))?;
        let asked = xml::text(options, &["maxObjects"]).map(str::parse::<usize>);
        let asked = match asked {
            Some(Ok(number)) if number > 0 => number,
            None => usize::MAX,
            Some(_) => return Err(("InvalidArgument", "maxObjects")),
        };
        let mut contents = Vec::new();
        for specification in xml::children(method, "specSet") {
            let wanted = wanted(specification)?;
            for set in xml::children(specification, "objectSet") {
                contents.extend(self.select(set, &wanted)?);
            }
        }
        let pages = self.pages(&contents, asked.min(self.page_size));
        Ok(self.page(session, pages))
    }

    /// The answer to `ContinueRetrievePropertiesEx`.
    pub(super) fn continue_list(&self, method: Node, session: &str) -> Result<String, Fault> {
        if self.has(Quirk::SecondPageDenied) {
            return Err(DENIED);
        }
        let token = xml::child(method, "token").and_then(|token| token.text()).unwrap_or_default();
        let key = (session.to_owned(), token.to_owned());
        let pages = self.state().following.remove(&key).ok_or(INVALID_PROPERTY)?;
        Ok(self.page(session, pages))
    }

    /// The answer in an ended session: an object without any property.
    pub(super) fn not_authenticated(&self) -> String {
        let object = &self.objects[0];
        format!(
            "<returnval>{}</returnval>",
            missing(object, &["name".to_owned()], "NotAuthenticated")
        )
    }

    /// The elements of the objects that a set selects: the objects of a view, or one object.
    fn select(&self, set: Node, wanted: &Wanted) -> Result<Vec<String>, Fault> {
        let object = xml::child(set, "obj").ok_or(GONE)?;
        let id = object.text().unwrap_or_default().trim();
        let view = self.state().views.get(id).cloned();
        if let Some(kinds) = view {
            let selected = self
                .objects
                .iter()
                .filter(|object| kinds.iter().any(|kind| is_a(object.kind, kind)));
            if xml::child(set, "selectSet").is_none() {
                let items = selected.map(|object| Value::Reference(object.kind, object.id.clone()));
                let list = Value::List("ManagedObjectReference", items.collect());
                let view = format!("<propSet><name>view</name>{}</propSet>", list.property());
                return Ok(vec![format!(
                    "<objects><obj type=\"ContainerView\">{id}</obj>{view}</objects>"
                )]);
            }
            let mut contents = Vec::new();
            for object in selected.filter(|object| !self.omitted.contains(&object.id)) {
                contents.extend(self.content(object, wanted, true)?);
            }
            return Ok(contents);
        }
        let fields = custom_fields();
        let mut all = self.objects.iter().chain([&fields]);
        let found =
            all.find(|known| known.id == id && object.attribute("type") == Some(known.kind));
        let found = found.ok_or(GONE)?;
        Ok(self.content(found, wanted, false)?.into_iter().collect())
    }

    /// The element of an object; `None` if it is left out.
    fn content(
        &self,
        object: &FakeObject,
        wanted: &Wanted,
        is_listed: bool,
    ) -> Result<Option<String>, Fault> {
        let mut matching = wanted.iter().filter(|(kind, _)| is_a(object.kind, kind)).peekable();
        if matching.peek().is_none() {
            return Ok(None);
        }
        let paths: Vec<String> = matching.flat_map(|(_, paths)| paths.clone()).collect();
        let deleted = self.deleted.iter().find(|(id, _)| *id == object.id);
        match deleted.map(|(_, how)| how) {
            Some(DeletedObject::IsInMissingSet) => {
                return Ok(Some(missing(object, &paths, "ManagedObjectNotFound")));
            }
            Some(DeletedObject::IsLeftOut) if is_listed => return Ok(None),
            Some(_) => return Err(GONE),
            None => {}
        }
        let mut element =
            format!("<objects><obj type=\"{}\">{}</obj>", object.kind, escape(&object.id));
        let mut unread = String::new();
        for path in &paths {
            let fault =
                self.unread.iter().find(|(id, unread, _)| *id == object.id && unread == path);
            if let Some((_, _, fault)) = fault {
                unread.push_str(&missing_property(object, path, fault));
            } else if let Some(value) = Value::at(&object.properties, path) {
                let value = value.property();
                let _ = write!(element, "<propSet><name>{path}</name>{value}</propSet>");
            }
        }
        Ok(Some(element + &unread + "</objects>"))
    }

    /// The objects in pages, with the settings' peculiarities.
    fn pages(&self, contents: &[String], size: usize) -> Vec<Vec<String>> {
        let mut pages: Vec<Vec<String>> =
            contents.chunks(size.max(1)).map(<[String]>::to_vec).collect();
        if pages.is_empty() {
            pages.push(Vec::new());
        }
        if self.has(Quirk::RepeatedObject) && pages.len() > 1 {
            let last = pages[0].last().cloned();
            pages[1].splice(0..0, last);
        }
        if self.has(Quirk::EmptyPage) && pages.len() > 1 {
            pages.insert(1, Vec::new());
        }
        pages
    }

    /// The result with the first page, and a token if there are more.
    fn page(&self, session: &str, mut pages: Vec<Vec<String>>) -> String {
        let number = {
            let mut state = self.state();
            state.pages += 1;
            state.pages
        };
        let page = pages.remove(0);
        if pages.is_empty() && self.has(Quirk::Endless) && !page.is_empty() {
            pages.push(page.clone());
        }
        let is_last = pages.is_empty();
        let mut token = String::new();
        if !is_last {
            let mut state = self.state();
            let text = match () {
                () if self.has(Quirk::EmptyToken) => String::new(),
                () if self.has(Quirk::OnlyTokenZero) => "0".to_owned(),
                () => state.tokens.to_string(),
            };
            state.tokens += 1;
            token = format!("<token>{text}</token>");
            state.following.insert((session.to_owned(), text), pages);
        }
        if self.sessions_end_after.contains(&number) {
            self.end_session(session);
        }
        if is_last && self.has(Quirk::LastPageWithoutList) && number > 2 {
            return String::new();
        }
        format!("<returnval>{token}{}</returnval>", page.concat())
    }
}

/// The properties that a specification wants. Unknown ones are refused.
fn wanted(specification: Node) -> Result<Wanted, Fault> {
    let mut wanted = Vec::new();
    for set in xml::children(specification, "propSet") {
        let kind = xml::text(set, &["type"]).ok_or(INVALID_PROPERTY)?;
        let paths: Vec<String> = xml::children(set, "pathSet")
            .filter_map(|path| path.text())
            .map(str::to_owned)
            .collect();
        if paths.iter().any(|path| !is_known_path(kind, path)) {
            return Err(INVALID_PROPERTY);
        }
        wanted.push((kind.to_owned(), paths));
    }
    Ok(wanted)
}

/// Whether the type is this one or is derived from it.
fn is_a(kind: &str, base: &str) -> bool {
    kind == base
        || matches!(
            (kind, base),
            ("ClusterComputeResource", "ComputeResource")
                | ("DistributedVirtualPortgroup", "Network")
        )
}

fn missing(object: &FakeObject, paths: &[String], fault: &str) -> String {
    let all: String = paths.iter().map(|path| missing_property(object, path, fault)).collect();
    format!("<objects><obj type=\"{}\">{}</obj>{all}</objects>", object.kind, escape(&object.id))
}

fn missing_property(object: &FakeObject, path: &str, fault: &str) -> String {
    let (kind, id) = (object.kind, escape(&object.id));
    let detail = match fault {
        "ManagedObjectNotFound" => format!("<obj type=\"{kind}\">{id}</obj>"),
        "NoPermission" | "NotAuthenticated" => {
            format!("<object type=\"{kind}\">{id}</object><privilegeId>System.Read</privilegeId>")
        }
        _ => String::new(),
    };
    format!(
        "<missingSet><path>{path}</path><fault><fault xsi:type=\"{fault}\">{detail}</fault>\
         <localizedMessage></localizedMessage></fault></missingSet>"
    )
}
