//! The versions in a manifest: which plugins a program can use.

use super::{Manifest, ManifestError};
use crate::{ABI_VERSION, API_VERSION};

impl Manifest {
    /// Checks whether a program with this crate's [`ABI_VERSION`] and [`API_VERSION`] can use the plugin.
    pub fn check_versions(&self) -> Result<(), ManifestError> {
        self.versions_problem().map_or(Ok(()), |reason| {
            Err(ManifestError(format!("({} {}) {reason}", self.name, self.version)))
        })
    }

    /// Why a program cannot use the plugin.
    fn versions_problem(&self) -> Option<String> {
        if let Err(reason) = check_abi(&self.abi, ABI_VERSION) {
            return Some(reason);
        }
        let minimum = &self.minimum_api;
        let (Some(needed), Some(api)) = (parse_version(minimum), parse_version(API_VERSION)) else {
            return Some(format!("has an invalid minimumApi, which must be a version: {minimum}"));
        };
        (needed > api).then(|| {
            format!(
                "needs plugin API {minimum}, but this program has only {API_VERSION}; update \
                 virtual-host-gatherer"
            )
        })
    }
}

/// Checks whether a program with one ABI version can load a plugin with another.
fn check_abi(plugin: &str, program: &str) -> Result<(), String> {
    let (Some(built_for), Some(supported)) = (parse_version(plugin), parse_version(program)) else {
        return Err(format!("has an invalid ABI, which must be a version: {plugin}"));
    };
    // Since 1.0 the layout is frozen within a major version. Before 1.0, each minor version had its own.
    let series = |(major, minor, _): (u64, u64, u64)| (major, if major == 0 { minor } else { 0 });
    if series(built_for) == series(supported) {
        return Ok(());
    }
    let remedy = if built_for < supported {
        "rebuild the plugin with a newer gatherer-plugin-api"
    } else {
        "update virtual-host-gatherer"
    };
    Err(format!("was built for ABI {plugin}, but this program has ABI {program}; {remedy}"))
}

/// Parses "major.minor.patch".
fn parse_version(text: &str) -> Option<(u64, u64, u64)> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let version = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;
    use super::{check_abi, parse_version};
    use crate::{ABI_VERSION, API_VERSION};

    fn manifest(abi: &str, api: &str) -> Manifest {
        Manifest {
            name: "p".into(),
            version: "1".into(),
            abi: abi.into(),
            minimum_api: api.into(),
            modules: Vec::new(),
        }
    }

    /// Each case is the ABI of a plugin, and a part of the expected error, or `None` if it is compatible.
    fn assert_abi(program: &str, cases: &[(&str, Option<&str>)]) {
        for (abi, words) in cases {
            match (check_abi(abi, program), words) {
                (Ok(()), None) => {}
                (Err(reason), Some(words)) => {
                    assert!(reason.contains(words), "{reason}");
                    assert!(reason.contains(abi) && reason.contains(program), "{reason}");
                }
                (result, _) => panic!("ABI {abi} in a program with ABI {program}: {result:?}"),
            }
        }
    }

    const OLD: Option<&str> = Some("rebuild the plugin");
    const NEW: Option<&str> = Some("update virtual-host-gatherer");

    #[test]
    fn compares_only_the_major_abi_version_since_1_0() {
        for program in ["1.0.0", "1.0.7", "1.3.0"] {
            let compatible = [("1.0.0", None), ("1.0.9", None), ("1.1.0", None), ("1.10.2", None)];
            assert_abi(program, &compatible);
            let incompatible = [("0.1.0", OLD), ("0.9.0", OLD), ("2.0.0", NEW), ("10.0.0", NEW)];
            assert_abi(program, &incompatible);
        }
        assert_abi("2.0.0", &[("1.0.0", OLD), ("1.9.9", OLD), ("2.1.0", None), ("3.0.0", NEW)]);
    }

    #[test]
    fn compares_the_minor_abi_version_before_1_0() {
        assert_abi("0.1.0", &[("0.1.0", None), ("0.1.7", None)]);
        assert_abi("0.1.0", &[("0.0.9", OLD), ("0.2.0", NEW), ("1.0.0", NEW)]);
    }

    #[test]
    fn rejects_a_plugin_from_before_1_0() {
        assert_eq!(
            manifest("0.1.0", "0.1.0").check_versions().map_err(|error| error.to_string()),
            Err("(p 1) was built for ABI 0.1.0, but this program has ABI 1.0.0; rebuild the plugin \
                 with a newer gatherer-plugin-api"
                .to_owned())
        );
    }

    #[test]
    fn rejects_a_plugin_that_needs_a_newer_api() {
        // A plugin may require an older API.
        for api in [API_VERSION, "1.0.0", "0.1.0"] {
            assert_eq!(manifest(ABI_VERSION, api).check_versions(), Ok(()), "{api}");
        }
        for (abi, api, words) in [
            (ABI_VERSION, "9.0.0", "needs plugin API 9.0.0"),
            (ABI_VERSION, "1.99.0", "update virtual-host-gatherer"),
            ("x", "1.0.0", "has an invalid ABI"),
            (ABI_VERSION, "1.0", "has an invalid minimumApi"),
        ] {
            let error = manifest(abi, api).check_versions().expect_err(api);
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse_version("0.10.0") > parse_version("0.9.0"));
        assert_eq!(parse_version("1.2"), None);
    }
}
