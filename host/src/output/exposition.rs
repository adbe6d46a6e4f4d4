//! The text format of Prometheus (<https://prometheus.io/docs/instrumenting/exposition_formats/>), and the metrics of
//! endpoints, which `watch` and the format `prometheus` have in common.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write as _};

use gatherer_plugin_api::model::Timestamp;
use gatherer_plugin_api::{Collection, Expiry};

use super::escape::escape;

/// The prefix of all names.
const PREFIX: &str = "virtual_host_gatherer_";

/// The maximum size of the value of a label, in bytes, before quotes and backslashes are escaped.
pub const LABEL_MAX_BYTES: usize = 256;

/// What follows a value that was cut.
const CUT: &str = "...";

/// A metric without its samples.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The name, without the prefix.
    pub name: &'static str,
    /// The type: `gauge` or `counter`.
    pub kind: &'static str,
    /// What it measures, as one sentence.
    pub help: &'static str,
}

impl Family {
    /// A metric whose value can rise and fall.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "gauge", help }
    }

    /// A metric whose value only rises.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: "counter", help }
    }

    /// Appends the metric with its samples; nothing if there are no samples.
    pub fn write<L: fmt::Display>(
        self,
        text: &mut String,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        let Self { name, kind, help } = self;
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(text, "{PREFIX}{name}{labels} {value}");
        }
    }
}

/// The labels of a sample.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Labels(String);

impl Labels {
    /// The labels of an endpoint's sample.
    pub fn of_endpoint(id: &str, module: Option<&str>) -> Self {
        Self::default().and("endpoint", id).and_some("module", module)
    }

    /// Adds a label. An empty value is the same as no label for Prometheus, so it is left out.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        if !value.is_empty() {
            let comma = if self.0.is_empty() { "" } else { "," };
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{comma}{name}=\"{}\"", quoted(&shown(value)));
        }
        self
    }

    /// Adds a label if its value is known.
    pub fn and_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.and(name, value),
            None => self,
        }
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{{{}}}", self.0) }
    }
}

/// The value of a label before it is quoted: characters that control a terminal or hide others are escaped as in the log,
/// and a long text is cut.
pub fn shown(value: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if value.len() <= LABEL_MAX_BYTES && value.bytes().all(is_plain) {
        return Cow::Borrowed(value);
    }
    // The rest of a longer text is cut anyway, so it is not escaped first.
    let start = &value[..value.floor_char_boundary(LABEL_MAX_BYTES + 1)];
    let mut text = escape(start);
    if text.len() > LABEL_MAX_BYTES || start.len() < value.len() {
        text.truncate(text.floor_char_boundary(LABEL_MAX_BYTES - CUT.len()));
        text.push_str(CUT);
    }
    Cow::Owned(text)
}

/// The value as the format requires it between quotes.
fn quoted(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        let text = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        return Cow::Owned(text);
    }
    Cow::Borrowed(value)
}

/// Makes the labels of objects unique. A scraper refuses all samples if two of a metric have equal labels, and ids and names
/// can be duplicated.
#[derive(Debug, Default)]
pub struct UniqueLabels(HashMap<Labels, usize>);

impl UniqueLabels {
    /// Adds the label `duplicate` to labels that another object has: `2` for the second object, and so on.
    pub fn unique(&mut self, labels: Labels) -> Labels {
        match self.0.get_mut(&labels) {
            None => {
                self.0.insert(labels.clone(), 1);
                labels
            }
            Some(count) => {
                *count += 1;
                labels.and("duplicate", &count.to_string())
            }
        }
    }
}

/// A count as a sample's value.
#[expect(clippy::cast_precision_loss, reason = "no count has 2^53")]
pub const fn count(number: usize) -> f64 {
    number as f64
}

/// A point in time as a sample's value.
#[expect(clippy::cast_precision_loss, reason = "a point in time has fewer than 2^53 milliseconds")]
pub fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// What the metrics say about an endpoint.
#[derive(Debug)]
pub struct EndpointSamples<'a> {
    /// The labels of all its samples.
    pub labels: Labels,
    /// Whether the last round succeeded.
    pub is_up: bool,
    /// The kind of the error, if the last round failed.
    pub failing: Option<&'a str>,
    /// When it was last gathered completely.
    pub last_success: Option<Timestamp>,
    /// How long the last round took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// What its last complete answer has, if there was one.
    pub answer: Option<AnswerSamples<'a>>,
}

/// What the metrics say about the last complete answer of an endpoint.
#[derive(Debug)]
pub struct AnswerSamples<'a> {
    /// The number of objects of each kind.
    pub objects: Vec<(&'a str, usize)>,
    /// The collections that it does not have completely.
    pub missing: Vec<&'a str>,
    /// The number of warnings.
    pub warnings: usize,
    /// When certificates, tokens and passwords expire.
    pub expiries: &'a [Expiry],
}

impl AnswerSamples<'_> {
    /// The known numbers of objects. If the guests could not all be read, their number is not known.
    fn known_objects(&self) -> impl Iterator<Item = (&str, usize)> {
        let are_guests_known = !self.missing.contains(&Collection::VirtualMachines.as_str());
        let known = move |(kind, _): &(&str, usize)| *kind != "guests" || are_guests_known;
        self.objects.iter().copied().filter(known)
    }

    /// The first expiry of each thing. Of several with the same name, the one that expires first counts.
    fn first_expiries(&self) -> BTreeMap<Cow<'_, str>, Timestamp> {
        let mut first = BTreeMap::new();
        for expiry in self.expiries {
            let at = first.entry(shown(&expiry.what)).or_insert(expiry.at);
            *at = expiry.at.min(*at);
        }
        first
    }
}

/// Appends the metrics of endpoints.
pub fn write_endpoints(text: &mut String, endpoints: &[EndpointSamples<'_>]) {
    let answers = || {
        endpoints.iter().filter_map(|endpoint| Some((&endpoint.labels, endpoint.answer.as_ref()?)))
    };
    let gauge = Family::gauge;
    gauge("endpoint_up", "Whether the last round of the endpoint succeeded.").write(
        text,
        endpoints.iter().map(|endpoint| (&endpoint.labels, f64::from(u8::from(endpoint.is_up)))),
    );
    gauge("endpoint_failing", "Endpoints that fail now, by kind of error.").write(
        text,
        endpoints.iter().filter_map(|endpoint| {
            Some((endpoint.labels.clone().and("kind", endpoint.failing?), 1.0))
        }),
    );
    gauge(
        "endpoint_last_success_timestamp_seconds",
        "When the endpoint was last gathered completely.",
    )
    .write(
        text,
        endpoints
            .iter()
            .filter_map(|endpoint| Some((&endpoint.labels, seconds(endpoint.last_success?)))),
    );
    gauge("endpoint_last_duration_seconds", "How long the last round of the endpoint took.").write(
        text,
        endpoints
            .iter()
            .filter_map(|endpoint| Some((&endpoint.labels, milliseconds(endpoint.duration_ms?)))),
    );
    gauge("endpoint_objects", "Objects in the last complete answer, by kind.").write(
        text,
        answers().flat_map(|(labels, answer)| {
            let objects = answer.known_objects();
            objects.map(|(kind, number)| (labels.clone().and("kind", kind), count(number)))
        }),
    );
    gauge("endpoint_warnings", "Warnings of the last complete answer.")
        .write(text, answers().map(|(labels, answer)| (labels, count(answer.warnings))));
    gauge(
        "endpoint_expiry_timestamp_seconds",
        "When certificates, tokens and passwords of the endpoint expire.",
    )
    .write(
        text,
        answers().flat_map(|(labels, answer)| {
            let expiries = answer.first_expiries().into_iter();
            expiries.map(|(what, at)| (labels.clone().and("what", &what), seconds(at)))
        }),
    );
    gauge(
        "endpoint_missing_collection",
        "Collections that the last complete answer does not have completely.",
    )
    .write(
        text,
        answers().flat_map(|(labels, answer)| {
            let mut missing: Vec<_> = answer.missing.iter().copied().map(shown).collect();
            missing.sort();
            missing.dedup();
            missing.into_iter().map(|name| (labels.clone().and("collection", &name), 1.0))
        }),
    );
}

#[expect(clippy::cast_precision_loss, reason = "no round takes 2^53 ms")]
fn milliseconds(duration: u64) -> f64 {
    duration as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{Family, LABEL_MAX_BYTES, Labels, UniqueLabels, shown};

    #[test]
    fn escapes_quotes_backslashes_and_what_controls_a_terminal() {
        let labels = Labels::of_endpoint("a \"quoted\"\\ id", None);
        assert_eq!(labels.to_string(), r#"{endpoint="a \"quoted\"\\ id"}"#);
        let labels = Labels::default().and("name", "é\n\r\0\u{1b}[31m\u{202e}");
        let expected = r#"{name="é\\n\\r\\u{0}\\u{1b}[31m\\u{202e}"}"#;
        assert_eq!(labels.to_string(), expected);
        assert_eq!(Labels::default().and("empty", "").and_some("absent", None).to_string(), "");
    }

    #[test]
    fn cuts_long_values_between_characters() {
        let longest = "x".repeat(LABEL_MAX_BYTES);
        assert_eq!(shown(&longest), longest);
        for long in ["x".repeat(LABEL_MAX_BYTES + 1), "\u{20ac}".repeat(100_000), "\0".repeat(60)] {
            let cut = shown(&long);
            assert!(cut.len() <= LABEL_MAX_BYTES, "{}", cut.len());
            assert!(cut.len() > LABEL_MAX_BYTES - 8 && cut.ends_with("..."), "{cut}");
        }
    }

    #[test]
    fn numbers_equal_labels() {
        let mut unique = UniqueLabels::default();
        let labels = ["a", "b", "a", "a"].map(|id| unique.unique(Labels::of_endpoint(id, None)));
        assert_eq!(
            labels.map(|labels| labels.to_string()),
            [
                r#"{endpoint="a"}"#,
                r#"{endpoint="b"}"#,
                r#"{endpoint="a",duplicate="2"}"#,
                r#"{endpoint="a",duplicate="3"}"#
            ]
        );
    }

    #[test]
    fn a_metric_without_samples_is_left_out() {
        let mut text = String::new();
        let family = Family::gauge("size_bytes", "A size.");
        family.write(&mut text, Vec::<(Labels, f64)>::new());
        assert_eq!(text, "");
        family.write(&mut text, [(Labels::default(), 1_125_899_906_842_624.0)]);
        assert_eq!(
            text,
            "# HELP virtual_host_gatherer_size_bytes A size.\n\
             # TYPE virtual_host_gatherer_size_bytes gauge\n\
             virtual_host_gatherer_size_bytes 1125899906842624\n"
        );
    }
}
