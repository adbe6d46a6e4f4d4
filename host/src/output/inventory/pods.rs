//! Decides whether all pods of an endpoint are known.

use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Pod};
use gatherer_plugin_api::{Collection, GatherError};

/// Why not all pods of an endpoint are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// The endpoint failed for this reason.
    Endpoint(String),
    /// The pods could not all be read for this reason.
    Pods(String),
    /// The pods were not requested, or the module does not have pods.
    NotGathered,
}

impl Incomplete {
    /// A message with the reason.
    pub fn message(&self) -> String {
        match self {
            Self::Endpoint(reason) => format!("the endpoint failed: {reason}"),
            Self::Pods(reason) => format!("its pods could not all be read: {reason}"),
            Self::NotGathered => "its pods were not gathered".to_owned(),
        }
    }
}

/// The pods of an endpoint, if all of them are known.
pub fn complete_pods(endpoint: &EndpointResult) -> Result<&[Pod], Incomplete> {
    if endpoint.status != EndpointStatus::Complete || endpoint.error.is_some() {
        return Err(Incomplete::Endpoint(reason(endpoint.error.as_ref())));
    }
    match endpoint.collections.get(Collection::Pods.as_str()) {
        None => Err(Incomplete::NotGathered),
        Some(pods) if !pods.is_complete() => Err(Incomplete::Pods(reason(pods.error.as_ref()))),
        Some(_) => Ok(&endpoint.workloads.pods),
    }
}

/// The text of an error.
pub fn reason(error: Option<&GatherError>) -> String {
    match error {
        Some(error) => format!("{}: {error}", error.kind),
        None => "the reason is unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{
        CollectionStatus, Completeness, EndpointResult, EndpointStatus,
    };
    use gatherer_plugin_api::{Collection, GatherError};

    use super::{Incomplete, complete_pods};

    #[test]
    fn pods_are_complete_only_without_an_error() {
        let mut endpoint = EndpointResult::new("e".into(), None, None);
        endpoint.status = EndpointStatus::Complete;
        let error = Some(GatherError::protocol("not JSON"));
        assert_eq!(complete_pods(&endpoint), Err(Incomplete::NotGathered));
        let pods = CollectionStatus { status: Completeness::Complete, error: None };
        endpoint.collections.insert(Collection::Pods.into(), pods.clone());
        assert_eq!(complete_pods(&endpoint), Ok(&[][..]));
        let contradictory = CollectionStatus { error: error.clone(), ..pods };
        endpoint.collections.insert(Collection::Pods.into(), contradictory);
        assert!(matches!(complete_pods(&endpoint), Err(Incomplete::Pods(_))));
        endpoint.error = error;
        assert!(matches!(complete_pods(&endpoint), Err(Incomplete::Endpoint(_))));
    }
}
