//! Table tests of the parser, and comparisons with schoolbook arithmetic on generated quantities.

use proptest::prelude::*;

use super::{OutOfRange, ParseError, Quantity};

fn read(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_suffix_has_its_factor() {
    for (text, expected) in [
        ("1n", 0),
        ("2000000000n", 2),
        ("3000000u", 3),
        ("4000m", 4),
        ("5", 5),
        ("6k", 6_000),
        ("7M", 7_000_000),
        ("8G", 8_000_000_000),
        ("9T", 9_000_000_000_000),
        ("2P", 2_000_000_000_000_000),
        ("3E", 3_000_000_000_000_000_000),
        ("2Ki", 2 << 10),
        ("3Mi", 3 << 20),
        ("4Gi", 4 << 30),
        ("5Ti", 5 << 40),
        ("6Pi", 6 << 50),
        ("7Ei", 7 << 60),
    ] {
        assert_eq!(read(text).round_down(), Ok(expected), "{text}");
    }
}

#[test]
fn memory_is_rounded_down_to_whole_bytes() {
    for (text, bytes) in [
        ("16Gi", 17_179_869_184),
        ("16777216000", 16_777_216_000),
        ("1.5Gi", 1_610_612_736),
        ("128974848000m", 128_974_848),
        ("128974848001m", 128_974_848),
        ("2Ti", 2_199_023_255_552),
        ("65806460Ki", 67_385_815_040),
        ("129M", 129_000_000),
        ("129e6", 129_000_000),
        ("123Mi", 128_974_848),
        ("0.1Ki", 102),
        ("100n", 0),
        ("18446744073709551615", u64::MAX),
        ("18446744073709551615999m", u64::MAX),
        ("0", 0),
        ("-0", 0),
        ("0e999999", 0),
    ] {
        assert_eq!(read(text).round_down(), Ok(bytes), "{text}");
    }
}

#[test]
fn processors_are_rounded_up() {
    for (text, whole, milli) in [
        ("500m", 1, 500),
        ("1", 1, 1_000),
        ("1001m", 2, 1_001),
        ("100n", 1, 1),
        ("3.92", 4, 3_920),
        ("0.0001", 1, 1),
        ("15890m", 16, 15_890),
        ("64", 64, 64_000),
        ("1e-999999", 1, 1),
        ("1.00000000000000000000000000000000001", 2, 1_001),
        ("0", 0, 0),
    ] {
        assert_eq!(read(text).round_up(), Ok(whole), "{text}");
        assert_eq!(read(text).milli_round_up(), Ok(milli), "{text}");
    }
}

#[test]
fn distinguishes_an_exponent_from_exa() {
    for (text, expected) in [
        ("1e9", 1_000_000_000),
        ("1E3", 1_000),
        ("1E", 1_000_000_000_000_000_000),
        ("1e0", 1),
        ("1e+3", 1_000),
        ("1E-0", 1),
        ("1500e-3", 1),
        ("1.e3", 1_000),
        (".5E1", 5),
        ("1e00000000000000000000000000003", 1_000),
    ] {
        assert_eq!(read(text).round_down(), Ok(expected), "{text}");
    }
}

#[test]
fn parses_every_notation_of_numbers() {
    for (text, milli) in [
        ("1", 1_000),
        ("1.", 1_000),
        (".5", 500),
        ("1.5", 1_500),
        ("+1.5", 1_500),
        ("007", 7_000),
        ("1.500", 1_500),
        ("0000000000000000000000000000000000000000000000000001", 1_000),
        ("1.0000000000000000000000000000000000000000000000000", 1_000),
    ] {
        assert_eq!(read(text).milli_round_up(), Ok(milli), "{text}");
    }
}

#[test]
fn reports_values_that_are_negative_or_above_u64() {
    for text in ["-1", "-500m", "-1e-999999", "-0.1Ki", "-1e999999", "-16Gi"] {
        assert!(read(text).is_negative(), "{text}");
        assert_eq!(read(text).round_up(), Err(OutOfRange::Negative), "{text}");
        assert_eq!(read(text).round_down(), Err(OutOfRange::Negative), "{text}");
    }
    for text in [
        "18446744073709551616",
        "16Ei",
        "1e20",
        "1e999999",
        "1e99999999999999999999999999999999999999999999999999",
        "99999999999999999999999999999999999999Ei",
        "9999999999999999999999999999999999999.9Ei",
    ] {
        assert_eq!(read(text).round_down(), Err(OutOfRange::TooLarge), "{text}");
        assert_eq!(read(text).milli_round_up(), Err(OutOfRange::TooLarge), "{text}");
    }
    assert_eq!(read("18446744073709551615.5").round_up(), Err(OutOfRange::TooLarge));
    assert_eq!(read("18446744073709552").milli_round_up(), Err(OutOfRange::TooLarge));
    assert!(!read("-0").is_negative() && !read("-0.0Ki").is_negative());
}

#[test]
fn rejects_texts_outside_of_the_grammar() {
    use ParseError::{Empty, NoNumber, TooLong, UnknownSuffix};
    for (text, error) in [
        ("", Empty),
        ("+", NoNumber),
        ("-", NoNumber),
        (".", NoNumber),
        ("-.", NoNumber),
        ("--1", NoNumber),
        ("+-1", NoNumber),
        ("Gi", NoNumber),
        ("k", NoNumber),
        (".e3", NoNumber),
        ("e3", NoNumber),
        (" 1", NoNumber),
        ("NaN", NoNumber),
        ("inf", NoNumber),
        ("1 ", UnknownSuffix),
        ("1 Gi", UnknownSuffix),
        ("1K", UnknownSuffix),
        ("1ki", UnknownSuffix),
        ("1mi", UnknownSuffix),
        ("1GI", UnknownSuffix),
        ("1gi", UnknownSuffix),
        ("1g", UnknownSuffix),
        ("1Zi", UnknownSuffix),
        ("1KiB", UnknownSuffix),
        ("1GB", UnknownSuffix),
        ("1ni", UnknownSuffix),
        ("1i", UnknownSuffix),
        ("1e", UnknownSuffix),
        ("1e+", UnknownSuffix),
        ("1E-", UnknownSuffix),
        ("1e1.5", UnknownSuffix),
        ("1e3Gi", UnknownSuffix),
        ("1e3k", UnknownSuffix),
        ("1E3E", UnknownSuffix),
        ("1..5", UnknownSuffix),
        ("1.5.2", UnknownSuffix),
        ("1,5", UnknownSuffix),
        ("1_000", UnknownSuffix),
        ("0x10", UnknownSuffix),
        ("1\u{0}", UnknownSuffix),
        ("\u{663}", NoNumber),
        ("1\u{b5}", UnknownSuffix),
        ("1\u{ff27}i", UnknownSuffix),
        ("999999999999999999999999999999999999999", TooLong),
        ("1.00000000000000000000000000000000000001", TooLong),
        ("00000000000000000000000000000000000000000000000000000000000000000", TooLong),
    ] {
        assert_eq!(text.parse::<Quantity>().err(), Some(error), "{text:?}");
    }
}

/// A decimal number with schoolbook arithmetic, to compare results with. The last digit is first.
struct Schoolbook {
    digits: Vec<u8>,
    /// The number of digits after the decimal point.
    places: usize,
}

impl Schoolbook {
    fn of(whole: &str, fraction: &str, suffix: &str) -> Self {
        let digits = whole.bytes().chain(fraction.bytes()).rev().map(|byte| byte - b'0').collect();
        let mut number = Self { digits, places: fraction.len() };
        let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|own| *own == suffix);
        let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
        let decimal = decimal.iter().position(|own| *own == suffix);
        if let Some(power) = binary {
            (0..=power).for_each(|_| number.times_1024());
        } else if let Some(thousands) = decimal {
            number.shift(3 * i32::try_from(thousands).unwrap() - 9);
        } else {
            number.shift(suffix[1..].parse().unwrap());
        }
        number
    }

    fn times_1024(&mut self) {
        let mut carry = 0_u32;
        for digit in &mut self.digits {
            carry += u32::from(*digit) * 1024;
            *digit = u8::try_from(carry % 10).unwrap();
            carry /= 10;
        }
        while carry > 0 {
            self.digits.push(u8::try_from(carry % 10).unwrap());
            carry /= 10;
        }
    }

    fn shift(&mut self, power: i32) {
        if power < 0 {
            self.places += power.unsigned_abs() as usize;
        }
        for _ in 0..power {
            if self.places > 0 {
                self.places -= 1;
            } else {
                self.digits.insert(0, 0);
            }
        }
    }

    /// The number rounded to whole units, as text without leading zeros.
    fn whole(mut self, up: bool) -> String {
        while self.digits.len() <= self.places {
            self.digits.push(0);
        }
        let mut whole = self.digits.split_off(self.places);
        if up && self.digits.iter().any(|digit| *digit != 0) {
            let nines = whole.iter().take_while(|digit| **digit == 9).count();
            whole[..nines].fill(0);
            match whole.get_mut(nines) {
                Some(digit) => *digit += 1,
                None => whole.push(1),
            }
        }
        let text: String = whole.iter().rev().map(|digit| char::from(digit + b'0')).collect();
        let text = text.trim_start_matches('0');
        if text.is_empty() { "0".to_owned() } else { text.to_owned() }
    }
}

/// The expected result: the digits, if they fit into a `u64`.
fn expected(negative: bool, number: Schoolbook, up: bool) -> Result<u64, OutOfRange> {
    match (negative, number.digits.iter().all(|digit| *digit == 0)) {
        (_, true) => Ok(0),
        (true, false) => Err(OutOfRange::Negative),
        (false, false) => number.whole(up).parse().map_err(|_| OutOfRange::TooLarge),
    }
}

fn suffix() -> impl Strategy<Value = String> {
    prop_oneof!["|n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei", "[eE][+-]?[0-9]{1,2}"]
}

proptest! {
    #[test]
    fn parses_every_quantity_of_the_grammar_exactly(
        sign in "|\\+|-",
        (whole, fraction) in ("[0-9]{0,19}", "[0-9]{0,19}")
            .prop_filter("a number has a digit", |(whole, fraction)| whole.len() + fraction.len() > 0),
        point: bool,
        suffix in suffix(),
    ) {
        let point = if point || !fraction.is_empty() { "." } else { "" };
        let text = format!("{sign}{whole}{point}{fraction}{suffix}");
        let quantity = text.parse::<Quantity>().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let by_hand = || Schoolbook::of(&whole, &fraction, &suffix);
        let mut milli = by_hand();
        milli.shift(3);
        prop_assert_eq!(quantity.round_down(), expected(sign == "-", by_hand(), false));
        prop_assert_eq!(quantity.round_up(), expected(sign == "-", by_hand(), true));
        prop_assert_eq!(quantity.milli_round_up(), expected(sign == "-", milli, true));
    }

    #[test]
    fn accepts_only_quantities_of_the_grammar(text in "\\PC{0,80}|[-+.0-9eEinumkKMGTP ]{0,12}") {
        prop_assert_eq!(text.parse::<Quantity>().is_ok(), is_in_the_grammar(&text));
    }
}

/// A second implementation of the grammar, which splits off the suffix first.
fn is_in_the_grammar(text: &str) -> bool {
    const SUFFIXES: [&str; 15] =
        ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P", "E"];
    let is_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let without_sign = |text: &str| text.strip_prefix(['+', '-']).unwrap_or(text).to_owned();
    let is_number = |text: &str| {
        let text = without_sign(text);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let counting = whole.trim_start_matches('0').len() + fraction.trim_end_matches('0').len();
        is_digits(whole)
            && is_digits(fraction)
            && text.len() > usize::from(text.contains('.'))
            && counting <= 38
    };
    let is_exponent = |(number, exponent): (&str, &str)| {
        let exponent = without_sign(exponent);
        is_number(number) && !exponent.is_empty() && is_digits(&exponent)
    };
    text.len() <= 64
        && (is_number(text)
            || SUFFIXES.iter().any(|own| text.strip_suffix(own).is_some_and(is_number))
            || text.split_once(['e', 'E']).is_some_and(is_exponent))
}
