//! Finds the known name that a mistyped name probably means.

/// The longest name that is compared, in bytes. Longer texts are not mistyped names.
const NAME_MAX_BYTES: usize = 64;

/// The shortest text that counts as a part of a name, in bytes.
const PART_MIN_BYTES: usize = 4;

/// The known name that a mistyped one probably means: it differs in case, in `-` and `_`, or in at most a third of its
/// letters, or one of the names is a part of the other (`password` of `sasl_password`). `None` if there is none.
pub fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > NAME_MAX_BYTES {
        return None;
    }
    let name = normalized(name);
    let ranked = known.into_iter().filter_map(|known| {
        let candidate = normalized(known);
        Some((rank(&name, &candidate)?, known))
    });
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, known)| known)
}

/// The end of a message about a mistyped name: `; did you mean pods?`, or nothing if no known name is close.
///
/// ```
/// use gatherer_plugin_api::did_you_mean;
/// assert_eq!(did_you_mean("pod", ["pods", "services"]), "; did you mean pods?");
/// assert_eq!(did_you_mean("volumes", ["pods", "services"]), "");
/// ```
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(name, known).map(|known| format!("; did you mean {known}?")).unwrap_or_default()
}

/// How far two names are apart, smaller is closer; `None` if they are not close.
fn rank(name: &str, candidate: &str) -> Option<(bool, usize)> {
    let distance = strsim::osa_distance(name, candidate);
    let longest = name.chars().count().max(candidate.chars().count());
    if distance <= longest / 3 {
        return Some((false, distance));
    }
    let is_part = (candidate.contains(name) && name.len() >= PART_MIN_BYTES)
        || (name.contains(candidate) && candidate.len() >= PART_MIN_BYTES);
    is_part.then_some((true, distance))
}

fn normalized(name: &str) -> String {
    name.trim().to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn finds_the_name_that_was_probably_meant() {
        let known = ["uri", "sasl_username", "sasl_password", "timeout", "ca_file", "context"];
        for (name, expected) in [
            ("url", Some("uri")),
            ("URI", Some("uri")),
            ("ca-file", Some("ca_file")),
            ("tiemout", Some("timeout")),
            ("password", Some("sasl_password")),
            ("sasl_pasword", Some("sasl_password")),
            ("contexts", Some("context")),
            ("", None),
            ("x", None),
            ("port", None),
            (&"uri".repeat(100), None),
        ] {
            assert_eq!(closest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn prefers_the_smaller_difference() {
        assert_eq!(closest("jobs", ["job", "jobs_max", "jobb"]), Some("job"));
        assert_eq!(closest("kvm1", ["esx1", "kvm2", "kvm10"]), Some("kvm2"));
        assert_eq!(closest("a", []), None);
    }
}
