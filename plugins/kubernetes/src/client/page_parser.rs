//! Strict parsing of one page of a list. No error quotes the page's content.

use std::borrow::Cow;
use std::fmt;

use gatherer_plugin_api::GatherError;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

use crate::json::{DUPLICATE_KEY, OTHER_KIND, TOO_MANY_ENTRIES, only_from_an_object};
use crate::objects::Resource;
use crate::objects::kinds::Listed;

/// The most items of a list. The largest clusters have 150,000 pods.
pub(super) const MOST_ITEMS: usize = 1_000_000;

/// Custom serde errors that are passed on to the user. Those that begin with a verb are about an item.
const NO_NAME: &str = "has no name";
const NO_UID: &str = "has no uid";
const TOO_MANY_ITEMS: &str = "the list has more than 1000000 items";

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

/// Receives a page while it is parsed. If parsing fails, everything received must be discarded.
pub(super) trait PageSink {
    /// Why the sink stopped the parser.
    type Stop: From<GatherError>;
    /// The type of the list.
    type List: Listed;
    /// Receives the head, once, before the first item.
    fn begin(&mut self, head: &ListHead) -> Result<(), Self::Stop>;
    /// Receives an item. Its name and its uid are not empty.
    fn take(&mut self, item: Item<'_, Self>) -> Result<(), Self::Stop>;
}

/// The items that a sink receives.
type Item<'de, S> = <<S as PageSink>::List as Listed>::Item<'de>;

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

/// The visitor of a list (`NodeList`), which passes the items to the sink one by one. API servers
/// write the head before the items; items that come before the head are kept until it is complete.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#collections>
struct ListVisitor<'a, 'de, S: PageSink> {
    sink: &'a mut S,
    resource: &'a Resource,
    /// The request, for messages.
    request_text: &'a str,
    kind: Member<String>,
    api_version: Member<String>,
    metadata: Member<ListMetadata>,
    items: Member<Vec<Item<'de, S>>>,
    /// Set once the sink has received it.
    head: Option<ListHead>,
    /// Why the sink stopped the parser.
    stop: Option<S::Stop>,
}

impl<S: PageSink> ListVisitor<'_, '_, S> {
    fn has_head(&self) -> bool {
        self.kind.is_some() && self.api_version.is_some() && self.metadata.is_some()
    }

    /// Checks the head and passes it to the sink.
    fn begin(&mut self) -> Result<(), S::Stop> {
        let text = |member: &Member<String>| member.clone().flatten();
        let (kind, api_version) = (text(&self.kind), text(&self.api_version));
        let is_list = kind.is_some_and(|kind| is_list_of(&kind, self.resource));
        if !is_list || api_version.as_deref() != Some(&*self.resource.api_version) {
            return Err(not_the_list(self.resource, self.request_text).into());
        }
        let Some(metadata) = self.metadata.take().flatten() else {
            return Err(invalid(self.request_text, "the list has no metadata").into());
        };
        let remaining = metadata.remaining_item_count;
        let next = metadata.next.filter(|token| !token.is_empty());
        if next.is_none() && remaining.is_some_and(|count| count > 0) {
            let why = "the list announces more items, but has no continue token";
            return Err(invalid(self.request_text, why).into());
        }
        let head = ListHead {
            next,
            version: metadata.resource_version.unwrap_or_default(),
            remaining: remaining.and_then(|count| usize::try_from(count).ok()),
        };
        // Mark the member as seen, so that a second one is a duplicate.
        self.metadata = Some(None);
        self.sink.begin(&head)?;
        self.head = Some(head);
        Ok(())
    }

    /// Stops serde with a placeholder error, and keeps the sink's own reason.
    fn stop_on_error<E: serde::de::Error>(&mut self, taken: Result<(), S::Stop>) -> Result<(), E> {
        taken.map_err(|stop| {
            self.stop = Some(stop);
            E::custom("stopped")
        })
    }

    /// Called after the whole document was parsed: passes on the items that came before the head.
    fn finish(mut self) -> Result<ListHead, S::Stop> {
        if self.head.is_none() {
            self.begin()?;
        }
        let Some(items) = self.items.take().flatten() else {
            return Err(invalid(self.request_text, "the list has no items").into());
        };
        items.into_iter().try_for_each(|item| self.sink.take(item))?;
        // `begin` has set the head.
        self.head.ok_or_else(|| not_the_list(self.resource, self.request_text).into())
    }
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

impl<'de, S: PageSink> Visitor<'de> for &mut ListVisitor<'_, 'de, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(MemberName(name)) = map.next_key()? {
            match &*name {
                "kind" => once(&mut self.kind, "kind", &mut map)?,
                "apiVersion" => once(&mut self.api_version, "apiVersion", &mut map)?,
                "metadata" => once(&mut self.metadata, "metadata", &mut map)?,
                "items" if self.items.is_some() => return Err(A::Error::duplicate_field("items")),
                "items" => {
                    if self.has_head() {
                        let begun = self.begin();
                        self.stop_on_error(begun)?;
                    }
                    self.items = Some(map.next_value_seed(ItemsSeed(self))?);
                }
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
/// million empty items. The value is the list of items that came before the head.
struct ItemsSeed<'s, 'a, 'de, S: PageSink>(&'s mut ListVisitor<'a, 'de, S>);

impl<'de, S: PageSink> DeserializeSeed<'de> for ItemsSeed<'_, '_, 'de, S> {
    type Value = Option<Vec<Item<'de, S>>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: PageSink> Visitor<'de> for ItemsSeed<'_, '_, 'de, S> {
    type Value = Option<Vec<Item<'de, S>>>;

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
        let mut early = Vec::new();
        while let Some(item) = entries.next_element::<Item<'de, S>>()? {
            let (name, uid) = <S::List as Listed>::identity(&item);
            if name.is_empty() {
                return Err(A::Error::custom(NO_NAME));
            }
            if uid.is_empty() {
                return Err(A::Error::custom(NO_UID));
            }
            if self.0.head.is_some() {
                let taken = self.0.sink.take(item);
                self.0.stop_on_error(taken)?;
            } else if early.len() == MOST_ITEMS {
                return Err(A::Error::custom(TOO_MANY_ITEMS));
            } else {
                early.push(item);
            }
        }
        Ok(Some(early))
    }
}

/// The kind of a document, without the rest of it.
#[derive(Deserialize)]
struct KindOnly {
    #[serde(default)]
    kind: Option<String>,
}

/// Parses a page and passes its items to the sink. `request_text` names the request, for messages.
pub(super) fn parse<S: PageSink>(
    bytes: &[u8],
    resource: &Resource,
    request_text: &str,
    sink: &mut S,
) -> Result<ListHead, S::Stop> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        invalid(request_text, &format!("the response is not UTF-8: byte {byte} is invalid"))
    })?;
    match text.trim_start().chars().next() {
        None => return Err(invalid(request_text, "the response is empty").into()),
        Some('<') => {
            let error = invalid(request_text, "the response is a web page, not JSON").with_hint(
                "check that the kubeconfig's server is the URL of an API server, and that there \
                 is no login page in front of it",
            );
            return Err(error.into());
        }
        Some(_) => {}
    }
    let mut visitor = ListVisitor {
        sink,
        resource,
        request_text,
        kind: None,
        api_version: None,
        metadata: None,
        items: None,
        head: None,
        stop: None,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let parsed = json.deserialize_map(&mut visitor).and_then(|()| json.end());
    if let Some(stop) = visitor.stop.take() {
        return Err(stop);
    }
    if let Err(error) = parsed {
        let is_data_error = error.classify() == Category::Data;
        let error = if is_data_error && has_another_kind(text, resource) {
            not_the_list(resource, request_text)
        } else {
            invalid(request_text, &error_text(&error, resource))
        };
        return Err(error.into());
    }
    visitor.finish()
}

fn invalid(request_text: &str, why: &str) -> GatherError {
    GatherError::protocol(format!("{request_text}: {why}")).with_hint(ALTERED_RESPONSE)
}

/// Finds the continue token at the beginning of a page that may still be incomplete. It succeeds only
/// if the metadata comes before the items, as API servers write it. The token allows an early request
/// of the next page; [`parse`] decides whether that page is really the next one.
pub(super) fn scan_continue_token(bytes: &[u8]) -> Option<String> {
    struct TokenScan<'a>(&'a mut Option<String>);

    impl<'de> Visitor<'de> for TokenScan<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while let Some(MemberName(name)) = members.next_key()? {
                match &*name {
                    "metadata" => {
                        *self.0 = members.next_value::<ListMetadata>()?.next;
                        break;
                    }
                    "items" => break,
                    _ => members.next_value::<IgnoredAny>().map(drop)?,
                }
            }
            Ok(())
        }
    }

    let mut next = None;
    // serde reports an error because the visitor stops early; the token is already set then.
    let _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(TokenScan(&mut next));
    next.filter(|token| !token.is_empty())
}

fn has_another_kind(text: &str, resource: &Resource) -> bool {
    let is_other = |kind: String| !is_list_of(&kind, resource);
    serde_json::from_str::<KindOnly>(text).is_ok_and(|found| found.kind.is_none_or(is_other))
}

fn is_list_of(kind: &str, resource: &Resource) -> bool {
    kind.strip_suffix("List") == Some(resource.kind)
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
        Category::Data if text.starts_with(TOO_MANY_ITEMS) => TOO_MANY_ITEMS,
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
