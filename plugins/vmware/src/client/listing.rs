//! Lists all objects: one view of the whole inventory, read page by page, and what the pages leave out one by one.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::sync::Arc;

use gatherer_plugin_api::{ErrorKind, GatherError};
use gatherer_plugin_support::http::Response;
use gatherer_plugin_support::paging::{Page, PageError, Paging};
use gatherer_plugin_support::xml::{self, Node};
use tokio::task::JoinHandle;

use super::{CallError, Login, Vsphere, read_result, rights, soap};
use crate::map::{self, ManagedObject, PROPERTIES, Record, VsphereInventory};

/// The most objects of a page that the module asks for. Servers send 100 or fewer, whatever a client asks for.
const PAGE_OBJECTS: usize = 100;
/// How often everything is listed again because it changed meanwhile.
const MAX_RESTARTS: u32 = 3;
/// How many pages a list may have more than objects.
const SPARE_PAGES: usize = 100;
/// How often other tasks may run before a page is parsed: the one of the request and the one of the connection, which
/// first notices that the answer before has ended.
const YIELDS: usize = 4;
const RETRIEVE: &str = "RetrievePropertiesEx";
const CONTINUE: &str = "ContinueRetrievePropertiesEx";

/// A page of objects.
pub struct ObjectPage {
    /// `None` if the answer has no result.
    pub records: Option<Vec<Record>>,
    /// Present if there are more pages. `0` and the empty text are tokens too.
    token: Option<String>,
}

/// Reads the whole inventory with one session. An `authentication` error means that the session has ended.
pub async fn inventory(
    vsphere: &Arc<Vsphere>,
    login: &Login,
) -> Result<VsphereInventory, GatherError> {
    let warning = rights::check(vsphere, login).await?;
    let view = create_view(vsphere, login).await?;
    let mut restarts = 0;
    loop {
        let records = records(vsphere, login, &view).await?;
        match map::inventory(records) {
            // Without a role that is known to apply everywhere, hosts may be hidden. An ESXi host lists itself.
            Ok(inventory)
                if inventory.hosts.is_empty()
                    && (warning.is_some() || !vsphere.content.is_vcenter) =>
            {
                let hint =
                    "give the account the role Read-only on the root folder, with propagation";
                return Err(GatherError::new(ErrorKind::Permission, "the server lists no host")
                    .with_hint(hint));
            }
            Ok(mut inventory) => {
                let warning = warning.map(|warning| ("permissions".to_owned(), warning));
                inventory.warnings.splice(0..0, warning);
                return Ok(inventory);
            }
            Err(unlisted) if restarts < MAX_RESTARTS => {
                tracing::info!("{unlisted}; restarting the list");
                restarts += 1;
            }
            Err(unlisted) => {
                return Err(GatherError::new(ErrorKind::Permission, unlisted.to_string()).with_hint(
                    "the account may not see the host: give it the role Read-only on the root folder, with propagation",
                ));
            }
        }
    }
}

/// Creates the view of everything below the root folder.
async fn create_view(vsphere: &Vsphere, login: &Login) -> Result<ManagedObject, GatherError> {
    let method = "CreateContainerView";
    let mut arguments = soap::reference("container", &vsphere.content.root_folder);
    for (kind, _) in PROPERTIES {
        let _ = write!(arguments, "<type>{kind}</type>");
    }
    arguments.push_str("<recursive>true</recursive>");
    let manager = &vsphere.content.view_manager;
    let read = |answer: Node| {
        xml::child(answer, "returnval")
            .and_then(ManagedObject::read)
            .ok_or_else(|| GatherError::protocol(format!("{method}: the answer has no view")))
    };
    let view = vsphere.call(Some(login), method, manager, &arguments, read).await;
    view.map_err(|error| error.into_error(method))
}

/// A record of each object in the view.
async fn records(
    vsphere: &Arc<Vsphere>,
    login: &Login,
    view: &ManagedObject,
) -> Result<Vec<Record>, GatherError> {
    let objects = view_objects(vsphere, login, view).await?;
    tracing::debug!(objects = objects.len(), "the view was read");
    let mut specification = specification(&format!(
        "<objectSet>{}<skip>true</skip><selectSet xsi:type=\"TraversalSpec\"><name>view</name>\
         <type>ContainerView</type><path>view</path><skip>false</skip></selectSet></objectSet>",
        soap::reference("obj", view)
    ));
    if let Some(manager) = &vsphere.content.custom_fields_manager {
        let _ = write!(
            specification,
            "<specSet><propSet><type>CustomFieldsManager</type><pathSet>field</pathSet></propSet>\
             <objectSet>{}</objectSet></specSet>",
            soap::reference("obj", manager)
        );
    }
    // If an object was deleted, the server may refuse the whole list.
    let list = pages(vsphere, login, &specification, objects.len()).await?;
    let mut records = list.unwrap_or_default();
    let listed: HashSet<&str> = records.iter().map(Record::id).collect();
    let unlisted: Vec<_> = objects.iter().filter(|object| !listed.contains(&*object.id)).collect();
    if !unlisted.is_empty() {
        tracing::info!("the list lacks {} objects of the view; reading them by id", unlisted.len());
        let found = by_id(vsphere, login, &unlisted).await?;
        records.extend(found);
    }
    Ok(records)
}

/// The objects of the view.
async fn view_objects(
    vsphere: &Arc<Vsphere>,
    login: &Login,
    view: &ManagedObject,
) -> Result<Vec<ManagedObject>, GatherError> {
    let collector = &vsphere.content.property_collector;
    let arguments = format!(
        "<specSet><propSet><type>ContainerView</type><pathSet>view</pathSet></propSet>\
         <objectSet>{}</objectSet></specSet><options/>",
        soap::reference("obj", view)
    );
    let objects = vsphere.call(Some(login), RETRIEVE, collector, &arguments, map::view_objects);
    objects.await.map_err(|error| error.into_error(RETRIEVE))
}

/// The records of these objects. Without those that were deleted meanwhile, which the server reports with a fault
/// for all objects of a request: then each half is read.
async fn by_id(
    vsphere: &Arc<Vsphere>,
    login: &Login,
    objects: &[&ManagedObject],
) -> Result<Vec<Record>, GatherError> {
    let mut records = Vec::new();
    let mut parts: Vec<&[&ManagedObject]> = objects.chunks(PAGE_OBJECTS).collect();
    while let Some(part) = parts.pop() {
        let mut elements = String::new();
        for object in part {
            let _ = write!(elements, "<objectSet>{}</objectSet>", soap::reference("obj", object));
        }
        match pages(vsphere, login, &specification(&elements), part.len()).await? {
            Some(found) => {
                let listed: HashSet<&str> = found.iter().map(Record::id).collect();
                if let Some(unlisted) = part.iter().find(|object| !listed.contains(&*object.id)) {
                    return Err(GatherError::protocol(format!(
                        "{RETRIEVE}: the answer lacks {unlisted}, which was asked for by its id"
                    )));
                }
                records.extend(found);
            }
            None if part.len() == 1 => tracing::info!("{} was deleted meanwhile", part[0]),
            None => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.extend([second, first]);
            }
        }
    }
    Ok(records)
}

/// The properties that are read of each kind of object, for these objects.
fn specification(objects: &str) -> String {
    let mut text = "<specSet>".to_owned();
    for (kind, paths) in PROPERTIES {
        let _ = write!(text, "<propSet><type>{kind}</type>");
        for path in *paths {
            let _ = write!(text, "<pathSet>{path}</pathSet>");
        }
        text.push_str("</propSet>");
    }
    text + objects + "</specSet>"
}

/// Reads all pages of a list of about this many objects. `None` if the server reports that one of them was deleted. While
/// a page is parsed, the server already makes the next one.
async fn pages(
    vsphere: &Arc<Vsphere>,
    login: &Login,
    specification: &str,
    objects: usize,
) -> Result<Option<Vec<Record>>, GatherError> {
    let is_deleted = Cell::new(false);
    let mut ahead: Option<PageAhead> = None;
    // The server may use a token again, so the number of the page is part of the marker.
    let page = async |next: Option<&(usize, String)>| {
        let (number, method) = next.map_or((0, RETRIEVE), |(number, _)| (*number, CONTINUE));
        let answer = match (next, ahead.take()) {
            (Some((_, token)), Some(ahead)) if ahead.token == *token => ahead.answer().await?,
            (Some((_, token)), _) => next_page(vsphere, login, token).await?,
            (None, _) => {
                let options = format!("<options><maxObjects>{PAGE_OBJECTS}</maxObjects></options>");
                let collector = &vsphere.content.property_collector;
                let arguments = format!("{specification}{options}");
                vsphere.exchange(Some(login), method, collector, &arguments).await?
            }
        };
        if let Some(token) = soap::token_ahead(answer.body()) {
            ahead = Some(PageAhead::start(vsphere, login, token).await);
        }
        match read_result(&answer, method, object_page) {
            Ok(page) => {
                let next = page.token.map(|token| (number + 1, token));
                Ok(Page { items: page.records, next, total: None })
            }
            Err(CallError::Failed(error)) => Err(error.into()),
            Err(CallError::Fault(fault)) => {
                is_deleted.set(fault.is("ManagedObjectNotFound"));
                let error = fault.error(method);
                match fault.kind.as_str() {
                    "NoPermission" if method == CONTINUE => Err(no_right_to_continue(error).into()),
                    // A token is valid once. It was used if its answer got lost.
                    "InvalidArgument" | "InvalidProperty" if method == CONTINUE => {
                        Err(PageError::StartOver(error))
                    }
                    _ => Err(error.into()),
                }
            }
        }
    };
    // Few pages have no object, or only objects that were on another page.
    let paging = Paging { max_pages: objects + SPARE_PAGES, ..Paging::by_marker("objects") };
    match paging.read(&vsphere.context, |record| record.id().to_owned(), page).await {
        Ok(records) => Ok(Some(records)),
        Err(_) if is_deleted.get() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Requests the page that begins at a token.
async fn next_page(vsphere: &Vsphere, login: &Login, token: &str) -> Result<Response, GatherError> {
    let arguments = format!("<token>{}</token>", soap::escape(token));
    let collector = &vsphere.content.property_collector;
    vsphere.exchange(Some(login), CONTINUE, collector, &arguments).await
}

/// The request for the next page, in a task of its own. Dropping it cancels the request.
struct PageAhead {
    token: String,
    task: JoinHandle<Result<Response, GatherError>>,
}

impl PageAhead {
    /// Sends the request.
    async fn start(vsphere: &Arc<Vsphere>, login: &Login, token: &str) -> Self {
        let (vsphere, login, token) = (Arc::clone(vsphere), login.clone(), token.to_owned());
        let task = tokio::spawn({
            let token = token.clone();
            async move { next_page(&vsphere, &login, &token).await }
        });
        // Parsing does not let other tasks run, so those of the connection must run before.
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        Self { token, task }
    }

    async fn answer(mut self) -> Result<Response, GatherError> {
        (&mut self.task).await.unwrap_or_else(|error| resume_unwind(error.into_panic()))
    }
}

impl Drop for PageAhead {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Some builds of vCenter 7.0.3 to 8.0.2 require a right on the root folder for the second page.
fn no_right_to_continue(error: GatherError) -> GatherError {
    error.with_hint(
        "some versions of vCenter send only the first page to an account without a role on the root folder: give the \
         account the role Read-only on the root folder, with propagation",
    )
}

/// A page of an answer.
pub fn object_page(answer: Node) -> Result<ObjectPage, GatherError> {
    let Some(result) = xml::child(answer, "returnval") else {
        return Ok(ObjectPage { records: None, token: None });
    };
    let records = xml::children(result, "objects").map(map::record).collect::<Result<_, _>>()?;
    let token = xml::child(result, "token").filter(|token| !map::is_nil(*token));
    let token = token.map(|token| token.text().unwrap_or_default().to_owned());
    Ok(ObjectPage { records: Some(records), token })
}
