//! A fake of Nutanix Prism: Prism Element with REST v2.0, Prism Central with v3 and v4, over one inventory.
//!
//! It answers with the members of recorded answers, and refuses what Prism refuses. What Prism itself does not
//! document is refused with 501, so that no test relies on a guess.

mod element_v2;
mod fault;
mod inventory;
mod v3;
mod v3_objects;
mod v4;
mod v4_clusters;
mod v4_object;
mod v4_vms;

use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use serde_json::Value;

pub use fault::NutanixFault;
pub use inventory::{
    NutanixCluster, NutanixGuest, NutanixGuestKind, NutanixHost, NutanixHypervisor,
    NutanixInventory, NutanixNic, NutanixPower,
};

/// A fake Prism. `answer` is the script of a `ScriptedServer`.
#[derive(Debug)]
pub struct NutanixFake {
    /// What it has.
    pub inventory: NutanixInventory,
    /// The largest page that it sends, whatever the client asks for.
    pub page_size: usize,
    /// The user name of Basic authentication.
    pub username: String,
    /// The password of Basic authentication.
    pub password: String,
    serves_v2: bool,
    serves_v3: bool,
    v4_minor: Option<u32>,
    /// Each fault with the number of times that it still happens.
    faults: Vec<(NutanixFault, AtomicU32)>,
}

impl NutanixFake {
    /// Prism Element of the inventory's first cluster, with REST v2.0 only.
    pub fn element(inventory: NutanixInventory) -> Self {
        Self {
            inventory,
            page_size: 3,
            username: "inventory".to_owned(),
            password: "pa55-of-prism".to_owned(),
            serves_v2: true,
            serves_v3: false,
            v4_minor: None,
            faults: Vec::new(),
        }
    }

    /// Prism Central from before the v4 APIs.
    pub fn central_v3(inventory: NutanixInventory) -> Self {
        Self { serves_v2: false, serves_v3: true, ..Self::element(inventory) }
    }

    /// Prism Central with v3 and with v4 up to this minor version.
    pub fn central_v4(inventory: NutanixInventory, minor: u32) -> Self {
        Self { v4_minor: Some(minor), ..Self::central_v3(inventory) }
    }

    /// Adds a fault that always happens.
    #[must_use]
    pub fn with(self, fault: NutanixFault) -> Self {
        self.with_times(fault, u32::MAX)
    }

    /// Adds a fault that happens this number of times.
    #[must_use]
    pub fn with_times(mut self, fault: NutanixFault, times: u32) -> Self {
        self.faults.push((fault, AtomicU32::new(times)));
        self
    }

    /// Answers a request of a client.
    pub fn answer(&self, request: &ReceivedRequest) -> Action {
        let credentials = format!("{}:{}", self.username, self.password);
        let credentials = base64::engine::general_purpose::STANDARD.encode(credentials);
        let is_v3 = request.path().starts_with("/api/nutanix/v3/");
        if request.header("authorization") != Some(&format!("Basic {credentials}")) {
            return if is_v3 { v3::unauthorized() } else { Action::answer(401, "") };
        }
        if self.happens(NutanixFault::Forbidden) {
            return if is_v3 { v3::forbidden() } else { v4::forbidden() };
        }
        let path = request.path().trim_end_matches('/');
        if let Some(path) = path.strip_prefix("/PrismGateway/services/rest/v2.0/") {
            if self.serves_v2 {
                return element_v2::answer(self, request, path);
            }
        } else if let Some(path) = path.strip_prefix("/api/nutanix/v3/") {
            if self.serves_v3 {
                return v3::answer(self, request, path);
            }
        } else if let Some(path) = path.strip_prefix("/api/")
            && let Some(minor) = self.v4_minor
        {
            return v4::answer(self, request, path, minor);
        }
        Action::answer(404, "<html><body>404 Not Found</body></html>")
            .header("content-type", "text/html")
    }

    /// Whether the fault happens now. Counts it.
    fn happens(&self, fault: NutanixFault) -> bool {
        let Some((_, left)) = self.faults.iter().find(|(known, _)| *known == fault) else {
            return false;
        };
        left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
            u32::MAX => Some(u32::MAX),
            left => left.checked_sub(1),
        })
        .is_ok()
    }

    /// The guests that a list of the VMs of this hypervisor has.
    fn listed_guests(&self, hypervisor: NutanixHypervisor) -> Vec<&NutanixGuest> {
        if self.happens(NutanixFault::EmptyVmList) {
            return Vec::new();
        }
        self.inventory.listed_guests(hypervisor)
    }
}

/// The page of a list that a client asked for.
struct Slice {
    items: Vec<Value>,
    total: usize,
}

impl NutanixFake {
    /// The items from `start` on, at most `count`, with the faults of a page after the first.
    fn slice(&self, items: &[Value], start: usize, count: usize) -> Slice {
        let end = items.len().min(start.saturating_add(count));
        let mut page = items.get(start..end).unwrap_or_default().to_vec();
        let mut total = items.len();
        let is_later_page = start > 0 && !page.is_empty();
        if is_later_page && self.happens(NutanixFault::SameObjectTwice) {
            page[0] = items[start - 1].clone();
        }
        if is_later_page && self.happens(NutanixFault::TotalChanges) {
            total += 1;
        }
        Slice { items: page, total }
    }
}
