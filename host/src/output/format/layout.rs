//! The layouts of the inventory's JSON. They escape characters that some readers take for line breaks and those that
//! control a terminal.

use std::io::{self, Write};

use serde_json::ser::Formatter;

use crate::output::escape::write_json_fragment;

/// The member whose lists have one item per line.
const WORKLOADS: &[u8] = b"workloads";

/// The number of levels whose indentation is written at once.
const LEVELS: usize = 16;
/// A line break and the indentation of [`LEVELS`] levels.
const INDENT: [u8; 1 + 4 * LEVELS] = {
    let mut indent = [b' '; 1 + 4 * LEVELS];
    indent[0] = b'\n';
    indent
};

/// Indents by four spaces, except in `workloads`, which may have a hundred thousand items: there each item is on one
/// line.
#[derive(Default)]
pub struct Indented {
    /// The number of open objects and lists.
    depth: usize,
    /// Whether the current object or list has members or items.
    has_items: bool,
    /// Whether a key is being written.
    in_key: bool,
    /// Whether the last key was `workloads`.
    workloads_follow: bool,
    /// The depth of the items of `workloads`, while they are written.
    items_at: Option<usize>,
}

impl Indented {
    /// Whether the current position is inside the line of an item.
    fn is_within_line(&self) -> bool {
        self.items_at.is_some_and(|items_at| self.depth > items_at)
    }

    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: u8) -> io::Result<()> {
        self.depth += 1;
        self.has_items = false;
        if std::mem::take(&mut self.workloads_follow) && self.items_at.is_none() {
            // The object contains the lists, and these contain the items.
            self.items_at = Some(self.depth + 1);
        }
        writer.write_all(&[bracket])
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: u8) -> io::Result<()> {
        let is_within_line = self.is_within_line();
        self.depth -= 1;
        if self.items_at == Some(self.depth + 2) {
            self.items_at = None;
        }
        if self.has_items && !is_within_line {
            self.break_line(writer)?;
        }
        // The enclosing object or list now has at least one item.
        self.has_items = true;
        writer.write_all(&[bracket])
    }

    fn next<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.is_within_line() { Ok(()) } else { self.break_line(writer) }
    }

    /// Writes a line break and the indentation.
    fn break_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(&INDENT[..=4 * self.depth.min(LEVELS)])?;
        (LEVELS..self.depth).try_for_each(|_| writer.write_all(b"    "))
    }
}

impl Formatter for Indented {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b'[')
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b']')
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.has_items = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b'{')
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b'}')
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.in_key = true;
        self.workloads_follow = false;
        self.next(writer, first)
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // At depth 3 are the members of an endpoint (the document and the list of endpoints enclose it). A label with
        // this name is deeper.
        if self.in_key && self.depth == 3 {
            self.workloads_follow = fragment.as_bytes() == WORKLOADS;
        }
        write_json_fragment(writer, fragment)
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_key = false;
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(if self.is_within_line() { b":" } else { b": " })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.workloads_follow = false;
        self.has_items = true;
        Ok(())
    }
}

/// Writes everything on one line.
pub struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_json_fragment(writer, fragment)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize as _;
    use serde_json::ser::{PrettyFormatter, Serializer};
    use serde_json::{Value, json};

    use super::Indented;
    use crate::output::escape::{escape_json, escape_json_lines};

    fn laid_out(value: &Value) -> String {
        let mut bytes = Vec::new();
        value
            .serialize(&mut Serializer::with_formatter(&mut bytes, Indented::default()))
            .expect("JSON");
        String::from_utf8(bytes).expect("UTF-8")
    }

    fn pretty(value: &Value) -> String {
        let mut bytes = Vec::new();
        let layout = PrettyFormatter::with_indent(b"    ");
        value.serialize(&mut Serializer::with_formatter(&mut bytes, layout)).expect("JSON");
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn writes_each_item_of_workloads_on_one_line() {
        let document = json!({"endpoints": [
            {"hosts": [{"labels": {"workloads": {}, "a": []}}], "workloads": {
                "pods": [{"name": "p", "containers": [{}, {"a": [1, 2]}]}, {}],
                "services": [],
            }, "zone": {"x": [1]}},
            {"workloads": {}, "z": 1},
        ]});
        let text = laid_out(&document);
        let expected = r#"{
    "endpoints": [
        {
            "hosts": [
                {
                    "labels": {
                        "a": [],
                        "workloads": {}
                    }
                }
            ],
            "workloads": {
                "pods": [
                    {"containers":[{},{"a":[1,2]}],"name":"p"},
                    {}
                ],
                "services": []
            },
            "zone": {
                "x": [
                    1
                ]
            }
        },
        {
            "workloads": {},
            "z": 1
        }
    ]
}"#;
        assert_eq!(text, expected);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(24, 64, 4, |inner| {
            let key = prop_oneof![Just("workloads".to_owned()), ".{0,4}"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_layout_does_not_change_the_value(value in any_json()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&laid_out(&value)).expect("JSON"), value);
        }

        #[test]
        fn without_workloads_the_layout_is_the_usual_one(value in any_json()) {
            let text = pretty(&value);
            prop_assume!(!text.contains("\"workloads\""));
            prop_assert_eq!(laid_out(&value), escape_json_lines(&text));
        }

        #[test]
        fn the_text_has_no_terminal_control_characters(value in any_json()) {
            let text = laid_out(&value);
            prop_assert!(text.lines().all(|line| line == escape_json(line)), "{text:?}");
        }
    }
}
