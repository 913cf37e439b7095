//! How many connections there may be at once, over all accounts, and whose turn it is.
//!
//! Whoever has none comes before whoever wants a further one: first connections are given in the order in
//! which they were asked for, further ones only while nobody waits. Who has a further one, or one that does
//! nothing at the moment, gives it back when it is wanted: as many as wait, no more, and further ones before
//! anybody's only one ([`Slots::wanted_back`], [`Slots::wanted`]).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// Slots that may be open at once. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    free: Arc<Semaphore>,
    bound: Mutex<Bound>,
    demand: watch::Sender<Demand>,
}

/// Who waits, and who could help.
#[derive(Clone, Copy, Debug, Default)]
struct Demand {
    /// Those who have none and wait for one.
    waiting: usize,
    /// How many waits have ended so far, one way or another.
    met: usize,
    /// Those who are about to give one back, or have, and whoever waits has not taken notice.
    yielding: usize,
    /// Those who have a further one and would give it back.
    spare: usize,
}

#[derive(Debug)]
struct Bound {
    limit: usize,
    /// Slots that are taken and shall not be free again, because the limit was lowered meanwhile.
    owed: usize,
}

impl Demand {
    /// Whether more wait than somebody is about to help.
    const fn is_unmet(self) -> bool {
        self.waiting > self.yielding
    }
}

/// One open connection's place among them.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    of: Slots,
}

impl Slots {
    /// So many; `None`: as many as anybody wants.
    #[must_use]
    pub fn new(limit: Option<NonZeroUsize>) -> Self {
        let limit = of(limit);
        let bound = Bound { limit, owed: 0 };
        Self(Arc::new(Shared {
            free: Arc::new(Semaphore::new(limit)),
            bound: Mutex::new(bound),
            demand: watch::Sender::default(),
        }))
    }

    /// Changes how many there may be. Slots that are open stay open.
    pub fn set_limit(&self, limit: Option<NonZeroUsize>) {
        let limit = of(limit);
        let mut bound = self.bound();
        let more = limit.saturating_sub(bound.limit);
        // What is owed is given up before anything is added.
        let forgiven = more.min(bound.owed);
        bound.owed -= forgiven;
        self.0.free.add_permits(more - forgiven);
        let fewer = bound.limit.saturating_sub(limit);
        bound.owed += fewer - self.0.free.forget_permits(fewer);
        bound.limit = limit;
    }

    /// A slot for somebody who has no connection, in turn.
    pub async fn first(&self) -> Slot {
        let free = Arc::clone(&self.0.free);
        if let Ok(permit) = Arc::clone(&free).try_acquire_owned() {
            return self.slot(Some(permit));
        }
        let _waits = Waits::among(self);
        // The semaphore is never closed.
        let permit = free.acquire_owned().await.ok();
        self.slot(permit)
    }

    /// A slot for somebody who has a connection already; `None` when none is free or others wait.
    #[must_use]
    pub fn further(&self) -> Option<Slot> {
        let free = Arc::clone(&self.0.free);
        let permit = free.try_acquire_owned().ok()?;
        Some(self.slot(Some(permit)))
    }

    /// Whether somebody who has no connection waits for one.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.demand.borrow().waiting > 0
    }

    /// Returns when somebody waits for a connection, and nobody has a further one to give back. Whoever asks has one that
    /// does nothing, and is to give it back as long as it holds what it is given.
    pub async fn wanted(&self) -> Yielding {
        self.claim(|demand| demand.waiting > demand.yielding + demand.spare)
            .await
    }

    /// Returns when somebody waits for a connection. Whoever asks has a further one, and is to give it back as
    /// long as it holds what it is given.
    pub async fn wanted_back(&self) -> Yielding {
        let _spare = Counted::new(self, |demand| &mut demand.spare);
        self.claim(|demand| demand.is_unmet()).await
    }

    /// Changes the demand, and wakes those who look at it only where that may ask something of them: there may be thousands.
    fn demand(&self, change: impl FnOnce(&mut Demand)) {
        self.0.demand.send_if_modified(|demand| {
            let met = demand.met;
            change(demand);
            demand.is_unmet() || demand.met != met
        });
    }

    async fn claim(&self, is_my_turn: impl Fn(&Demand) -> bool) -> Yielding {
        let mut demand = self.0.demand.subscribe();
        loop {
            // The sender lives as long as this.
            let _gone = demand.wait_for(&is_my_turn).await.is_err();
            // Others have heard it too, and each slot is asked of one.
            let mut mine = None;
            self.demand(|demand| {
                if is_my_turn(demand) {
                    demand.yielding += 1;
                    mine = Some(demand.met.wrapping_add(demand.yielding));
                }
            });
            if let Some(until_met) = mine {
                let slots = self.clone();
                return Yielding { slots, until_met };
            }
        }
    }

    fn slot(&self, permit: Option<OwnedSemaphorePermit>) -> Slot {
        let of = self.clone();
        Slot { permit, of }
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.0.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of(limit: Option<NonZeroUsize>) -> usize {
    limit.map_or(Semaphore::MAX_PERMITS, NonZeroUsize::get)
}

impl Default for Slots {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut bound = self.of.bound();
        if let Some(permit) = self.permit.take()
            && bound.owed > 0
        {
            bound.owed -= 1;
            permit.forget();
        }
    }
}

/// A slot is about to be given back; to be held until it is, and whoever waits has taken notice
/// ([`Yielding::given_back`]).
#[derive(Debug)]
pub struct Yielding {
    slots: Slots,
    /// So many waits have ended by then.
    until_met: usize,
}

/// How long whoever waits may take to notice that there is a slot. Then somebody else may be asked for one.
const NOTICE: Duration = Duration::from_secs(1);

impl Yielding {
    /// The slot is given back: waits until somebody has it, a second at the longest. Until then nobody else is asked.
    pub async fn given_back(self) {
        let mut demand = self.slots.0.demand.subscribe();
        let until_met = self.until_met;
        // It may be far ahead in a count that goes round.
        let is_met = |demand: &Demand| demand.met.wrapping_sub(until_met) < usize::MAX / 2;
        let noticed = demand.wait_for(|demand| is_met(demand) || demand.waiting == 0);
        let _in_time = timeout(NOTICE, noticed).await.is_ok();
    }
}

impl Drop for Yielding {
    fn drop(&mut self) {
        self.slots.demand(|demand| demand.yielding -= 1);
    }
}

/// Somebody who waits, for as long as it lives.
struct Waits<'a>(&'a Slots);

impl<'a> Waits<'a> {
    fn among(slots: &'a Slots) -> Self {
        slots.demand(|demand| demand.waiting += 1);
        Self(slots)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.demand(|demand| {
            demand.waiting -= 1;
            demand.met = demand.met.wrapping_add(1);
        });
    }
}

/// Counts somebody in, for as long as it lives.
struct Counted<'a> {
    slots: &'a Slots,
    of: fn(&mut Demand) -> &mut usize,
}

impl<'a> Counted<'a> {
    fn new(slots: &'a Slots, of: fn(&mut Demand) -> &mut usize) -> Self {
        slots.demand(|demand| *of(demand) += 1);
        Self { slots, of }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.slots.demand(|demand| *(self.of)(demand) -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(future).poll(&mut context) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn whoever_has_none_comes_before_whoever_wants_one_more() {
        let slots = Slots::new(NonZeroUsize::new(2));
        let mine = slots.first().await;
        let further = slots.further().unwrap();
        assert!(slots.further().is_none());
        let mut other = pin!(slots.first());
        assert!(now(&mut other).is_none());
        assert!(slots.is_wanted());
        drop(further);
        assert!(slots.further().is_none(), "it is the other's");
        let other = now(other).unwrap();
        assert!(!slots.is_wanted());
        drop((mine, other));
        assert!(slots.further().is_some());
    }

    #[tokio::test]
    async fn first_ones_are_given_in_turn_and_who_leaves_the_queue_holds_up_nobody() {
        let slots = Slots::new(NonZeroUsize::new(1));
        let held = slots.first().await;
        let mut one = Box::pin(slots.first());
        let mut two = Box::pin(slots.first());
        let mut three = Box::pin(slots.first());
        assert!(now(&mut one).is_none() && now(&mut two).is_none() && now(&mut three).is_none());
        drop(one);
        drop(held);
        assert!(now(&mut three).is_none());
        let two = now(two).unwrap();
        drop(two);
        assert!(now(three).is_some());
        assert!(!slots.is_wanted());
    }

    #[tokio::test]
    async fn a_lower_limit_counts_for_those_that_are_open() {
        let slots = Slots::new(NonZeroUsize::new(3));
        let open = [(); 3].map(|()| slots.further().unwrap());
        slots.set_limit(NonZeroUsize::new(1));
        let [one, two, three] = open;
        drop((one, two));
        assert!(slots.further().is_none());
        drop(three);
        let only = slots.further().unwrap();
        assert!(slots.further().is_none());
        slots.set_limit(NonZeroUsize::new(2));
        assert!(slots.further().is_some());
        drop(only);
        slots.set_limit(None);
        let many: Vec<_> = (0..1_000).filter_map(|_| slots.further()).collect();
        assert_eq!(many.len(), 1_000);
        slots.set_limit(NonZeroUsize::new(1_001));
        let _last = slots.further().unwrap();
        assert!(slots.further().is_none());
    }

    #[tokio::test]
    async fn whoever_has_one_to_spare_hears_that_it_is_wanted() {
        let slots = Slots::new(NonZeroUsize::new(1));
        let held = slots.first().await;
        let mut wanted = Box::pin(slots.wanted());
        assert!(now(&mut wanted).is_none());
        let mut other = Box::pin(slots.first());
        assert!(now(&mut other).is_none());
        assert!(now(&mut wanted).is_some());
        drop(held);
        assert!(now(other).is_some());
    }
    #[tokio::test]
    async fn of_many_who_could_give_one_back_only_so_many_hear_as_wait() {
        let slots = Slots::new(NonZeroUsize::new(3));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(slots.first().await);
        }
        let mut ready: Vec<_> = (0..3).map(|_| Box::pin(slots.wanted())).collect();
        assert!(ready.iter_mut().all(|wanted| now(wanted).is_none()));
        let mut other = pin!(slots.first());
        assert!(now(&mut other).is_none());
        let mut yielding: Vec<_> = ready.iter_mut().filter_map(now).collect();
        assert_eq!(yielding.len(), 1);
        // It may take its time: nobody else is asked meanwhile.
        assert!(ready.iter_mut().skip(1).all(|wanted| now(wanted).is_none()));
        held.pop();
        let mut given_back = Box::pin(yielding.remove(0).given_back());
        assert!(now(&mut given_back).is_none());
        // Whoever waits has one, and has not taken notice.
        assert!(ready.iter_mut().skip(1).all(|wanted| now(wanted).is_none()));
        assert!(now(&mut other).is_some());
        assert!(now(&mut given_back).is_some());
        assert!(ready.iter_mut().skip(1).all(|wanted| now(wanted).is_none()));
    }

    #[tokio::test]
    async fn a_further_one_is_given_back_before_anybodys_only_one() {
        let slots = Slots::new(NonZeroUsize::new(2));
        let only = slots.first().await;
        let further = slots.further().unwrap();
        let mut wanted = Box::pin(slots.wanted());
        let mut wanted_back = Box::pin(slots.wanted_back());
        assert!(now(&mut wanted_back).is_none());
        let mut one = Box::pin(slots.first());
        assert!(now(&mut one).is_none());
        assert!(now(&mut wanted).is_none());
        let yielding = now(&mut wanted_back).unwrap();
        drop(further);
        let one = now(one).unwrap();
        drop((yielding, wanted_back));
        // The next has only those left who have one.
        let mut two = Box::pin(slots.first());
        assert!(now(&mut two).is_none());
        assert!(now(&mut wanted).is_some());
        drop((only, one));
        assert!(now(two).is_some());
    }
}
