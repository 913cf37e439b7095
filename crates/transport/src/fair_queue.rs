//! In which turn those are served who wait for something that is counted.
//!
//! Start-time fair queueing (Goyal, Vin and Chen, 1996): of what is served while several flows wait, each gets
//! as much as the others, however many requests it has waiting and however large they are.

use std::collections::{BTreeMap, HashMap};

/// Requests of several flows.
#[derive(Debug)]
pub(crate) struct FairQueue<T> {
    /// By when each begins in a world in which all flows are served at once, then in the order of coming.
    waiting: BTreeMap<(u64, u64), Request<T>>,
    /// When the last request of a flow ends in that world.
    ends: HashMap<u64, u64>,
    /// How far that world is.
    now: u64,
    came: u64,
}

#[derive(Debug)]
struct Request<T> {
    amount: u64,
    what: T,
}

impl<T> FairQueue<T> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: BTreeMap::new(),
            ends: HashMap::new(),
            now: 0,
            came: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, flow: u64, amount: u64, what: T) {
        let end = self.ends.entry(flow).or_default();
        let begin = self.now.max(*end);
        *end = begin.saturating_add(amount);
        self.came += 1;
        let request = Request { amount, what };
        self.waiting.insert((begin, self.came), request);
    }

    /// The next one, and how much it wants.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        let ((begin, _), Request { amount, what }) = self.waiting.pop_first()?;
        self.now = begin;
        Some((amount, what))
    }

    /// Nobody has waited for a while: what was served before speaks against nobody any more.
    pub(crate) fn forget(&mut self) {
        self.ends.clear();
        self.now = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `turns` requests; each flow puts a new one in for every one that is served. What each got.
    fn served(flows: &[(u64, u64, usize)], turns: usize) -> Vec<u64> {
        let mut queue = FairQueue::new();
        for (flow, amount, requests) in flows {
            (0..*requests).for_each(|_| queue.push(*flow, *amount, *flow));
        }
        let mut got = vec![0; flows.len()];
        for _ in 0..turns {
            let (amount, flow) = queue.pop().unwrap();
            got[usize::try_from(flow).unwrap()] += amount;
            queue.push(flow, amount, flow);
        }
        got
    }

    #[test]
    fn many_requests_get_no_more_than_one() {
        let got = served(&[(0, 100, 50), (1, 100, 1), (2, 100, 3)], 300);
        assert!(got.iter().all(|got| got.abs_diff(10_000) <= 100), "{got:?}");
    }

    #[test]
    fn large_requests_get_no_more_than_small_ones() {
        let got = served(&[(0, 1_000, 1), (1, 10, 1)], 1_010);
        assert!(got[0].abs_diff(got[1]) <= 1_000, "{got:?}");
    }

    #[test]
    fn who_comes_later_is_neither_owed_nor_made_to_wait() {
        let mut queue = FairQueue::new();
        (0..10).for_each(|_| queue.push(0, 100, "old"));
        (0..5).for_each(|_| assert_eq!(queue.pop(), Some((100, "old"))));
        (0..5).for_each(|_| queue.push(1, 100, "new"));
        let turns: Vec<_> = (0..10).map(|_| queue.pop().unwrap().1).collect();
        let early = turns.iter().take(4).filter(|who| **who == "new").count();
        assert!((1..=3).contains(&early), "{turns:?}");
        assert!(queue.is_empty());
    }
}
