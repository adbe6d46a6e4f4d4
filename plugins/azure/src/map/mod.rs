//! The mapping of Azure's answers to the model, without I/O.

pub mod location;
pub mod machine;
pub mod resource_id;
pub mod size;
pub mod state;
pub mod values;
