//! A pattern of a filter: `*`, `?` and character classes.

/// A pattern. It does not distinguish upper and lower case, as virt-who does not, and must match a whole value.
#[derive(Debug, Clone)]
pub struct Pattern {
    shown: String,
    glob: glob::Pattern,
}

impl Pattern {
    /// Parses a pattern. The error is the position, in characters from 1, of a bracket that begins no character class.
    pub fn parse(text: &str) -> Result<Self, usize> {
        // The library gives `**` a meaning for paths.
        let mut single = text.to_lowercase();
        while single.contains("**") {
            single = single.replace("**", "*");
        }
        match glob::Pattern::new(&single) {
            Ok(glob) => Ok(Self { shown: text.to_owned(), glob }),
            Err(error) => Err(error.pos + 1),
        }
    }

    /// Changes how the pattern is shown in messages.
    pub fn set_shown(&mut self, shown: String) {
        self.shown = shown;
    }

    /// The pattern for messages.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether the pattern matches the whole value.
    pub fn matches(&self, value: &str) -> bool {
        self.glob.matches(&value.to_lowercase())
    }

    /// Whether the pattern matches a label `KEY=VALUE`: all of it, or the key if the pattern has no `=`.
    pub fn matches_label(&self, label: &str) -> bool {
        let has_value = self.glob.as_str().contains('=');
        self.matches(if has_value { label } else { label.split('=').next().unwrap_or(label) })
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_pattern_matches_the_whole_value_in_any_case() {
        for (pattern, value, matches) in [
            ("test", "test", true),
            ("test", "test1", false),
            ("TEST-*", "test-1", true),
            ("test-*", "Test-1.example.com/a", true),
            ("*-tmp", "a-tmp", true),
            ("*-tmp", "a-tmp2", false),
            ("a**b", "axxb", true),
            ("***", "", true),
            ("esx?", "esx1", true),
            ("esx?", "esx", false),
            ("esx[1-3]", "ESX2", true),
            ("esx[!1-3]", "esx2", false),
            ("esx[!1-3]", "esx4", true),
            ("[A-C]x", "bx", true),
            ("a[*]b", "a*b", true),
            ("a[*]b", "axb", false),
            ("[[]old] x", "[old] x", true),
            ("Ä*", "äb", true),
            ("a\\b", "a\\b", true),
        ] {
            assert_eq!(
                Pattern::parse(pattern).expect(pattern).matches(value),
                matches,
                "{pattern} {value}"
            );
        }
    }

    #[test]
    fn a_class_that_is_not_closed_is_an_error_with_its_position() {
        for (pattern, position) in [("[old", 1), ("web [old", 5), ("a[]", 2), ("a[!]", 2)] {
            let found = Pattern::parse(pattern).expect_err(pattern);
            assert_eq!(found, position, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_without_an_equals_sign_matches_the_key_of_a_label() {
        for (pattern, label, matches) in [
            ("env=dev", "env=dev", true),
            ("env=dev", "env=devel", false),
            ("env=*", "env=", true),
            ("env", "env=dev", true),
            ("dev", "env=dev", false),
            ("*=dev", "env=dev", true),
        ] {
            let pattern = Pattern::parse(pattern).expect("a pattern");
            assert_eq!(pattern.matches_label(label), matches, "{pattern:?} {label}");
        }
    }

    /// Otherwise a pattern of an untrusted request could keep the runner busy.
    #[test]
    fn many_stars_do_not_take_long() {
        let pattern = Pattern::parse(&format!("{}b", "a*".repeat(500))).expect("a pattern");
        let started = std::time::Instant::now();
        assert!(!pattern.matches(&"a".repeat(10_000)));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
