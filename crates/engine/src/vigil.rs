//! Whether everything in the daemon that must go on does: what the watchdog is fed with.
//!
//! An account's task is judged by its heart, the index thread by its own, and the supervisor by its
//! answers. Nothing here waits, so that whoever keeps the vigil cannot be held up by what hangs.

use crate::daemon::Order;
use crate::heart::Heart;
use postrider_core::account::AccountName;
use postrider_core::vigil::Stall;
use std::fmt;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long the supervisor may take for an answer. In a reload it waits for accounts that finish their
/// step, which have six seconds, and makes known those that are new.
const ANSWER: Duration = Duration::from_secs(60);

/// A part of the daemon that must not hang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Organ {
    /// An account's task.
    Account(AccountName),
    /// The thread that owns the index.
    Index,
    /// The task that owns the accounts.
    Supervisor,
}

impl fmt::Display for Organ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account {name}"),
            Self::Index => f.write_str("the index"),
            Self::Supervisor => f.write_str("the supervisor"),
        }
    }
}

/// A part that has come to a halt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stalled {
    /// Which.
    pub organ: Organ,
    /// How.
    pub stall: Stall,
}

/// One organ as the supervisor knows it.
#[derive(Clone, Debug)]
pub(crate) struct Vital {
    pub(crate) organ: Organ,
    pub(crate) heart: Heart,
    /// Whether it had ended when the supervisor was asked, and still counted as running.
    pub(crate) missed: bool,
}

impl Vital {
    pub(crate) fn new(organ: Organ, heart: Heart) -> Self {
        let missed = heart.pulse().ended;
        Self {
            organ,
            heart,
            missed,
        }
    }

    fn stall(&self) -> Option<Stalled> {
        let mut pulse = self.heart.pulse();
        // Since the answer a reload may have ended it, in order.
        pulse.ended = self.missed;
        let organ = self.organ.clone();
        pulse.stall().map(|stall| Stalled { organ, stall })
    }
}

/// Keeps the vigil over a daemon.
#[derive(Debug)]
pub struct Vigil {
    orders: mpsc::WeakSender<Order>,
    known: Vec<Vital>,
    /// Since when an answer is waited for.
    asked: Option<Instant>,
    answer: Option<oneshot::Receiver<Vec<Vital>>>,
}

impl Vigil {
    pub(crate) const fn new(orders: mpsc::WeakSender<Order>) -> Self {
        Self {
            orders,
            known: Vec::new(),
            asked: None,
            answer: None,
        }
    }

    /// Everything that has come to a halt; nothing when all is well. To be called every now and then: a
    /// question to the supervisor is answered by the next call.
    pub fn look(&mut self) -> Vec<Stalled> {
        let mut stalled: Vec<Stalled> = self.supervisor().into_iter().collect();
        // What it missed when it answered is told until it answers again.
        stalled.extend(self.known.iter().filter_map(Vital::stall));
        stalled
    }

    fn supervisor(&mut self) -> Option<Stalled> {
        let halted = |stall| {
            let organ = Organ::Supervisor;
            Some(Stalled { organ, stall })
        };
        match self.answer.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Ok(known)) => {
                self.known = known;
                self.answer = None;
                self.asked = None;
            }
            Some(Err(oneshot::error::TryRecvError::Closed)) => return halted(Stall::Ended),
            Some(Err(oneshot::error::TryRecvError::Empty)) | None => {}
        }
        let asked = *self.asked.get_or_insert_with(Instant::now);
        if self.answer.is_none() {
            let Some(orders) = self.orders.upgrade() else {
                return halted(Stall::Ended);
            };
            let (answer, answered) = oneshot::channel();
            // No room for the question: it is asked again, and has been waiting since then.
            if orders.try_send(Order::Vitals(answer)).is_ok() {
                self.answer = Some(answered);
            }
        }
        let lasted = asked.elapsed();
        if lasted <= ANSWER {
            return None;
        }
        halted(Stall::Overdue {
            lasted,
            at_most: ANSWER,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use tokio::time::sleep;

    fn home() -> Organ {
        Organ::Account(AccountName::parse("home").unwrap())
    }

    fn shown(stalled: &[Stalled]) -> Vec<String> {
        let shown = stalled.iter().map(|s| format!("{}: {}", s.organ, s.stall));
        shown.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_hangs_is_named_and_one_that_works_is_not() {
        let (orders, mut received) = mpsc::channel(1);
        let mut vigil = Vigil::new(orders.downgrade());
        let hanging = Heart::of_account(Duration::from_secs(60), false);
        tokio::spawn(hanging.clone().carry(pending::<()>()));
        let working = Heart::of_account(Duration::from_secs(60), false);
        tokio::spawn(working.clone().carry(async {
            loop {
                sleep(Duration::from_secs(50)).await;
            }
        }));
        tokio::spawn(async move {
            while let Some(Order::Vitals(answer)) = received.recv().await {
                let work = Organ::Account(AccountName::parse("work").unwrap());
                let vitals = vec![
                    Vital::new(home(), hanging.clone()),
                    Vital::new(work, working.clone()),
                ];
                answer.send(vitals).unwrap();
            }
        });
        for _ in 0..6 {
            assert_eq!(vigil.look(), []);
            sleep(Duration::from_secs(20)).await;
        }
        sleep(Duration::from_secs(1)).await;
        let told = "account home: it has not moved for 121 s, and may rest for 120 s at most";
        assert_eq!(shown(&vigil.look()), [told]);
        drop(orders);
    }

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_that_does_not_answer_is_named() {
        let (orders, mut received) = mpsc::channel(1);
        let mut vigil = Vigil::new(orders.downgrade());
        assert_eq!(vigil.look(), []);
        sleep(Duration::from_secs(60)).await;
        assert_eq!(vigil.look(), []);
        sleep(Duration::from_secs(1)).await;
        let told = "the supervisor: it has waited 61 s for something that takes 60 s at most";
        assert_eq!(shown(&vigil.look()), [told]);
        // It was only slow.
        let Some(Order::Vitals(answer)) = received.recv().await else {
            panic!("it was asked");
        };
        answer.send(Vec::new()).unwrap();
        assert_eq!(vigil.look(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn a_supervisor_whose_orders_are_full_is_asked_since_the_first_time() {
        let (orders, _received) = mpsc::channel(1);
        orders.try_send(Order::Stop).unwrap();
        let mut vigil = Vigil::new(orders.downgrade());
        assert_eq!(vigil.look(), []);
        sleep(Duration::from_secs(61)).await;
        assert_eq!(vigil.look().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_a_reload_ended_is_not_missed_but_one_that_died_is() {
        let heart = Heart::of_account(Duration::ZERO, false);
        let life = heart.life();
        let before = Vital::new(home(), heart.clone());
        drop(life);
        assert_eq!(before.stall(), None);
        let after = Vital::new(home(), heart);
        assert_eq!(after.stall().unwrap().stall, Stall::Ended);
    }

    #[test]
    fn a_supervisor_that_is_gone_is_missed() {
        let (orders, _) = mpsc::channel(1);
        let mut vigil = Vigil::new(orders.downgrade());
        drop(orders);
        assert_eq!(vigil.look()[0].stall, Stall::Ended);
    }
}
