//! Reads the parameters of a request in EC2's query protocol.

use std::collections::BTreeMap;

use gatherer_plugin_support::testing::ReceivedRequest;

use super::Ec2Error;

/// The parameters of a request. Each one that is read is removed, so that the rest are unknown ones.
#[derive(Debug)]
pub(super) struct Parameters(BTreeMap<String, String>);

/// A filter: the name, and the values of which one must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) name: String,
    values: Vec<String>,
}

impl Parameters {
    /// The parameters of a form in the body, or of the query.
    pub(super) fn of(request: &ReceivedRequest) -> Result<Self, Ec2Error> {
        let pairs = if request.method == "POST" {
            let content_type = request.header("content-type").unwrap_or_default();
            if !content_type.starts_with("application/x-www-form-urlencoded") {
                let message = "The content is not a form.";
                return Err(Ec2Error::new(400, "MalformedQueryString", message));
            }
            let body = String::from_utf8_lossy(&request.body);
            let target = format!("/?{body}");
            ReceivedRequest { target, ..ReceivedRequest::default() }.query_pairs()
        } else {
            request.query_pairs()
        };
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            if parameters.insert(name.clone(), value).is_some() {
                let message = format!("The parameter {name} is given more than once.");
                return Err(Ec2Error::new(400, "MalformedQueryString", message));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Whether there is this parameter.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// All parameters but those of the page, as text.
    pub(super) fn without_page(&self) -> String {
        let is_of_page = |name: &str| matches!(name, "MaxResults" | "NextToken");
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| !is_of_page(name)) {
            text.extend([name, "=", value, "\n"]);
        }
        text
    }

    /// A parameter that may not be absent.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Ec2Error> {
        self.take(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let message = format!("The request must contain the parameter {name}");
            Ec2Error::new(400, "MissingParameter", message)
        })
    }

    /// A parameter that is `true` or `false`.
    pub(super) fn boolean(&mut self, name: &str) -> Result<bool, Ec2Error> {
        match self.take(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(value) => Err(Ec2Error::invalid_value(value, name)),
        }
    }

    /// `MaxResults` within these limits.
    pub(super) fn max_results(&mut self, least: usize, most: usize) -> Result<usize, Ec2Error> {
        let Some(value) = self.take("MaxResults") else { return Ok(most) };
        let number = value.parse().ok().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| Ec2Error::invalid_value(&value, "maxResults"))
    }

    /// A list: `name.1`, `name.2` and so on without gaps.
    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        (1..).map_while(|number| self.take(&format!("{name}.{number}"))).collect()
    }

    /// The filters, whose names must be among these.
    pub(super) fn filters(&mut self, known: &[&str]) -> Result<Vec<Filter>, Ec2Error> {
        let mut filters = Vec::new();
        for number in 1.. {
            let Some(name) = self.take(&format!("Filter.{number}.Name")) else { break };
            if !known.contains(&name.as_str()) {
                let message = format!("The filter '{name}' is invalid");
                return Err(Ec2Error::new(400, "InvalidParameterValue", message));
            }
            let values = self.list(&format!("Filter.{number}.Value"));
            if values.is_empty() || values.len() > 200 {
                let message = "The number of values of a filter is invalid";
                return Err(Ec2Error::new(400, "InvalidParameterValue", message));
            }
            filters.push(Filter { name, values });
        }
        Ok(filters)
    }

    /// Refuses what has not been read.
    pub(super) fn finish(self) -> Result<(), Ec2Error> {
        let Some(name) = self.0.into_keys().next() else { return Ok(()) };
        let message = format!("The parameter {name} is not recognized");
        Err(Ec2Error::new(400, "UnknownParameter", message))
    }
}

impl Filter {
    /// Whether one of the values, which may have `*` and `?`, matches this text.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.values.iter().any(|pattern| matches(pattern.as_bytes(), text.as_bytes()))
    }
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|skipped| matches(rest, &text[skipped..])),
        (Some((b'?', pattern)), Some((_, text))) => matches(pattern, text),
        (Some((first, pattern)), Some((other, text))) if first == other => matches(pattern, text),
        _ => false,
    }
}
