//! Applies the rules for one kind of object, and remembers which patterns matched.

use std::borrow::Cow;
use std::collections::BTreeSet;

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::Warning;

use super::{FilterKey, FilterOption, FilterRule, Filters};
use crate::output::escape::escape;
use crate::output::inventory::count;

/// How many values of the endpoint a message names.
const VALUES_SHOWN: usize = 5;

/// Whether the rules of both options match an object.
pub struct Verdict {
    /// Every rule of `include` matches; also true if there are none.
    pub is_included: bool,
    /// A rule of `exclude` matches.
    pub is_excluded: bool,
}

/// The rules for hosts or for guests.
pub struct Selection<'a> {
    /// `host` or `guest`.
    noun: &'static str,
    include: Vec<AppliedRule<'a>>,
    exclude: Vec<AppliedRule<'a>>,
    /// Whether an object was included.
    includes_any: bool,
}

/// A rule, and what it was applied to.
struct AppliedRule<'a> {
    rule: &'a FilterRule,
    is_default: bool,
    /// Whether each pattern matched.
    matched: Vec<bool>,
    /// The first values that the endpoint has.
    values: BTreeSet<String>,
}

impl<'a> AppliedRule<'a> {
    fn all(option: &'a FilterOption, rules: &'a [FilterRule]) -> Vec<Self> {
        let applied = |rule: &'a FilterRule| Self {
            rule,
            is_default: option.is_default,
            matched: vec![false; rule.patterns.len()],
            values: BTreeSet::new(),
        };
        rules.iter().map(applied).collect()
    }

    /// Whether a pattern matches one of the values. All patterns are tried, so that those that match nothing are known.
    fn matches(&mut self, values: &[Cow<'_, str>]) -> bool {
        if self.values.len() <= VALUES_SHOWN {
            self.values.extend(values.iter().take(1).map(ToString::to_string));
        }
        let mut any = false;
        for (pattern, matched) in self.rule.patterns.iter().zip(&mut self.matched) {
            let matches = values.iter().any(|value| match self.rule.key {
                FilterKey::Label => pattern.matches_label(value),
                _ => pattern.matches(value),
            });
            *matched |= matches;
            any |= matches;
        }
        any
    }
}

impl<'a> Selection<'a> {
    /// The rules for hosts.
    pub fn of_hosts(Filters { include, exclude }: &'a Filters) -> Self {
        Self {
            noun: "host",
            include: AppliedRule::all(include, &include.hosts),
            exclude: AppliedRule::all(exclude, &exclude.hosts),
            includes_any: false,
        }
    }

    /// The rules for guests.
    pub fn of_guests(Filters { include, exclude }: &'a Filters) -> Self {
        Self {
            noun: "guest",
            include: AppliedRule::all(include, &include.guests),
            exclude: AppliedRule::all(exclude, &exclude.guests),
            includes_any: false,
        }
    }

    /// Applies the rules to an object with these values of each key.
    pub fn verdict<'v>(&mut self, values: impl Fn(FilterKey) -> Vec<Cow<'v, str>>) -> Verdict {
        let (mut is_included, mut is_excluded) = (true, false);
        for applied in &mut self.include {
            is_included &= applied.matches(&values(applied.rule.key));
        }
        for applied in &mut self.exclude {
            is_excluded |= applied.matches(&values(applied.rule.key));
        }
        self.includes_any |= is_included;
        Verdict { is_included, is_excluded }
    }

    /// Whether `include` has rules for these objects.
    pub fn has_include(&self) -> bool {
        !self.include.is_empty()
    }

    /// Whether `include` matched an object, or has no rules.
    pub fn includes_any(&self) -> bool {
        self.includes_any || !self.has_include()
    }

    /// The error of an endpoint of whose objects `include` leaves none. It has `total` of them.
    pub fn no_match(&self, total: usize) -> GatherError {
        let message = if total == 0 {
            format!("include.{}s matches nothing: the endpoint has no {}s", self.noun, self.noun)
        } else {
            format!(
                "include.{}s leaves none of the endpoint's {}",
                self.noun,
                count(total, self.noun)
            )
        };
        let known = self.include.iter().filter(|applied| !applied.values.is_empty());
        let known = known.map(|applied| {
            let mut shown: Vec<_> =
                applied.values.iter().take(VALUES_SHOWN).map(|value| escape(value)).collect();
            if applied.values.len() > VALUES_SHOWN {
                shown.push("...".to_owned());
            }
            format!("{} of its {}s: {}", applied.rule.key.as_str(), self.noun, shown.join(", "))
        });
        let known: Vec<_> = known.collect();
        let remedy = "correct include, so that a Manager does not delete everything";
        GatherError::configuration(message).with_hint(if known.is_empty() {
            remedy.to_owned()
        } else {
            format!("{remedy}; {}", known.join("; "))
        })
    }

    /// Warnings about the patterns of the endpoint's own options that match nothing.
    pub fn unmatched(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (option, rules) in [("include", &self.include), ("exclude", &self.exclude)] {
            for applied in rules.iter().filter(|applied| !applied.is_default) {
                let key = applied.rule.key.as_str();
                for (pattern, matched) in applied.rule.patterns.iter().zip(&applied.matched) {
                    if !matched {
                        warnings.push(Warning {
                            object: format!("{option}.{}s.{key}", self.noun),
                            message: format!(
                                "the pattern {:?} matches no {}",
                                pattern.shown(),
                                self.noun
                            ),
                        });
                    }
                }
            }
        }
        warnings
    }
}
