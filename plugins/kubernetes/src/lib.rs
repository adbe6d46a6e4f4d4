//! Module Kubernetes: the nodes of a cluster. `kubeconfig` says where it is and who we are,
//! `client` asks it, `map` reads what it says.

#![forbid(unsafe_code)]

pub mod client;
pub mod kubeconfig;
pub mod map;
pub mod node;
