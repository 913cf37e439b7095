//! From steps to commands.

use crate::capability::Capability;
use crate::encode::{CommandText, EncodeError};
use crate::ext::{id, uidplus};
use crate::fetch::{bodies_command, facts_command, flags_command};
use crate::flight::Gather;
use crate::list::{self, Listing};
use crate::search;
use crate::select::{self, Selected};
use crate::session::Session;
use crate::status;
use crate::step::Step;
use crate::store;
use postrider_core::uid::UidSet;

/// A command and what is gathered from its answers.
type Gathering = (CommandText, Gather);

/// The commands of a step; `None` when the server lacks what it takes.
pub(crate) fn commands(
    session: &Session,
    step: &Step,
) -> Result<Option<Vec<Gathering>>, EncodeError> {
    let capabilities = session.capabilities();
    let one = |command, gather| Ok(Some(vec![(command, gather)]));
    let cut = |uids: &UidSet| search::split(uids, session.limits.set_octets).into_iter();
    Ok(Some(match step {
        Step::Bodies { uids } => cut(uids)
            .map(|uids| (bodies_command(&uids), Gather::Bodies))
            .collect(),
        Step::Expunge { uids } => {
            let commands = cut(uids).map(|uids| uidplus::command(capabilities, &uids));
            let commands = commands.map(|command| Some((command?, Gather::Change)));
            return Ok(commands.collect());
        }
        Step::ExpungeDeleted => return one(CommandText::new("EXPUNGE"), Gather::Change),
        Step::Facts { uids } => cut(uids)
            .map(|uids| (facts_command(&uids), Gather::Facts))
            .collect(),
        Step::Flags {
            uids,
            changed_since,
        } => {
            let since = changed_since.filter(|_| capabilities.has(Capability::Condstore));
            let commands = cut(uids).map(|uids| flags_command(&uids, since));
            commands.map(|command| (command, Gather::Flags)).collect()
        }
        Step::Id => {
            let commands = id::command(capabilities).into_iter();
            commands.map(|command| (command, Gather::Nothing)).collect()
        }
        Step::List => {
            let listing = Gather::List(Box::new(Listing::new(capabilities)));
            return one(list::command(capabilities), listing);
        }
        Step::Noop => return one(CommandText::new("NOOP"), Gather::Nothing),
        Step::Search { uids } => cut(uids)
            .map(|uids| search::uids_command(capabilities, &uids))
            .map(|command| (command, Gather::Search(None)))
            .collect(),
        Step::SearchDeleted => {
            return one(search::deleted_command(capabilities), Gather::Search(None));
        }
        Step::Select { mailbox, mode } => {
            let selected = Gather::Select(Box::new(Selected::opened(*mode)));
            return one(select::command(capabilities, mailbox, *mode)?, selected);
        }
        Step::Status(mailbox) => {
            let gather = Gather::Status {
                mailbox: mailbox.clone(),
                told: false,
            };
            return one(status::command(capabilities, mailbox)?, gather);
        }
        Step::StoreFlags { change, .. } if change.flags().is_empty() => Vec::new(),
        Step::StoreFlags { uids, change } => {
            let commands = cut(uids).map(|uids| store::command(&uids, change));
            let commands = commands.map(|command| Ok((command?, Gather::Change)));
            commands.collect::<Result<_, EncodeError>>()?
        }
    }))
}
