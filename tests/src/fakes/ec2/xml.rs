//! Writes the XML of answers.

use std::fmt::Write as _;

/// XML text that grows.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    /// An element with text, which is escaped.
    pub(super) fn text(&mut self, name: &str, value: impl std::fmt::Display) {
        let value = escape(&value.to_string());
        writeln!(self.0, "<{name}>{value}</{name}>").expect("a String accepts all text");
    }

    /// An element with text, if there is a value.
    pub(super) fn optional(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// An element without content.
    pub(super) fn empty(&mut self, name: &str) {
        writeln!(self.0, "<{name}/>").expect("a String accepts all text");
    }

    /// An element with other elements.
    pub(super) fn within(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        writeln!(self.0, "<{name}>").expect("a String accepts all text");
        write(self);
        writeln!(self.0, "</{name}>").expect("a String accepts all text");
    }

    /// A set with an element `item` for each value. A set without values is an empty element.
    pub(super) fn set<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return self.empty(name);
        }
        self.within(name, |xml| {
            for item in items {
                xml.within("item", |xml| write(xml, item));
            }
        });
    }

    /// A set of texts.
    pub(super) fn texts<T: std::fmt::Display>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) {
        self.within(name, |xml| {
            for value in values {
                xml.text("item", value);
            }
        });
    }

    /// The tags of a resource.
    pub(super) fn tags(&mut self, tags: &[(String, String)]) {
        self.set("tagSet", tags, |xml, (key, value)| {
            xml.text("key", key);
            if value.is_empty() {
                xml.empty("value");
            } else {
                xml.text("value", value);
            }
        });
    }

    /// The document, with the root element that an action has.
    pub(super) fn into_document(self, action: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n\
             <requestId>59dbff89-35bd-4eac-99ed-be587EXAMPLE</requestId>\n{}</{action}Response>\n",
            self.0
        )
    }

    /// The text so far.
    pub(super) fn into_text(self) -> String {
        self.0
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // The service writes some characters as references.
            'ü' => escaped.push_str("&#xFC;"),
            character => escaped.push(character),
        }
    }
    escaped
}
