//! Whether all pods of an endpoint are known.

use gatherer_plugin_api::GatherError;
use gatherer_plugin_api::model::{Completeness, EndpointResult, EndpointStatus, Pod};

/// The collection that has to be whole.
const PODS: &str = "pods";

/// Why nothing may be concluded from an endpoint's pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incomplete {
    /// The endpoint failed, for this reason.
    Endpoint(String),
    /// Its pods could not be read to their end, for this reason.
    Pods(String),
    /// Nobody asked for its pods, or it cannot have any.
    NotGathered,
}

impl Incomplete {
    /// The reason, as the end of a sentence.
    pub fn message(&self) -> String {
        match self {
            Self::Endpoint(why) => format!("the endpoint failed: {why}"),
            Self::Pods(why) => format!("its pods could not all be read: {why}"),
            Self::NotGathered => "its pods were not gathered".to_owned(),
        }
    }
}

/// The pods of an endpoint, if all of them are there.
pub fn whole_pods(endpoint: &EndpointResult) -> Result<&[Pod], Incomplete> {
    if endpoint.status != EndpointStatus::Complete || endpoint.error.is_some() {
        return Err(Incomplete::Endpoint(why(endpoint.error.as_ref())));
    }
    match endpoint.collections.get(PODS) {
        None => Err(Incomplete::NotGathered),
        Some(pods) if pods.status != Completeness::Complete || pods.error.is_some() => {
            Err(Incomplete::Pods(why(pods.error.as_ref())))
        }
        Some(_) => Ok(&endpoint.workloads.pods),
    }
}

fn why(error: Option<&GatherError>) -> String {
    match error {
        Some(error) => format!("{}: {error}", error.kind),
        None => "no reason is known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::GatherError;
    use gatherer_plugin_api::model::{
        CollectionStatus, Completeness, EndpointResult, EndpointStatus,
    };

    use super::{Incomplete, PODS, whole_pods};

    #[test]
    fn pods_of_an_answer_are_whole_only_without_an_error() {
        let mut endpoint = EndpointResult::new("e".into(), None, None);
        endpoint.status = EndpointStatus::Complete;
        let error = Some(GatherError::protocol("odd"));
        assert_eq!(whole_pods(&endpoint), Err(Incomplete::NotGathered));
        let pods = CollectionStatus { status: Completeness::Complete, error: None };
        endpoint.collections.insert(PODS.into(), pods.clone());
        assert_eq!(whole_pods(&endpoint), Ok(&[][..]));
        let odd = CollectionStatus { error: error.clone(), ..pods };
        endpoint.collections.insert(PODS.into(), odd);
        assert!(matches!(whole_pods(&endpoint), Err(Incomplete::Pods(_))));
        endpoint.error = error;
        assert!(matches!(whole_pods(&endpoint), Err(Incomplete::Endpoint(_))));
    }
}
