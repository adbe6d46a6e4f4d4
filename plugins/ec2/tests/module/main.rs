//! Tests of the whole module against scripted answers and the fake of EC2.

mod answers;
mod credentials;
mod errors;
mod faults;
mod hostile;
mod hosts;
mod judged;
mod recorded;
mod scripted;
mod service;
mod shorter;
