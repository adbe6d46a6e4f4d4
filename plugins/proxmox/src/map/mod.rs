//! Pure: from the replies of Proxmox VE to the model.

pub mod guest;
pub mod guest_list;
pub mod host;
pub mod permissions;
pub mod property;
pub mod replies;
pub mod values;
