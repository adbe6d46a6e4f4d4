//! Fake servers of vendors' APIs, with the shapes of recorded answers and values of our own. Vendors' own clients read
//! them too.

pub mod azure;
pub mod ec2;
mod echo;
pub mod fakepve;
pub mod gce;
pub mod nutanix;
pub mod openstack;
pub mod proxmox;
pub mod vcenter;
pub mod xapi;

pub use echo::echo;
