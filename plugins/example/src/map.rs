//! Pure: from the service's replies to the model.

use gatherer_plugin_api::model::{Guest, GuestState};
use serde::Deserialize;

/// A page of the list.
#[derive(Deserialize)]
pub struct PageReply {
    pub guests: Option<Vec<GuestReply>>,
    /// Where the next page starts. Missing on the last page.
    pub next: Option<String>,
}

/// A guest, as the service describes it.
#[derive(Deserialize)]
pub struct GuestReply {
    pub uuid: String,
    name: String,
    status: String,
    memory_mib: Option<u64>,
}

/// Leaves values unknown that the service does not know.
pub fn guest(reply: GuestReply) -> Guest {
    let mut guest = Guest::new(reply.uuid, reply.name);
    guest.state = match reply.status.as_str() {
        "up" => Some(GuestState::Running),
        "down" => Some(GuestState::Stopped),
        _ => None,
    };
    guest.source_state = Some(reply.status);
    guest.memory_bytes = reply.memory_mib.and_then(|mib| mib.checked_mul(1024 * 1024));
    guest
}

/// Guests for an endpoint without a service.
pub fn made_up_guests(number: u32) -> Vec<Guest> {
    let guest = |number| {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let mut guest = Guest::new(id, format!("guest{number}"));
        guest.state = Some(GuestState::Running);
        guest
    };
    (1..=number).map(guest).collect()
}
