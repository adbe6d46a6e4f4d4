//! The fake of Google Compute Engine: Google's own client reads its whole inventory, its answers are as Google's own
//! description of the API says, and it refuses what the service refuses.

mod asked;
mod judges;
mod login;
mod pages;
mod refusals;
