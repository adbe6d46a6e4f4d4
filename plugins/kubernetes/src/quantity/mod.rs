//! Exact parsing of Kubernetes quantities (`16Gi`, `500m`, `1e9`), without floating point.
//!
//! The grammar is that of `resource.Quantity` in the Kubernetes API reference:
//!
//! ```text
//! quantity        = signedNumber suffix
//! signedNumber    = ["+" | "-"] (digits | digits "." | "." digits | digits "." digits)
//! suffix          = binarySI | decimalSI | decimalExponent
//! binarySI        = Ki | Mi | Gi | Ti | Pi | Ei
//! decimalSI       = n | u | m | "" | k | M | G | T | P | E
//! decimalExponent = ("e" | "E") ["+" | "-"] digits
//! ```
//!
//! So `1E` is one exa and `1E3` is a thousand. The reference allows a fraction in an exponent, but
//! Kubernetes itself rejects one, and so does this parser. It also rejects what Kubernetes' parser
//! accepts in violation of the grammar, such as a number without digits.

use std::str::FromStr;

/// The maximum length of a text. Kubernetes writes quantities of at most 30 characters.
const TEXT_MAX_BYTES: usize = 64;

/// The maximum number of digits, without leading and trailing zeros. Any number of 38 digits fits into
/// a `u128`, and so does twice that number.
const MAX_DIGITS: usize = 38;

/// The largest exponent that is kept. With at most 38 digits, larger ones make no difference: the value
/// is out of range or next to zero in both cases.
const MAX_EXPONENT: i32 = 10_000;

/// A quantity: a number of up to 38 digits times a power of ten times a power of two.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    negative: bool,
    /// Less than 10^38.
    digits: u128,
    /// The power of ten. At least -38 if `twos` is not 0.
    tens: i32,
    /// The power of two: 0, 10, 20 ... 60.
    twos: u32,
}

/// Why a text is not a valid quantity. The message does not quote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The text has more than 64 bytes, or more than 38 digits besides leading and trailing zeros.
    #[error("it is too long")]
    TooLong,
    /// The text does not begin with a number.
    #[error("it does not begin with a number")]
    NoNumber,
    /// The text after the number is not a suffix.
    #[error("its suffix is not valid")]
    UnknownSuffix,
}

/// Why a quantity does not fit into a `u64`. It is never clamped silently: the caller decides what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfRange {
    /// The quantity is negative.
    #[error("it is negative")]
    Negative,
    /// The quantity is larger than the largest `u64`.
    #[error("it is too large")]
    TooLarge,
}

impl FromStr for Quantity {
    type Err = ParseError;

    /// Parses a quantity. Spaces are not allowed.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::Empty);
        }
        if text.len() > TEXT_MAX_BYTES {
            return Err(ParseError::TooLong);
        }
        let (negative, rest) = split_sign(text);
        let (whole, rest) = split_digits(rest);
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => split_digits(rest),
            None => ("", rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(ParseError::NoNumber);
        }
        let (exponent, twos) = parse_suffix(suffix).ok_or(ParseError::UnknownSuffix)?;

        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > MAX_DIGITS {
            return Err(ParseError::TooLong);
        }
        let value = |number: u128, digit: u8| number * 10 + u128::from(digit - b'0');
        let digits = whole.bytes().chain(fraction.bytes()).fold(0, value);
        let places = i32::try_from(fraction.len()).expect("the fraction has at most 38 digits");
        Ok(Self { negative, digits, tens: exponent - places, twos })
    }
}

impl Quantity {
    /// Whether the quantity is less than 0. `-0` is not.
    pub fn is_negative(self) -> bool {
        self.negative && self.digits != 0
    }

    /// The quantity in whole units, rounded up, as Kubernetes rounds requested resources: `500m` is 1.
    pub fn round_up(self) -> Result<u64, OutOfRange> {
        self.rounded(0, true)
    }

    /// The quantity in whole units, rounded down.
    pub fn round_down(self) -> Result<u64, OutOfRange> {
        self.rounded(0, false)
    }

    /// The quantity in thousandths of a unit, rounded up: `3.92` is 3920.
    pub fn milli_round_up(self) -> Result<u64, OutOfRange> {
        self.rounded(3, true)
    }

    /// The value times 10^`more_tens`, rounded to a whole number.
    fn rounded(self, more_tens: i32, up: bool) -> Result<u64, OutOfRange> {
        if self.digits == 0 {
            return Ok(0);
        }
        if self.negative {
            return Err(OutOfRange::Negative);
        }
        let (mut whole, has_rest) =
            self.whole_and_rest(self.tens + more_tens).ok_or(OutOfRange::TooLarge)?;
        if has_rest && up {
            whole = whole.saturating_add(1);
        }
        u64::try_from(whole).map_err(|_| OutOfRange::TooLarge)
    }

    /// The whole part of `digits` * 10^`tens` * 2^`twos`, and whether there is a rest. `None` if it does
    /// not fit into a `u128`.
    fn whole_and_rest(self, tens: i32) -> Option<(u128, bool)> {
        let power = 10_u128.checked_pow(tens.unsigned_abs());
        if tens >= 0 {
            let whole = self.digits.checked_mul(power?)?;
            return Some((whole.checked_mul(1 << self.twos)?, false));
        }
        // If the power does not fit, it is larger than `digits`, and `twos` is 0.
        let Some(divisor) = power else { return Some((0, true)) };
        let mut whole = self.digits / divisor;
        let mut rest = self.digits % divisor;
        // Doubles step by step, because `rest` times the whole power of two might not fit.
        for _ in 0..self.twos {
            whole = whole.checked_mul(2)?;
            rest *= 2;
            if rest >= divisor {
                rest -= divisor;
                whole += 1;
            }
        }
        Some((whole, rest != 0))
    }
}

/// Splits off a sign. The first value is true for minus.
fn split_sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Splits off the leading digits, if any.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The powers of ten and of two that a suffix means.
fn parse_suffix(suffix: &str) -> Option<(i32, u32)> {
    let powers = match suffix {
        "n" => (-9, 0),
        "u" => (-6, 0),
        "m" => (-3, 0),
        "" => (0, 0),
        "k" => (3, 0),
        "M" => (6, 0),
        "G" => (9, 0),
        "T" => (12, 0),
        "P" => (15, 0),
        "E" => (18, 0),
        "Ki" => (0, 10),
        "Mi" => (0, 20),
        "Gi" => (0, 30),
        "Ti" => (0, 40),
        "Pi" => (0, 50),
        "Ei" => (0, 60),
        _ => (parse_exponent(suffix.strip_prefix(['e', 'E'])?)?, 0),
    };
    Some(powers)
}

/// Parses a whole number with or without a sign, and limits it to [`MAX_EXPONENT`].
fn parse_exponent(text: &str) -> Option<i32> {
    let (negative, text) = split_sign(text);
    let (digits, rest) = split_digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    // The text consists of digits, so parsing fails only if the number is too large.
    let size = digits.parse::<i32>().unwrap_or(MAX_EXPONENT).min(MAX_EXPONENT);
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod quantity_tests;
