//! Pure: from the answers of the API to the model.

pub mod instance;
pub mod machine_type;
pub mod page;
pub mod values;
