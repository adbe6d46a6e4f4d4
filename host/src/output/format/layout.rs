//! How the inventory's JSON is laid out. In every layout, what some readers take for a line break and
//! what a terminal obeys is escaped as JSON has it.

use std::io::{self, Write};

use serde_json::ser::Formatter;

use crate::output::escape::write_json_fragment;

/// The member whose lists have an item on a line.
const WORKLOADS: &[u8] = b"workloads";

/// Of how many levels an indent is written at once.
const LEVELS: usize = 16;
const INDENT: [u8; 1 + 4 * LEVELS] = {
    let mut indent = [b' '; 1 + 4 * LEVELS];
    indent[0] = b'\n';
    indent
};

/// Four spaces of indent; but of `workloads`, which there may be a hundred thousand of, each item
/// stands on a line of its own.
#[derive(Default)]
pub struct Indented {
    /// How many objects and lists are open.
    depth: usize,
    has_items: bool,
    in_key: bool,
    /// Whether the key before is that of the workloads.
    workloads_follow: bool,
    /// At which depth the items of the workloads are, while they are written.
    items_at: Option<usize>,
}

impl Indented {
    /// Whether what is written now stands within an item's line.
    fn is_within_line(&self) -> bool {
        self.items_at.is_some_and(|items_at| self.depth > items_at)
    }

    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: u8) -> io::Result<()> {
        self.depth += 1;
        self.has_items = false;
        if std::mem::take(&mut self.workloads_follow) && self.items_at.is_none() {
            // In it the lists, and in these the items.
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
            self.line(writer)?;
        }
        // What it is in has it at least.
        self.has_items = true;
        writer.write_all(&[bracket])
    }

    fn next<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.is_within_line() { Ok(()) } else { self.line(writer) }
    }

    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
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
        // The endpoint's own member alone, not a label of that name: documents and their
        // endpoints, then the members of one.
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

/// All on one line.
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
    fn each_item_of_the_workloads_stands_on_one_line_and_nothing_else_changes() {
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
        fn whatever_it_is_the_layout_changes_nothing_of_it(value in any_json()) {
            prop_assert_eq!(serde_json::from_str::<Value>(&laid_out(&value)).expect("JSON"), value);
        }

        #[test]
        fn without_workloads_it_is_the_usual_layout(value in any_json()) {
            let text = pretty(&value);
            prop_assume!(!text.contains("\"workloads\""));
            prop_assert_eq!(laid_out(&value), escape_json_lines(&text));
        }

        #[test]
        fn nothing_in_it_steers_a_terminal(value in any_json()) {
            let text = laid_out(&value);
            prop_assert!(text.lines().all(|line| line == escape_json(line)), "{text:?}");
        }
    }
}
