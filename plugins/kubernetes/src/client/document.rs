//! A page's bytes to a list's items: strictly, and with errors that quote nothing.

use std::borrow::Cow;
use std::fmt;

use gatherer_plugin_api::GatherError;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

use super::resource::{Listed, Resource};
use crate::json::{OTHER_KIND, REPEATED, TOO_MANY_ENTRIES, only_from_an_object};

/// The most items of a list. The largest clusters have 150,000 pods.
pub(super) const MOST_ITEMS: usize = 1_000_000;

/// Sentences of ours among serde's. Those that begin with a verb say it of an item.
const NO_NAME: &str = "has no name";
const NO_UID: &str = "has no uid";
const TOO_MANY_ITEMS: &str = "the list has more than 1000000 items";

/// What to do about an answer that no API server gives.
pub(super) const NOT_THE_SERVERS: &str =
    "something between may have changed the answer: look at proxies and load balancers on the way";

/// What a page says of the list, beside its items.
#[derive(Debug)]
pub(super) struct Head {
    /// How to ask for the next page; none if this is the last one.
    pub next: Option<String>,
    /// The moment of the cluster that the page shows. Empty if the server does not say.
    pub version: String,
    /// How many items are to come on further pages, where the server says so.
    pub remaining: Option<usize>,
}

/// Who is given a page while it is read. Whatever stops the one who gives it makes what was given
/// void.
pub(super) trait Reader {
    /// Why a page is not read to its end.
    type Stop: From<GatherError>;
    /// What is listed.
    type Listed: Listed;
    /// What the page says of the list. It comes once, before the first item.
    fn begin(&mut self, head: &Head) -> Result<(), Self::Stop>;
    /// An item, which has a name and a uid.
    fn take(&mut self, item: Item<'_, Self>) -> Result<(), Self::Stop>;
}

/// An item that a reader takes.
type Item<'de, R> = <<R as Reader>::Listed as Listed>::Item<'de>;

#[derive(Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
    #[serde(default)]
    resource_version: Option<String>,
    #[serde(default)]
    remaining_item_count: Option<i64>,
}

only_from_an_object!(Metadata);

/// A member of the document: whether it has come, and whether it is more than null.
type Member<T> = Option<Option<T>>;

/// A list (`NodeList`), of which the items are given away one by one. API servers write what it
/// says of itself before them; items that come before that are kept until it is known.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#collections>
struct Document<'a, 'de, R: Reader> {
    reader: &'a mut R,
    resource: &'a Resource,
    what: &'a str,
    kind: Member<String>,
    api_version: Member<String>,
    metadata: Member<Metadata>,
    items: Member<Vec<Item<'de, R>>>,
    /// What the page says of the list, once it was told.
    head: Option<Head>,
    stop: Option<R::Stop>,
}

impl<R: Reader> Document<'_, '_, R> {
    fn is_begun(&self) -> bool {
        self.kind.is_some() && self.api_version.is_some() && self.metadata.is_some()
    }

    /// Tells what the page says of the list.
    fn begin(&mut self) -> Result<(), R::Stop> {
        let text = |member: &Member<String>| member.clone().flatten();
        let kind = (text(&self.kind), text(&self.api_version));
        let is_list = kind.0.as_deref().is_some_and(|kind| is_list_of(kind, self.resource));
        if !is_list || kind.1.as_deref() != Some(&*self.resource.api_version) {
            return Err(another_list(self.resource, self.what).into());
        }
        let Some(metadata) = self.metadata.take().flatten() else {
            return Err(wrong(self.what, "the list has no metadata").into());
        };
        let remaining = metadata.remaining_item_count;
        let next = metadata.next.filter(|token| !token.is_empty());
        if next.is_none() && remaining.is_some_and(|count| count > 0) {
            let why = "the list says that there are more items, and not how to get them";
            return Err(wrong(self.what, why).into());
        }
        let head = Head {
            next,
            version: metadata.resource_version.unwrap_or_default(),
            remaining: remaining.and_then(|count| usize::try_from(count).ok()),
        };
        // Another one is a fault from now on.
        self.metadata = Some(None);
        self.reader.begin(&head)?;
        self.head = Some(head);
        Ok(())
    }

    /// What an error is to serde is known here better.
    fn stop<E: serde::de::Error>(&mut self, outcome: Result<(), R::Stop>) -> Result<(), E> {
        outcome.map_err(|stop| {
            self.stop = Some(stop);
            E::custom("stopped")
        })
    }

    /// The end of the document.
    fn end(mut self) -> Result<Head, R::Stop> {
        if self.head.is_none() {
            self.begin()?;
        }
        let Some(items) = self.items.take().flatten() else {
            return Err(wrong(self.what, "the list has no items").into());
        };
        items.into_iter().try_for_each(|item| self.reader.take(item))?;
        // It has just begun, at the latest.
        self.head.ok_or_else(|| another_list(self.resource, self.what).into())
    }
}

/// A member that may stand there once.
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

impl<'de, R: Reader> Visitor<'de> for &mut Document<'_, 'de, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match &*name {
                "kind" => once(&mut self.kind, "kind", &mut map)?,
                "apiVersion" => once(&mut self.api_version, "apiVersion", &mut map)?,
                "metadata" => once(&mut self.metadata, "metadata", &mut map)?,
                "items" if self.items.is_some() => return Err(A::Error::duplicate_field("items")),
                "items" => {
                    if self.is_begun() {
                        let begun = self.begin();
                        self.stop(begun)?;
                    }
                    self.items = Some(map.next_value_seed(Items(self))?);
                }
                _ => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

/// The name of a member, which is seldom copied.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The items, each looked at as soon as it is read: a page of 64 MiB has room for 20 million that
/// say nothing. What is left of them is what came too early.
struct Items<'s, 'a, 'de, R: Reader>(&'s mut Document<'a, 'de, R>);

impl<'de, R: Reader> DeserializeSeed<'de> for Items<'_, '_, 'de, R> {
    type Value = Option<Vec<Item<'de, R>>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, R: Reader> Visitor<'de> for Items<'_, '_, 'de, R> {
    type Value = Option<Vec<Item<'de, R>>>;

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
        while let Some(item) = entries.next_element::<Item<'de, R>>()? {
            let (name, uid) = <R::Listed as Listed>::identity(&item);
            if name.is_empty() {
                return Err(A::Error::custom(NO_NAME));
            }
            if uid.is_empty() {
                return Err(A::Error::custom(NO_UID));
            }
            if self.0.head.is_some() {
                let taken = self.0.reader.take(item);
                self.0.stop(taken)?;
            } else if early.len() == MOST_ITEMS {
                return Err(A::Error::custom(TOO_MANY_ITEMS));
            } else {
                early.push(item);
            }
        }
        Ok(Some(early))
    }
}

/// What kind of document it is, whatever else is in it.
#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    kind: Option<String>,
}

/// Reads a page. `what` names the request.
pub(super) fn read<R: Reader>(
    bytes: &[u8],
    resource: &Resource,
    what: &str,
    reader: &mut R,
) -> Result<Head, R::Stop> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let byte = error.valid_up_to() + 1;
        wrong(what, &format!("the answer is not UTF-8: byte {byte} fits no character"))
    })?;
    match text.trim_start().chars().next() {
        None => return Err(wrong(what, "the answer is empty").into()),
        Some('<') => {
            let error = wrong(what, "the answer is a web page, not JSON").with_hint(
                "check that the kubeconfig's server is the URL of an API server; a log-in page \
                 may stand before it",
            );
            return Err(error.into());
        }
        Some(_) => {}
    }
    let mut document = Document {
        reader,
        resource,
        what,
        kind: None,
        api_version: None,
        metadata: None,
        items: None,
        head: None,
        stop: None,
    };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(&mut document).and_then(|()| json.end());
    if let Some(stop) = document.stop.take() {
        return Err(stop);
    }
    if let Err(error) = read {
        let other = error.classify() == Category::Data && is_of_another_kind(text, resource);
        let error = if other {
            another_list(resource, what)
        } else {
            wrong(what, &fault(&error, resource))
        };
        return Err(error.into());
    }
    document.end()
}

fn wrong(what: &str, why: &str) -> GatherError {
    GatherError::protocol(format!("{what}: {why}")).with_hint(NOT_THE_SERVERS)
}

/// How the page says that the list goes on, where it says so before its items, as API servers do.
/// It costs nothing beside [`read`], which has the last word.
pub(super) fn next_at_a_glance(bytes: &[u8]) -> Option<String> {
    struct Glance<'a>(&'a mut Option<String>);

    impl<'de> Visitor<'de> for Glance<'_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while let Some(Name(name)) = members.next_key()? {
                match &*name {
                    "metadata" => {
                        *self.0 = members.next_value::<Metadata>()?.next;
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
    // That it ends before the document does is an error to serde, and meant here.
    let _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(Glance(&mut next));
    next.filter(|token| !token.is_empty())
}

fn is_of_another_kind(text: &str, resource: &Resource) -> bool {
    let other = |kind: String| !is_list_of(&kind, resource);
    serde_json::from_str::<Kind>(text).is_ok_and(|found| found.kind.is_none_or(other))
}

fn is_list_of(kind: &str, resource: &Resource) -> bool {
    kind.strip_suffix("List") == Some(resource.kind)
}

fn another_list(resource: &Resource, what: &str) -> GatherError {
    let Resource { kind, api_version, .. } = resource;
    GatherError::protocol(format!("{what}: the answer is no {kind}List of {api_version}"))
        .with_hint("check that the kubeconfig's server is the URL of an API server")
}

/// serde's own text quotes what it read; it is passed on only where it names a field of ours.
fn fault(error: &serde_json::Error, resource: &Resource) -> String {
    let text = error.to_string();
    let place = format!("(line {}, column {})", error.line(), error.column());
    let of_a_field = ["missing field", "duplicate field"].iter().any(|own| text.starts_with(own));
    let fault = match error.classify() {
        Category::Eof | Category::Io => "the answer ends in the middle",
        Category::Syntax if text.starts_with("recursion limit exceeded") => {
            "the answer is nested too deeply"
        }
        Category::Syntax => "the answer is not JSON",
        Category::Data if of_a_field => {
            let field = text.split(" at line").next().unwrap_or_default();
            let kind = resource.kind;
            return format!("the answer is not as a {kind}List has to be: {field} {place}");
        }
        Category::Data if text.starts_with(OTHER_KIND) => {
            return format!("an item of the list is no {} {place}", resource.kind);
        }
        Category::Data if text.starts_with(TOO_MANY_ITEMS) => TOO_MANY_ITEMS,
        Category::Data if let Some(own) = of_an_item(&text) => {
            return format!("{} {own} {place}", resource.one);
        }
        Category::Data => "a member of the answer is of another type than it has to be",
    };
    format!("{fault} {place}")
}

/// What this crate's own types find wrong with an item.
fn of_an_item(text: &str) -> Option<&'static str> {
    [NO_NAME, NO_UID, TOO_MANY_ENTRIES, REPEATED].into_iter().find(|own| text.starts_with(own))
}
