//! Receiving messages: RETR, pipelined where the server can.

use crate::context::{Account, LocalMailbox};
use crate::deliver::{Arrival, Delivery};
use crate::delivery_pool::Intake;
use crate::error::EngineError;
use crate::events;
use crate::report::PassReport;
use postrider_core::flag::FlagSet;
use postrider_core::message::ServerRef;
use postrider_core::plan::pop3::ListedMessage;
use postrider_pop3::{RetrieveEvent, Transaction};
use std::collections::HashMap;

/// What is to be fetched, and where to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) mailbox: &'a LocalMailbox,
    pub(crate) listed: &'a [ListedMessage],
}

/// Fetches the ordered messages and hands every whole one to `delivery`. One that the server refuses
/// does not hold up the others.
pub(crate) async fn fetch(
    account: &Account,
    session: &mut Transaction,
    order: Order<'_>,
    delivery: &mut Delivery,
    report: &mut PassReport,
) -> Result<(), EngineError> {
    let listed: HashMap<u32, &ListedMessage> = order.listed.iter().map(|m| (m.number, m)).collect();
    let numbers = order.listed.iter().map(|m| m.number).collect();
    let mut retrieval = session.retrieve(numbers);
    let mut intake = None;
    loop {
        let event = tokio::select! {
            event = retrieval.next() => event?,
            () = account.shutdown.requested() => return Err(EngineError::Stopped),
        };
        match event {
            None => return Ok(()),
            Some(RetrieveEvent::Start { .. }) => {
                let maildir = order.mailbox.maildir.clone();
                intake = Some(Intake::new(account.shared.pool.clone(), maildir));
            }
            Some(RetrieveEvent::Chunk(chunk)) => {
                if let Some(intake) = &mut intake {
                    intake.take(chunk).await?;
                }
            }
            Some(RetrieveEvent::End {
                number,
                octets_on_wire,
            }) => {
                let (Some(intake), Some(listed)) = (intake.take(), listed.get(&number)) else {
                    continue;
                };
                report.octets += octets_on_wire;
                let arrival = Arrival {
                    mailbox: order.mailbox.clone(),
                    server: ServerRef::Pop3 {
                        uidl: listed.uidl.clone(),
                    },
                    number: Some(number),
                    flags: FlagSet::new(),
                    internal_date: None,
                    size_octets: listed.size_octets,
                    octets: octets_on_wire,
                    arriving: intake.end(None).await?,
                };
                delivery.take(arrival).await?;
            }
            Some(RetrieveEvent::Refused { number, refusal }) => {
                report.skipped += 1;
                let text = postrider_transport::escape_server_text(refusal.text.as_bytes());
                events::MessageSkipped {
                    account: account.log_name(),
                    mailbox: &order.mailbox.name,
                    uid: None,
                    number: Some(number.into()),
                    because: &format!("the server refused: {text}"),
                }
                .emit();
            }
        }
    }
}
