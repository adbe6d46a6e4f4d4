//! A scripted Kubernetes API server with generated nodes, or in front of a real server, and kubeconfigs for it.

mod kubeconfig;
mod nodes;
mod upstream;

pub use kubeconfig::{base64, kubeconfig};
pub use nodes::{
    AnswerFault, NodeServer, RequestFilter, Source, canned_node, faults, kubernetes_status,
};
pub use upstream::Upstream;
