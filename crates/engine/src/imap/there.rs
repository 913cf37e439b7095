//! Which of some messages a mailbox still holds, asked by their UIDs before anything is done to them.

use crate::error::EngineError;
use postrider_core::uid::{UidSet, UidValidity};
use postrider_imap::{FlightEvent, SelectMode, Selected, Session, Step, WireName};

/// What a server says of a mailbox and of the messages asked for.
#[derive(Debug, Default)]
pub(crate) struct There {
    selected: Option<Selected>,
    found: Option<UidSet>,
    /// Its words where it would not open the mailbox.
    pub(crate) refusal: Option<String>,
}

impl There {
    /// The mailbox, where it is still of this epoch, and which of the messages it holds. `None` also where the
    /// server did not answer to the end (R7).
    pub(crate) fn in_epoch(self, epoch: UidValidity) -> Option<(Selected, UidSet)> {
        let same = |selected: &Selected| selected.uid_validity == Some(epoch);
        self.selected.filter(same).zip(self.found)
    }

    /// Whether the mailbox is open for reading only.
    pub(crate) fn is_read_only(&self) -> bool {
        self.selected
            .as_ref()
            .is_some_and(|opened| opened.read_only)
    }
}

/// Opens the mailbox and asks, in one flight.
pub(crate) async fn there(
    session: &mut Session,
    (mailbox, mode): (&WireName, SelectMode),
    uids: UidSet,
) -> Result<There, EngineError> {
    let steps = [
        Step::Select {
            mailbox: mailbox.clone(),
            mode,
            resync: None,
        },
        Step::Search { uids: uids.clone() },
    ];
    let (mut there, mut found) = (There::default(), None);
    let mut flight = session.flight(steps).map_err(EngineError::imap)?;
    while let Some(event) = flight.next().await.map_err(EngineError::imap)? {
        match event {
            FlightEvent::Selected { selected, .. } => there.selected = Some(selected),
            FlightEvent::Refused { step: 0, refusal } => there.refusal = Some(refusal.to_string()),
            FlightEvent::Found { uids, .. } => found = Some(uids),
            FlightEvent::Done { step: 1 } => {
                there.found = found.take().map(|found| uids.intersect(found.iter()));
            }
            _ => {}
        }
    }
    Ok(there)
}
