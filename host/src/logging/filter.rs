//! `--log-filter`: which lines are logged, in the syntax of `tracing_subscriber::EnvFilter`.

use std::str::FromStr;

use gatherer_plugin_api::LogLevel;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use super::{CRATE, TARGET, spans};

/// Directives that are added to the level that `-v` gives for each destination.
///
/// The syntax is that of `EnvFilter`, with two differences. Every directive has a level, because a
/// misspelled level would otherwise be a target. A value such as `id=NAME` is a regular
/// expression that has to match the whole value, so that `id=vc1` does not match `vc10`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LogFilter {
    /// As `EnvFilter` parses them.
    directives: Vec<String>,
    /// The level of the last directive without a target. It replaces the level that `-v` gives.
    level: Option<LevelFilter>,
    /// The most detailed level of the directives with a target.
    target_level: Option<LevelFilter>,
}

/// Why a filter is not valid.
#[derive(Debug, thiserror::Error)]
#[error(
    "{directive:?} {problem}; write LEVEL, TARGET=LEVEL or [SPAN{{FIELD=VALUE}}]=LEVEL, for example \
     info,kubernetes=debug"
)]
pub struct FilterError {
    directive: String,
    problem: &'static str,
}

impl FromStr for LogFilter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut filter = Self::default();
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            filter
                .add(directive)
                .map_err(|problem| FilterError { directive: directive.to_owned(), problem })?;
        }
        Ok(filter)
    }
}

impl TryFrom<String> for LogFilter {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, FilterError> {
        text.parse()
    }
}

impl LogFilter {
    /// Adds one directive. The error describes what is wrong with it.
    fn add(&mut self, directive: &str) -> Result<(), &'static str> {
        if let Ok(level) = directive.parse() {
            self.level = Some(level);
            return Ok(());
        }
        let (object, level) = directive.rsplit_once('=').unwrap_or((directive, ""));
        let level = match level.parse::<LevelFilter>() {
            Ok(parsed) if !level.is_empty() => parsed,
            _ => return Err("must end in a level: off, error, warn, info, debug or trace"),
        };
        let object = match object.split_once('[') {
            None => {
                self.target_level = self.target_level.max(Some(level));
                match object.strip_prefix(TARGET) {
                    Some(module) if module.is_empty() || module.starts_with("::") => {
                        format!("{CRATE}{module}")
                    }
                    _ => object.to_owned(),
                }
            }
            Some(("", span)) => span_object(span)?,
            Some(_) => return Err("must not have both a target and a span"),
        };
        let directive = format!("{object}={level}");
        if EnvFilter::builder().parse(&directive).is_err() {
            return Err("is not a valid directive");
        }
        self.directives.push(directive);
        Ok(())
    }

    /// The filter of a destination that gets lines up to this level, unless a directive says otherwise.
    pub fn for_destination(&self, level: LogLevel) -> EnvFilter {
        let level = self.level.unwrap_or_else(|| level_filter(level)).to_string();
        let directives = [[level].as_slice(), &self.directives].concat().join(",");
        EnvFilter::builder().parse(directives).expect("each directive was parsed before")
    }

    /// The most detailed level at which a line outside of spans can be logged, for any target.
    pub fn most_detailed(&self, level: LogLevel) -> LevelFilter {
        let level = self.level.unwrap_or_else(|| level_filter(level));
        self.target_level.map_or(level, |target_level| level.max(target_level))
    }
}

/// Converts the text after the first bracket of `[SPAN{FIELD=VALUE}]` to the form that `EnvFilter` parses.
fn span_object(text: &str) -> Result<String, &'static str> {
    let inside = text.strip_suffix(']').ok_or("must have a `]` before its level")?;
    let (span, field) = match inside.split_once('{') {
        None => (inside, None),
        Some((span, field)) => {
            let field = field.strip_suffix('}').ok_or("must have a `}` before its `]`")?;
            (span, Some(field))
        }
    };
    // Without a name it means every span that has the field.
    let is_named = |name: &str| name == span || (span.is_empty() && field.is_some());
    if !spans::FIELDS.iter().any(|(name, _)| is_named(name)) {
        return Err("must name a span of the runner: run, endpoint or worker");
    }
    let Some(field) = field else { return Ok(format!("[{span}]")) };
    let (name, value) = match field.split_once('=') {
        None => (field, None),
        Some((name, value)) => (name, Some(value)),
    };
    if !spans::FIELDS.iter().any(|(span, fields)| is_named(span) && fields.contains(&name)) {
        return Err("must name a field of its span: endpoint has id and module, worker has pid");
    }
    Ok(match value {
        None => format!("[{span}{{{name}}}]"),
        Some(value) if value.contains('=') => return Err("must not have a value with `=`"),
        // `EnvFilter` compares it as a number.
        Some(pid) if name == "pid" => format!("[{span}{{{name}={pid}}}]"),
        // Unanchored, `vc1` would match `my-vc1`. A number or boolean is compared as text.
        Some(value) => format!("[{span}{{{name}=^(?:{value})$}}]"),
    })
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::LogLevel;
    use tracing::level_filters::LevelFilter;

    use super::LogFilter;

    fn parsed(text: &str) -> LogFilter {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The directives as `EnvFilter` has parsed them.
    fn shown(text: &str) -> String {
        parsed(text).for_destination(LogLevel::Warn).to_string()
    }

    #[test]
    fn a_target_is_added_to_the_level_of_the_destination() {
        assert_eq!(shown(""), "warn");
        assert_eq!(shown("kubernetes=debug"), "kubernetes=debug,warn");
        assert_eq!(
            shown(" kubernetes=debug , , libvirt=OFF,"),
            "kubernetes=debug,libvirt=off,warn"
        );
    }

    #[test]
    fn the_target_of_the_runner_means_its_crate() {
        assert_eq!(shown("gatherer=debug"), "virtual_host_gatherer=debug,warn");
        assert_eq!(shown("gatherer::run=debug"), "virtual_host_gatherer::run=debug,warn");
        assert_eq!(shown("gatherer_other=debug"), "gatherer_other=debug,warn");
    }

    #[test]
    fn a_level_without_a_target_replaces_the_level_of_the_destination() {
        assert_eq!(shown("info,kubernetes=debug"), "kubernetes=debug,info");
        assert_eq!(shown("kubernetes=debug,off"), "kubernetes=debug,off");
        assert_eq!(shown("trace,error"), "error", "the last one counts");
    }

    #[test]
    fn the_value_of_a_field_matches_as_a_whole_and_as_text() {
        assert_eq!(shown("[endpoint{id=vc1}]=debug"), "warn,[endpoint{id=^(?:vc1)$}]=debug");
        assert_eq!(shown("[endpoint{id=7}]=debug"), "warn,[endpoint{id=^(?:7)$}]=debug");
        assert_eq!(shown("[{id=a.*}]=debug"), "warn,[{id=^(?:a.*)$}]=debug");
        assert_eq!(shown("[worker{pid=7}]=debug"), "warn,[worker{pid=7}]=debug");
    }

    #[test]
    fn the_most_detailed_level_is_that_of_any_directive_with_a_target() {
        let most_detailed = |text| parsed(text).most_detailed(LogLevel::Info);
        assert_eq!(most_detailed(""), LevelFilter::INFO);
        assert_eq!(most_detailed("kubernetes=debug,libvirt=error"), LevelFilter::DEBUG);
        assert_eq!(most_detailed("off"), LevelFilter::OFF);
        assert_eq!(most_detailed("warn,libvirt=error"), LevelFilter::WARN);
        assert_eq!(most_detailed("[endpoint{id=a}]=trace"), LevelFilter::INFO);
    }

    #[test]
    fn rejects_an_invalid_directive_and_names_it() {
        let mut messages = Vec::new();
        for (text, directive) in [
            ("loud", "loud"),
            ("info,kubernetes", "kubernetes"),
            ("kubernetes=loud", "kubernetes=loud"),
            ("kubernetes=", "kubernetes="),
            ("info,,a=b=c,warn", "a=b=c"),
            ("[endpoint{id=a}]", "[endpoint{id=a}]"),
            ("[endpoint{id=a]=debug", "[endpoint{id=a]=debug"),
            ("[endpoint=debug", "[endpoint=debug"),
            ("[endpoint{id=a=b}]=debug", "[endpoint{id=a=b}]=debug"),
            ("[endpoint{id=(}]=debug", "[endpoint{id=(}]=debug"),
            ("[endpoint{name=a}]=debug", "[endpoint{name=a}]=debug"),
            ("[host]=debug", "[host]=debug"),
            ("[]=debug", "[]=debug"),
            ("kubernetes[endpoint]=debug", "kubernetes[endpoint]=debug"),
            ("!=debug", "!=debug"),
        ] {
            let error = text.parse::<LogFilter>().expect_err(text);
            assert_eq!(error.directive, directive);
            messages.push(error.to_string());
        }
        insta::assert_snapshot!(messages.join("\n"));
    }
}
