//! How much memory answers may take: a plugin's endless or cunning answer costs its own
//! endpoint, not the run.

use std::cell::Cell;
use std::rc::Rc;

use gatherer_plugin_api::GatherError;

/// What a record costs besides its text: the structures that it is read into.
const RECORD_BYTES: u64 = 1024;

/// What a text in a record costs besides its letters.
const TEXT_BYTES: u64 = 56;

/// The memory that all answers share.
pub struct Budget {
    left: Cell<u64>,
    /// What one endpoint may take of it.
    share: u64,
}

impl Budget {
    /// Half of the machine's memory; the other half is for making the result. An endpoint may
    /// take a quarter of it.
    pub fn of_machine() -> Self {
        let info = rustix::system::sysinfo();
        let total = u64::from(info.mem_unit).saturating_mul(info.totalram);
        Self::new(total / 2, total / 8)
    }

    /// Gives back what an answer took that was kept and has gone.
    pub fn give_back(&self, bytes: u64) {
        self.left.set(self.left.get() + bytes);
    }

    pub(super) fn new(bytes: u64, share: u64) -> Self {
        Self { left: Cell::new(bytes), share }
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

    /// Takes what a record of this text costs in memory, as far as that can be told, and says how
    /// much that is.
    pub fn record(&mut self, json: &[u8]) -> Result<u64, GatherError> {
        let texts = memchr::memchr_iter(b'"', json).count() as u64 / 2;
        let bytes = RECORD_BYTES + json.len() as u64 + texts * TEXT_BYTES;
        let left = self.budget.left.get();
        if self.bytes + bytes > self.budget.share || bytes > left {
            return Err(GatherError::protocol(format!(
                "the answer takes more than {} MiB of memory",
                (self.bytes + bytes) / (1024 * 1024)
            ))
            .with_hint("ask for less through one endpoint, or give the machine more memory"));
        }
        self.budget.left.set(left - bytes);
        self.bytes += bytes;
        Ok(bytes)
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Budget, Charge};

    #[test]
    fn an_endpoint_gets_its_share_and_gives_back_what_failed() {
        let budget = Rc::new(Budget::new(10_000, 5_000));
        let fill =
            |charge: &mut Charge| (0..100).take_while(|_| charge.record(b"{}").is_ok()).count();
        let mut first = Charge::new(Rc::clone(&budget));
        assert_eq!(fill(&mut first), 4, "its share");
        let mut second = Charge::new(Rc::clone(&budget));
        assert_eq!(fill(&mut second), 4);
        let mut third = Charge::new(Rc::clone(&budget));
        assert_eq!(fill(&mut third), 1, "what the others left");
        drop(first);
        assert_eq!(fill(&mut third), 3);
        let kept = second.keep();
        let mut fourth = Charge::new(Rc::clone(&budget));
        assert_eq!(fill(&mut fourth), 1, "what was kept stays taken");
        budget.give_back(kept);
        assert_eq!(fill(&mut fourth), 3, "until it goes");
    }

    #[test]
    fn many_small_texts_cost_more_than_their_letters() {
        let json = format!("{{{}}}", vec!["\"a\":\"b\""; 1000].join(","));
        let budget = Rc::new(Budget::new(u64::MAX, u64::MAX));
        let mut charge = Charge::new(budget);
        charge.record(json.as_bytes()).expect("there is enough");
        assert!(charge.bytes > 10 * json.len() as u64, "{}", charge.bytes);
    }
}
