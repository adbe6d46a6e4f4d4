//! Quantities of Kubernetes (`16Gi`, `500m`, `1e9`), read exactly: no floating point on the way.
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
//! So `1E` is one exa and `1E3` is a thousand. The reference allows a fraction in an exponent;
//! Kubernetes itself refuses one, and so does this. What is looser in Kubernetes' own parser than
//! in its grammar (a number without digits is 0 to it) is refused as well.

use std::fmt;
use std::str::FromStr;

/// The longest text that is looked at. Kubernetes writes no quantity of more than 30 characters.
const LONGEST: usize = 64;

/// Digits that count: without zeros at the front of the whole and at the end of the fraction. So
/// many fit a `u128` whatever they are, and so does twice their number.
const MOST_DIGITS: usize = 38;

/// An exponent that is further from 0 stands for this one: with at most 38 digits before it, both
/// are too large for anything, or both are next to nothing.
const FURTHEST_EXPONENT: i32 = 10_000;

/// A quantity, exactly: a number of up to 38 digits times a power of ten times a power of two.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    negative: bool,
    /// Less than ten to the 38th.
    digits: u128,
    /// The power of ten. Never below -38 where `twos` is not 0.
    tens: i32,
    /// The power of two: 0, 10, 20 ... 60.
    twos: u32,
}

/// Why a text is no quantity. What it says quotes nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// There is nothing.
    Empty,
    /// More than 64 bytes, or more than 38 digits without zeros at either end.
    TooLong,
    /// It does not begin with a number.
    NoNumber,
    /// What follows the number is no suffix.
    UnknownSuffix,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it is too long",
            Self::NoNumber => "it does not begin with a number",
            Self::UnknownSuffix => "what follows its number is no suffix of quantities",
        })
    }
}

impl std::error::Error for ParseError {}

/// Why a quantity is no `u64`. Nothing is made to fit silently: the caller decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfRange {
    /// It is below 0.
    Negative,
    /// It is above the largest `u64`.
    TooLarge,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Negative => "it is negative",
            Self::TooLarge => "it is larger than anything can be",
        })
    }
}

impl std::error::Error for OutOfRange {}

impl FromStr for Quantity {
    type Err = ParseError;

    /// Reads a quantity; no spaces are allowed.
    ///
    /// ```
    /// use gatherer_plugin_support::quantity::Quantity;
    /// let memory: Quantity = "1.5Gi".parse().unwrap();
    /// assert_eq!(memory.round_down(), Ok(1_610_612_736));
    /// ```
    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::Empty);
        }
        if text.len() > LONGEST {
            return Err(ParseError::TooLong);
        }
        let (negative, rest) = sign(text);
        let (whole, rest) = leading_digits(rest);
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => leading_digits(rest),
            None => ("", rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(ParseError::NoNumber);
        }
        let (exponent, twos) = scale(suffix).ok_or(ParseError::UnknownSuffix)?;

        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > MOST_DIGITS {
            return Err(ParseError::TooLong);
        }
        let value = |number: u128, digit: u8| number * 10 + u128::from(digit - b'0');
        let digits = whole.bytes().chain(fraction.bytes()).fold(0, value);
        let places = i32::try_from(fraction.len()).expect("at most 38");
        Ok(Self { negative, digits, tens: exponent - places, twos })
    }
}

impl Quantity {
    /// Whether it is below 0. `-0` is not.
    pub fn is_negative(self) -> bool {
        self.negative && self.digits != 0
    }

    /// In whole units, rounded up, as Kubernetes counts what is asked for.
    ///
    /// ```
    /// use gatherer_plugin_support::quantity::Quantity;
    /// let cpu: Quantity = "500m".parse().unwrap();
    /// assert_eq!(cpu.round_up(), Ok(1));
    /// ```
    pub fn round_up(self) -> Result<u64, OutOfRange> {
        self.rounded(0, true)
    }

    /// In whole units, rounded down: what is there at least.
    pub fn round_down(self) -> Result<u64, OutOfRange> {
        self.rounded(0, false)
    }

    /// In thousandths, rounded up.
    ///
    /// ```
    /// use gatherer_plugin_support::quantity::Quantity;
    /// let cpu: Quantity = "3.92".parse().unwrap();
    /// assert_eq!(cpu.milli_round_up(), Ok(3920));
    /// ```
    pub fn milli_round_up(self) -> Result<u64, OutOfRange> {
        self.rounded(3, true)
    }

    /// The value times ten to the power of `more`, as a whole number.
    fn rounded(self, more: i32, up: bool) -> Result<u64, OutOfRange> {
        if self.digits == 0 {
            return Ok(0);
        }
        if self.negative {
            return Err(OutOfRange::Negative);
        }
        let (mut whole, rest) = self.divided(self.tens + more).ok_or(OutOfRange::TooLarge)?;
        if rest && up {
            whole = whole.saturating_add(1);
        }
        u64::try_from(whole).map_err(|_| OutOfRange::TooLarge)
    }

    /// `digits` times ten to the power of `tens` times two to the power of `twos`: its whole
    /// part, and whether there is a rest. `None` if it is too large by far.
    fn divided(self, tens: i32) -> Option<(u128, bool)> {
        let power = 10_u128.checked_pow(tens.unsigned_abs());
        if tens >= 0 {
            let whole = self.digits.checked_mul(power?)?;
            return Some((whole.checked_mul(1 << self.twos)?, false));
        }
        // Ten to that power is more than the digits can be, and no power of two stands beside it.
        let Some(divisor) = power else { return Some((0, true)) };
        let mut whole = self.digits / divisor;
        let mut rest = self.digits % divisor;
        // One doubling after the other, because all at once would not fit.
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

/// The sign, true for minus, and what follows it.
fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The digits at the beginning, perhaps none, and what follows them.
fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// The powers of ten and of two that a suffix stands for.
fn scale(suffix: &str) -> Option<(i32, u32)> {
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
        _ => return exponent(suffix.strip_prefix(['e', 'E'])?).map(|exponent| (exponent, 0)),
    };
    Some(powers)
}

/// A whole number with or without a sign, pulled in to what can matter.
fn exponent(text: &str) -> Option<i32> {
    let (negative, text) = sign(text);
    let (digits, rest) = leading_digits(text);
    if digits.is_empty() || !rest.is_empty() {
        return None;
    }
    // All digits: what does not parse is too large.
    let size = digits.parse::<i32>().unwrap_or(FURTHEST_EXPONENT).min(FURTHEST_EXPONENT);
    Some(if negative { -size } else { size })
}

#[cfg(test)]
mod tests;
