//! The warnings of a document and about it, limited in number and length.

use std::collections::BTreeMap;

use gatherer_plugin_api::model::Warning;
use gatherer_plugin_support::json::{Json, quote, shorten_name};

use super::format::{has_replaced_name, ignored};

/// The maximum number of warnings. The runner keeps no more for one endpoint.
const WARNINGS_MAX: usize = 1000;

/// Collects warnings. Their number and size are limited, because a document can have millions of members that cannot
/// be read, in an object with a very long name.
#[derive(Default)]
pub struct Warnings {
    list: Vec<Warning>,
    /// Unknown members. Each gets one warning, since a member that a later version added is usually in many objects.
    /// The key is the type of the object and the name of the member, the value the name of the first object that has
    /// it and the number of objects.
    unknown: BTreeMap<(&'static str, String), (String, usize)>,
    /// The number of warnings that are only counted.
    dropped: usize,
}

impl Warnings {
    /// Adds a warning that the document contains. It is not changed.
    pub fn forward(&mut self, warning: Warning) {
        if self.is_full() {
            self.dropped += 1;
        } else {
            self.list.push(warning);
        }
    }

    /// Adds a warning about an object of the document.
    pub fn add(&mut self, object: &str, message: impl Into<String>) {
        self.forward(Warning { object: shorten_name(object), message: message.into() });
    }

    /// Counts an unknown member with this value. `noun` is the type of the object, `object` its name.
    pub fn add_unknown(&mut self, noun: &'static str, member: String, value: &Json, object: &str) {
        if has_replaced_name(value) {
            // Equal replacements are not one member.
            return self.add(object, format!("{} {}", quote(&member), ignored("", value)));
        }
        let is_full = self.is_full();
        let key = (noun, member);
        match self.unknown.get_mut(&key) {
            Some((_, count)) => *count += 1,
            None if is_full => self.dropped += 1,
            None => {
                self.unknown.insert(key, (shorten_name(object), 1));
            }
        }
    }

    fn is_full(&self) -> bool {
        self.list.len() + self.unknown.len() >= WARNINGS_MAX
    }

    /// The warnings. If there are too many, the last one has the number of the others.
    pub fn into_list(self) -> Vec<Warning> {
        let mut list = self.list;
        list.extend(self.unknown.into_iter().map(|((noun, member), (object, count))| {
            let others = match count {
                1 => String::new(),
                2 => format!(", here and in 1 other {noun}"),
                _ => format!(", here and in {} other {noun}s", count - 1),
            };
            let message = format!("the unknown member {} is ignored{others}", quote(&member));
            Warning { object, message }
        }));
        if self.dropped > 0 {
            list.truncate(WARNINGS_MAX - 1);
            let message = format!("{} more were dropped", self.dropped + 1);
            list.push(Warning { object: "warnings".to_owned(), message });
        }
        list
    }
}
