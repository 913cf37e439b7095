//! The time in a pass: what was judged of the clock when it began ([`Clock`]), and how long ago that was. What
//! readers of the log and the ledger see is the wall clock's.
//!
//! [`Clock`]: postrider_core::retention::Clock

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::ticks::ticks;
use postrider_core::retention::Judged;
use postrider_core::time::Now;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Of one account; its clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct PassClock {
    began: Arc<Mutex<Option<(Instant, Judged)>>>,
}

impl PassClock {
    fn began(&self) -> MutexGuard<'_, Option<(Instant, Judged)>> {
        // Nobody panics while holding it.
        self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, of: impl FnOnce(Judged) -> Now) -> Option<Now> {
        let (began, judged) = (*self.began())?;
        Some(later(of(judged), began.elapsed()))
    }
}

impl Account {
    /// Looks at the clock: a pass begins.
    pub(crate) async fn look_at_clock(&self) -> Result<(), EngineError> {
        let id = self.id;
        let judge = self
            .shared
            .index
            .call(move |index| index.judge_clock(id, now(), ticks()));
        let judged = judge.await?;
        *self.clock.began() = Some((Instant::now(), judged));
        Ok(())
    }

    /// The time by which ages are judged.
    pub(crate) fn ages_by(&self) -> Now {
        self.clock.read(|judged| judged.ages_by).unwrap_or_else(now)
    }

    /// What is noted of a message that is first seen or proven now.
    pub(crate) fn notes(&self) -> Now {
        let notes = self.clock.read(|judged| judged.notes);
        // The clock may have been set right since.
        notes.map_or_else(now, |notes| notes.max(now()))
    }
}

fn later(time: Now, span: Duration) -> Now {
    Now(time.0.after(span))
}
