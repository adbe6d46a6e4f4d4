//! JSON laid out as Python's `json.dumps(sort_keys=True, indent=4)` does, which is what the
//! Manager has always read: pure ASCII, because it decodes with whatever charset its JVM has.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

/// The text of a value, with one line break at its end. The order of members is the caller's.
pub fn to_text(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let layout = Ascii(PrettyFormatter::with_indent(b"    "));
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, layout))
        .expect("a vector takes every byte, and every key is a string");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("the writer emits ASCII alone")
}

struct Ascii<'a>(PrettyFormatter<'a>);

impl Formatter for Ascii<'_> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if matches!(character, ' '..='~') {
                writer.write_all(&[character as u8])?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(python_float(value).as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// A float as Python's `repr` writes it: the shortest digits that lead back to it, with an
/// exponent below 1e-4 and from 1e16 on.
fn python_float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (digits, exponent) =
        scientific.split_once('e').expect("Rust's {:e} always writes an exponent");
    let exponent: i32 = exponent.parse().expect("Rust's {:e} writes a number after the e");
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{python_float, to_text};

    #[test]
    fn text_is_ascii_with_surrogate_pairs_as_python_writes_it() {
        let text = to_text(&"é😀\u{7f}\u{1}\t\"\\/\u{8}\u{c}\n\r");
        assert_eq!(text, "\"\\u00e9\\ud83d\\ude00\\u007f\\u0001\\t\\\"\\\\/\\b\\f\\n\\r\"\n");
    }

    #[test]
    fn layout_is_pythons_with_empty_objects_on_one_line() {
        let empty = BTreeMap::<String, String>::new();
        let value = BTreeMap::from([("a", Some(empty)), ("b", None)]);
        assert_eq!(to_text(&value), "{\n    \"a\": {},\n    \"b\": null\n}\n");
        assert_eq!(to_text(&BTreeMap::<String, String>::new()), "{}\n");
    }

    #[test]
    fn floats_are_written_as_pythons_repr_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (2400.0, "2400.0"),
            (2_593.997, "2593.997"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
