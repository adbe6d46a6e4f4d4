//! Writes JSON in the layout of Python's `json.dumps(sort_keys=True, indent=4)`, which the Manager reads. It is ASCII only,
//! because the Manager decodes it with the default charset of its JVM.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

/// The text of a value, with one line break at its end. The caller sorts the members.
pub fn to_text(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let layout = Ascii(PrettyFormatter::with_indent(b"    "));
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, layout))
        .expect("writing to a vector cannot fail, and all keys are strings");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("the formatter writes ASCII")
}

struct Ascii<'a>(PrettyFormatter<'a>);

impl Formatter for Ascii<'_> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // serde_json has already escaped characters below a space.
        if fragment.is_ascii() && !fragment.contains('\x7f') {
            return writer.write_all(fragment.as_bytes());
        }
        let mut rest = fragment;
        while !rest.is_empty() {
            let plain = rest.bytes().position(|byte| !matches!(byte, b' '..=b'~'));
            let (printable, others) = rest.split_at(plain.unwrap_or(rest.len()));
            writer.write_all(printable.as_bytes())?;
            let mut characters = others.chars();
            if let Some(character) = characters.next() {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = characters.as_str();
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

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
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

/// Formats a float like Python's `repr`: the shortest digits that are parsed as the same number, with an exponent below
/// 1e-4 and from 1e16 on.
///
/// The digits come from serde_json. If two shortest forms are equally near, it uses the even one, like Python; Rust's own
/// formatting uses the upper one.
fn python_float(value: f64) -> String {
    let text = serde_json::Number::from_f64(value).map_or("0.0".to_owned(), |n| n.to_string());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let (sign, mantissa) =
        mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    let leading = i32::try_from(all.len() - digits.len()).expect("a float has few digits");
    // The decimal exponent of the first digit that is not 0.
    let tens = exponent + i32::try_from(whole.len()).expect("a float has few digits") - 1 - leading;
    let digits = digits.trim_end_matches('0');
    let Some(first) = digits.get(..1) else { return format!("{sign}0.0") };
    let width = usize::try_from(tens.unsigned_abs()).expect("an exponent is small");
    match tens {
        0..16 if digits.len() > width + 1 => {
            format!("{sign}{}.{}", &digits[..=width], &digits[width + 1..])
        }
        0..16 => format!("{sign}{digits:0<filled$}.0", filled = width + 1),
        -4..0 => format!("{sign}0.{}{digits}", "0".repeat(width - 1)),
        _ => {
            let point = if digits.len() > 1 { "." } else { "" };
            let tens_sign = if tens < 0 { '-' } else { '+' };
            format!("{sign}{first}{point}{}e{tens_sign}{width:02}", &digits[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{python_float, to_text};

    #[test]
    fn escapes_strings_like_python() {
        let text = to_text(&"é😀\u{7f}\u{1}\t\"\\/\u{8}\u{c}\n\r");
        assert_eq!(text, "\"\\u00e9\\ud83d\\ude00\\u007f\\u0001\\t\\\"\\\\/\\b\\f\\n\\r\"\n");
    }

    const LISTS: &str = r#"[
    [
        "a",
        "b"
    ],
    []
]
"#;

    #[test]
    fn indents_like_python() {
        let empty = BTreeMap::<String, String>::new();
        let value = BTreeMap::from([("a", Some(empty)), ("b", None)]);
        assert_eq!(to_text(&value), "{\n    \"a\": {},\n    \"b\": null\n}\n");
        assert_eq!(to_text(&BTreeMap::<String, String>::new()), "{}\n");
        assert_eq!(to_text(&[["a", "b"].as_slice(), &[]]), LISTS);
    }

    #[test]
    fn formats_floats_like_python() {
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
            (264_774_630_766_897.62, "264774630766897.62"),
            (1.234e-5, "1.234e-05"),
            (0.00012, "0.00012"),
            (-12.5, "-12.5"),
            (100.0, "100.0"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
