//! How much memory answers may take: a plugin's endless or cunning answer costs its own
//! endpoint, not the run.

use std::cell::Cell;
use std::rc::Rc;

use gatherer_plugin_api::model::{
    CollectionStatus, ConfigMap, Controller, Guest, Host, Namespace, Pod, SecretKeys, Service,
    ServiceAccount, Warning,
};
use gatherer_plugin_api::{GatherError, Item, Record};

use super::memory::Memory;

const MIB: u64 = 1024 * 1024;

/// What finding a host by its reference takes: an entry of a hash table that has just grown.
const HOST_INDEX_BYTES: u64 = 96;

/// The memory that all answers share.
pub struct Budget {
    left: Cell<u64>,
    total: u64,
    /// What one endpoint may take of it.
    share: u64,
    memory: Memory,
}

impl Budget {
    /// Half of the memory that there is; the other half is for workers and for making the result.
    /// An endpoint may take a quarter of it.
    pub fn of(memory: Memory) -> Self {
        let total = memory.limit().bytes / 2;
        Self { left: Cell::new(total), total, share: total / 4, memory }
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn new(total: u64, share: u64) -> Self {
        Self { left: Cell::new(total), total, share, memory: Memory::of_bytes(total) }
    }

    /// The memory that it is half of.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Gives back what an answer took that was kept and has gone.
    pub fn give_back(&self, bytes: u64) {
        self.left.set(self.left.get() + bytes);
    }
}

/// What one endpoint has taken. Given back when it goes away, unless it is kept.
pub struct Charge {
    budget: Rc<Budget>,
    bytes: u64,
    /// What of that stays taken when the answer begins anew.
    lasting: u64,
}

impl Charge {
    /// Nothing yet.
    pub fn new(budget: Rc<Budget>) -> Self {
        Self { budget, bytes: 0, lasting: 0 }
    }

    /// How much there still is for this endpoint.
    pub fn room(&self) -> u64 {
        (self.budget.share - self.bytes).min(self.budget.left.get())
    }

    /// Takes so much.
    pub fn take(&mut self, bytes: u64) -> Result<(), GatherError> {
        if bytes > self.room() {
            return Err(self.too_much());
        }
        self.budget.left.set(self.budget.left.get() - bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// The error of an endpoint that needs more than there is.
    pub fn too_much(&self) -> GatherError {
        let Budget { left, total, share, memory } = &*self.budget;
        let limit = memory.limit();
        let (what, less) = if self.budget.share - self.bytes <= left.get() {
            let share = share / MIB;
            (
                format!(
                    "the answer takes more than {share} MiB of memory, the share of one endpoint"
                ),
                "ask for less through one endpoint",
            )
        } else {
            let total = total / MIB;
            (
                format!("all answers of the run take more than {total} MiB of memory"),
                "ask fewer endpoints in one run",
            )
        };
        GatherError::protocol(format!("{what}: {limit}"))
            .with_hint(format!("{}, or {less}", limit.remedy()))
    }

    /// So much of what was taken stays so when the answer begins anew.
    pub fn lasts(&mut self, bytes: u64) {
        self.lasting += bytes;
    }

    /// Gives back so much: what it was taken for has gone.
    pub fn give_back(&mut self, bytes: u64) {
        self.budget.give_back(bytes);
        self.bytes -= bytes;
    }

    /// Gives back all but what lasts: the answer begins anew.
    pub fn start_over(&mut self) {
        self.budget.give_back(self.bytes - self.lasting);
        self.bytes = self.lasting;
    }

    /// Gives back everything: the answer is gone.
    pub fn release(&mut self) {
        self.budget.give_back(self.bytes);
        (self.bytes, self.lasting) = (0, 0);
    }

    /// The answer stays in memory, and so does its charge: so many bytes, to be given back when
    /// it goes.
    pub fn keep(mut self) -> u64 {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// What keeping a record takes beside the texts, lists and maps in it: its place in a list, which
/// has room for twice as many as it holds when it has just grown.
pub fn place_bytes(record: &Record) -> u64 {
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
    let index = if matches!(record, Record::Host { .. }) { HOST_INDEX_BYTES } else { 0 };
    2 * size as u64 + index
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Budget, Charge};
    use crate::run::supervisor::memory::Memory;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn an_endpoint_gets_its_share_and_gives_back_what_failed() {
        let budget = Rc::new(Budget::of(Memory::of_bytes(80 * MIB)));
        let fill = |charge: &mut Charge| (0..100).take_while(|_| charge.take(MIB).is_ok()).count();
        let mut charges: Vec<_> = (0..5).map(|_| Charge::new(Rc::clone(&budget))).collect();
        let filled: Vec<_> = charges.iter_mut().map(fill).collect();
        assert_eq!(filled, [10, 10, 10, 10, 0], "a share each, and nothing is left");
        drop(charges.remove(0));
        let mut last = charges.pop().expect("the fifth");
        assert_eq!(fill(&mut last), 10, "what the first had");
        drop(last);
        let kept = charges.remove(0).keep();
        let mut more = Charge::new(Rc::clone(&budget));
        assert_eq!(fill(&mut more), 10);
        drop(more);
        budget.give_back(kept);
        let mut more = [Charge::new(Rc::clone(&budget)), Charge::new(Rc::clone(&budget))];
        assert_eq!(more.iter_mut().map(fill).sum::<usize>(), 20, "what was kept is free again");
    }

    #[test]
    fn an_error_tells_the_limit_and_what_to_raise() {
        let budget = Rc::new(Budget::of(Memory::of_bytes(80 * MIB)));
        let mut charges: Vec<_> = (0..5).map(|_| Charge::new(Rc::clone(&budget))).collect();
        let one = charges[0].take(11 * MIB).expect_err("more than a share");
        assert_eq!(
            one.to_string(),
            "the answer takes more than 10 MiB of memory, the share of one endpoint: the machine has \
             80 MiB (give the machine more memory, or ask for less through one endpoint)"
        );
        for charge in &mut charges[..4] {
            charge.take(10 * MIB).expect("its share");
        }
        let all = charges[4].take(1).expect_err("nothing is left");
        assert_eq!(
            all.to_string(),
            "all answers of the run take more than 40 MiB of memory: the machine has 80 MiB (give \
             the machine more memory, or ask fewer endpoints in one run)"
        );
    }
}
