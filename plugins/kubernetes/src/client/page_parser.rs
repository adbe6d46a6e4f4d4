//! Strict parsing of one page of a list. No error quotes the page's content.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use gatherer_plugin_api::GatherError;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

use crate::json::{DUPLICATE_KEY, OTHER_KIND, TOO_MANY_ENTRIES, only_from_an_object};
use crate::objects::Resource;
use crate::objects::kinds::Listed;

/// Custom serde errors about an item that are passed on to the user.
const NO_NAME: &str = "has no name";
const NO_UID: &str = "has no uid";

/// The hint for a response that an API server would not send.
pub(super) const ALTERED_RESPONSE: &str = "check the proxies and load balancers in front of the API \
                                         server: one of them may have altered the response";

/// What a page says about its list, apart from the items.
#[derive(Debug)]
pub(super) struct ListHead {
    /// The continue token of the next page; `None` on the last page.
    pub next: Option<String>,
    /// The `resourceVersion` of the list. Empty if the server does not send one.
    pub version: String,
    /// How many items follow on later pages, if the server says so.
    pub remaining: Option<usize>,
}

#[derive(Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
struct ListMetadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<i64>,
}

only_from_an_object!(ListMetadata);

/// A member of the document: `None` until it was seen, `Some(None)` if it is null.
type Member<T> = Option<Option<T>>;

/// The members of a list, without its items.
#[derive(Default)]
struct ListMembers {
    kind: Member<String>,
    api_version: Member<String>,
    metadata: Member<ListMetadata>,
    items: Member<()>,
}

impl ListMembers {
    /// Checks the members, once the whole document was parsed.
    fn head(self, resource: &Resource, request_text: &str) -> Result<ListHead, GatherError> {
        let type_of_list =
            ListType { kind: self.kind.flatten(), api_version: self.api_version.flatten() };
        if !type_of_list.is_of(resource) {
            return Err(not_the_list(resource, request_text));
        }
        let Some(metadata) = self.metadata.flatten() else {
            return Err(invalid(request_text, "the list has no metadata"));
        };
        let remaining = metadata.remaining_item_count;
        let next = metadata.next.filter(|token| !token.is_empty());
        if next.is_none() && remaining.is_some_and(|count| count > 0) {
            let why = "the list announces more items, but has no continue token";
            return Err(invalid(request_text, why));
        }
        if self.items.flatten().is_none() {
            return Err(invalid(request_text, "the list has no items"));
        }
        Ok(ListHead {
            next,
            version: metadata.resource_version.unwrap_or_default(),
            remaining: remaining.and_then(|count| usize::try_from(count).ok()),
        })
    }
}

/// The visitor of a list (`NodeList`), which passes on the items one by one.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#collections>
struct ListVisitor<L, F> {
    take: F,
    members: ListMembers,
    /// The error of `take`, which stopped the parser.
    stop: Option<GatherError>,
    list: PhantomData<L>,
}

/// Reads a member's value; a second member of that name is an error.
fn once<'de, T, A>(member: &mut Option<T>, name: &'static str, map: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if member.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *member = Some(map.next_value()?);
    Ok(())
}

impl<'de, L, F> Visitor<'de> for &mut ListVisitor<L, F>
where
    L: Listed,
    F: FnMut(L::Item<'de>) -> Result<(), GatherError>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(MemberName(name)) = map.next_key()? {
            match &*name {
                "kind" => once(&mut self.members.kind, "kind", &mut map)?,
                "apiVersion" => once(&mut self.members.api_version, "apiVersion", &mut map)?,
                "metadata" => once(&mut self.members.metadata, "metadata", &mut map)?,
                "items" if self.members.items.is_some() => {
                    return Err(A::Error::duplicate_field("items"));
                }
                "items" => self.members.items = Some(map.next_value_seed(ItemsSeed(self))?),
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

/// The name of a member, borrowed unless it contains escapes.
#[derive(Deserialize)]
struct MemberName<'a>(#[serde(borrow)] Cow<'a, str>);

/// Deserializes the items and passes each one on at once, because a page of 64 MiB can have 20
/// million empty items. The value is `None` if the list is null.
struct ItemsSeed<'a, L, F>(&'a mut ListVisitor<L, F>);

impl<'de, L, F> DeserializeSeed<'de> for ItemsSeed<'_, L, F>
where
    L: Listed,
    F: FnMut(L::Item<'de>) -> Result<(), GatherError>,
{
    type Value = Option<()>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, L, F> Visitor<'de> for ItemsSeed<'_, L, F>
where
    L: Listed,
    F: FnMut(L::Item<'de>) -> Result<(), GatherError>,
{
    type Value = Option<()>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while let Some(item) = entries.next_element::<L::Item<'de>>()? {
            let (name, uid) = L::identity(&item);
            if name.is_empty() {
                return Err(A::Error::custom(NO_NAME));
            }
            if uid.is_empty() {
                return Err(A::Error::custom(NO_UID));
            }
            if let Err(error) = (self.0.take)(item) {
                self.0.stop = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(Some(()))
    }
}

/// The type of a list, without the rest of the document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListType {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    api_version: Option<String>,
}

impl ListType {
    fn is_of(&self, resource: &Resource) -> bool {
        let item = self.kind.as_deref().and_then(|kind| kind.strip_suffix("List"));
        item == Some(resource.kind) && self.api_version.as_deref() == Some(&*resource.api_version)
    }
}

/// Parses a page, and calls `take` for each item; its name and its uid are not empty. If parsing fails,
/// everything received must be discarded. `request_text` names the request, for messages.
pub(super) fn parse<L: Listed>(
    bytes: &[u8],
    resource: &Resource,
    request_text: &str,
    take: impl FnMut(L::Item<'_>) -> Result<(), GatherError>,
) -> Result<ListHead, GatherError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        invalid(request_text, &format!("the response is not UTF-8: byte {byte} is invalid"))
    })?;
    match text.trim_start().chars().next() {
        None => return Err(invalid(request_text, "the response is empty")),
        Some('<') => {
            let error = invalid(request_text, "the response is a web page, not JSON").with_hint(
                "check that the kubeconfig's server is the URL of an API server, and that there \
                 is no login page in front of it",
            );
            return Err(error);
        }
        Some(_) => {}
    }
    let members = ListMembers::default();
    let mut visitor = ListVisitor::<L, _> { take, members, stop: None, list: PhantomData };
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = json.deserialize_map(&mut visitor).and_then(|()| json.end());
    if let Some(error) = visitor.stop {
        return Err(error);
    }
    if let Err(error) = parsed {
        let is_data_error = error.classify() == Category::Data;
        return Err(if is_data_error && is_another_list(text, resource) {
            not_the_list(resource, request_text)
        } else {
            invalid(request_text, &error_text(&error, resource))
        });
    }
    visitor.members.head(resource, request_text)
}

/// The continue token of the next page, if the page begins with it, as the pages of an API server do. The
/// rest of the page is not checked.
pub(super) fn next_token(bytes: &[u8]) -> Option<String> {
    let mut next = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    // The visitor stops at the items with an error.
    let _ = json.deserialize_map(NextTokenVisitor(&mut next));
    next.filter(|token| !token.is_empty())
}

/// Reads the members of a list before its items.
struct NextTokenVisitor<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for NextTokenVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(MemberName(name)) = map.next_key()? {
            match &*name {
                "metadata" => {
                    *self.0 = map.next_value::<ListMetadata>()?.next;
                    break;
                }
                "items" => break,
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

fn invalid(request_text: &str, why: &str) -> GatherError {
    GatherError::protocol(format!("{request_text}: {why}")).with_hint(ALTERED_RESPONSE)
}

/// Whether a document whose items could not be parsed is another list than the requested one.
fn is_another_list(text: &str, resource: &Resource) -> bool {
    serde_json::from_str::<ListType>(text).is_ok_and(|found| !found.is_of(resource))
}

fn not_the_list(resource: &Resource, request_text: &str) -> GatherError {
    let Resource { kind, api_version, .. } = resource;
    GatherError::protocol(format!(
        "{request_text}: the response is not a {kind}List of {api_version}"
    ))
    .with_hint("check that the kubeconfig's server is the URL of an API server")
}

/// The message for a serde error. serde's own text may quote the input, so it is used only if it
/// names one of our fields.
fn error_text(error: &serde_json::Error, resource: &Resource) -> String {
    let text = error.to_string();
    let place = format!("(line {}, column {})", error.line(), error.column());
    let names_field =
        ["missing field", "duplicate field"].iter().any(|prefix| text.starts_with(prefix));
    let why = match error.classify() {
        Category::Eof | Category::Io => "the response is truncated",
        Category::Syntax if text.starts_with("recursion limit exceeded") => {
            "the response is nested too deeply"
        }
        Category::Syntax => "the response is not JSON",
        Category::Data if names_field => {
            let field = text.split(" at line").next().unwrap_or_default();
            let kind = resource.kind;
            return format!("the response is not a valid {kind}List: {field} {place}");
        }
        Category::Data if text.starts_with(OTHER_KIND) => {
            return format!("an item of the list is not a {} {place}", resource.kind);
        }
        Category::Data if let Some(why) = item_error(&text) => {
            return format!("{} {why} {place}", resource.one);
        }
        Category::Data => "a member of the response has the wrong type",
    };
    format!("{why} {place}")
}

/// The error about an item, if one of this crate's own types reported it.
fn item_error(text: &str) -> Option<&'static str> {
    [NO_NAME, NO_UID, TOO_MANY_ENTRIES, DUPLICATE_KEY]
        .into_iter()
        .find(|error| text.starts_with(error))
}
