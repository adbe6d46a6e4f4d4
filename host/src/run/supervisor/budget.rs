//! The memory budget of answers: an answer that is too large, by mistake or on purpose, fails its own
//! endpoint and not the run.

use std::cell::Cell;
use std::rc::Rc;

use gatherer_plugin_api::model::{
    CollectionStatus, ConfigMap, Controller, Guest, Host, Namespace, Pod, SecretKeys, Service,
    ServiceAccount, Warning,
};
use gatherer_plugin_api::{GatherError, Item, Record};

use super::memory::Memory;

const MIB: u64 = 1024 * 1024;

/// The memory for the position of a host by its `hostRef`: an entry of a hash table that has just grown.
const HOST_POSITION_BYTES: u64 = 96;

/// The memory that all answers of a run share.
pub struct Budget {
    available: Cell<u64>,
    total: u64,
    /// The maximum for one endpoint.
    endpoint_max: u64,
    memory: Memory,
}

impl Budget {
    /// A budget of half of the memory; the other half is for workers and for formatting the result. One
    /// endpoint may use a quarter of the budget.
    pub fn of(memory: Memory) -> Self {
        let total = memory.limit().bytes / 2;
        Self { available: Cell::new(total), total, endpoint_max: total / 4, memory }
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn new(total: u64, endpoint_max: u64) -> Self {
        let memory = Memory::of_bytes(total);
        Self { available: Cell::new(total), total, endpoint_max, memory }
    }

    /// The memory of which the budget is a half.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Returns the charge of a kept answer that is gone now.
    pub fn give_back(&self, bytes: u64) {
        self.available.set(self.available.get() + bytes);
    }
}

/// The part of the budget that one endpoint uses. Returned when it is dropped.
pub struct Charge {
    budget: Rc<Budget>,
    bytes: u64,
    /// The part that remains charged when the plugin restarts its answer.
    kept_on_restart: u64,
}

impl Charge {
    /// A charge of 0 bytes.
    pub fn new(budget: Rc<Budget>) -> Self {
        Self { budget, bytes: 0, kept_on_restart: 0 }
    }

    /// How many more bytes this endpoint may use.
    pub fn available(&self) -> u64 {
        (self.budget.endpoint_max - self.bytes).min(self.budget.available.get())
    }

    /// Charges further bytes.
    pub fn add(&mut self, bytes: u64) -> Result<(), GatherError> {
        if bytes > self.available() {
            return Err(self.exceeded_error());
        }
        self.budget.available.set(self.budget.available.get() - bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// The error of an endpoint that needs more memory than is available.
    pub fn exceeded_error(&self) -> GatherError {
        let Budget { available, total, endpoint_max, memory } = &*self.budget;
        let limit = memory.limit();
        let (message, remedy) = if endpoint_max - self.bytes <= available.get() {
            (
                format!(
                    "the answer takes more than {} MiB of memory, the share of one endpoint",
                    endpoint_max / MIB
                ),
                "request less from one endpoint",
            )
        } else {
            (
                format!("all answers of the run take more than {} MiB of memory", total / MIB),
                "query fewer endpoints in one run",
            )
        };
        GatherError::protocol(format!("{message}: {limit}"))
            .with_hint(format!("{}, or {remedy}", limit.remedy()))
    }

    /// Marks bytes that remain charged when the plugin restarts its answer.
    pub fn keep_on_restart(&mut self, bytes: u64) {
        self.kept_on_restart += bytes;
    }

    /// Returns bytes to the budget.
    pub fn give_back(&mut self, bytes: u64) {
        self.budget.give_back(bytes);
        self.bytes -= bytes;
    }

    /// Returns all bytes that are not kept, because the plugin restarts its answer.
    pub fn restart(&mut self) {
        self.give_back(self.bytes - self.kept_on_restart);
    }

    /// Returns all bytes.
    pub fn release(&mut self) {
        self.give_back(self.bytes);
        self.kept_on_restart = 0;
    }

    /// Keeps the charge after this value is dropped, because the answer stays in memory. The returned number of
    /// bytes is to be given back to the budget when the answer is gone.
    pub fn into_bytes(mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// The memory that a record uses in the answer in addition to its strings, lists and maps: its entry in a list,
/// whose capacity is twice its length when it has just grown.
pub fn list_entry_bytes(record: &Record) -> u64 {
    let size = match record {
        Record::Host { .. } => size_of::<Host>(),
        Record::Guest { .. } => size_of::<Guest>(),
        Record::Warning { .. } => size_of::<Warning>(),
        Record::Item { more: true, .. } => 0,
        Record::Item { item, .. } => match item {
            Item::Namespace(_) => size_of::<Namespace>(),
            Item::ServiceAccount(_) => size_of::<ServiceAccount>(),
            Item::Controller(_) => size_of::<Controller>(),
            Item::Pod(_) => size_of::<Pod>(),
            Item::Service(_) => size_of::<Service>(),
            Item::ConfigMap(_) => size_of::<ConfigMap>(),
            Item::Secret(_) => size_of::<SecretKeys>(),
            _ => size_of::<Guest>(),
        },
        // An entry of a map, in a node that may be half empty.
        Record::CollectionEnd { .. } => 2 * size_of::<(String, CollectionStatus)>(),
        _ => 0,
    };
    let index = if matches!(record, Record::Host { .. }) { HOST_POSITION_BYTES } else { 0 };
    2 * size as u64 + index
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Budget, Charge};
    use crate::run::supervisor::memory::Memory;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn an_endpoint_gets_its_share_and_returns_it_when_it_fails() {
        let budget = Rc::new(Budget::of(Memory::of_bytes(80 * MIB)));
        let fill = |charge: &mut Charge| (0..100).take_while(|_| charge.add(MIB).is_ok()).count();
        let mut charges: Vec<_> = (0..5).map(|_| Charge::new(Rc::clone(&budget))).collect();
        let filled: Vec<_> = charges.iter_mut().map(fill).collect();
        assert_eq!(filled, [10, 10, 10, 10, 0], "a share each, and then nothing");
        drop(charges.remove(0));
        let mut last = charges.pop().expect("the fifth");
        assert_eq!(fill(&mut last), 10, "the share of the first");
        drop(last);
        let kept = charges.remove(0).into_bytes();
        let mut more = Charge::new(Rc::clone(&budget));
        assert_eq!(fill(&mut more), 10);
        drop(more);
        budget.give_back(kept);
        let mut more = [Charge::new(Rc::clone(&budget)), Charge::new(Rc::clone(&budget))];
        assert_eq!(more.iter_mut().map(fill).sum::<usize>(), 20, "the kept share is free again");
    }

    #[test]
    fn an_error_names_the_limit_and_the_remedy() {
        let budget = Rc::new(Budget::of(Memory::of_bytes(80 * MIB)));
        let mut charges: Vec<_> = (0..5).map(|_| Charge::new(Rc::clone(&budget))).collect();
        let one = charges[0].add(11 * MIB).expect_err("more than a share");
        assert_eq!(
            one.to_string(),
            "the answer takes more than 10 MiB of memory, the share of one endpoint: the machine has \
             80 MiB (give the machine more memory, or request less from one endpoint)"
        );
        for charge in &mut charges[..4] {
            charge.add(10 * MIB).expect("its share");
        }
        let all = charges[4].add(1).expect_err("nothing is available");
        assert_eq!(
            all.to_string(),
            "all answers of the run take more than 40 MiB of memory: the machine has 80 MiB (give \
             the machine more memory, or query fewer endpoints in one run)"
        );
    }
}
