//! From steps to commands.

use crate::capability::Capability;
use crate::create;
use crate::dialect::Dialect;
use crate::encode::{CommandText, EncodeError};
use crate::ext::{id, list_extended, mov, namespace, notify, quota, uidplus, unselect};
use crate::fetch::{bodies_command, facts_command, flags_command};
use crate::flight::Gather;
use crate::list;
use crate::search;
use crate::select::{self, Selecting};
use crate::status;
use crate::step::Step;
use crate::store;
use crate::wire_name::WireName;
use postrider_core::uid::UidSet;

/// A command and what is gathered from its answers.
pub(crate) type Gathering = (CommandText, Gather);

/// The commands of a step; `None` when the server lacks what it takes.
pub(crate) fn commands(
    dialect: &Dialect<'_>,
    step: &Step,
) -> Result<Option<Vec<Gathering>>, EncodeError> {
    if let Step::StoreFlags { change, .. } = step
        && change.flags().is_empty()
    {
        return Ok(Some(Vec::new()));
    }
    if *step == Step::List {
        return list_commands(dialect).map(Some);
    }
    let Some(uids) = step.uids() else {
        if let Step::Quota(mailbox) = step {
            let command = quota::command(dialect, mailbox)?;
            return Ok(command.map(|command| vec![(command, step.gather())]));
        }
        if let Step::Notify(mailboxes) = step {
            let command = notify::command(dialect, mailboxes)?;
            return Ok(command.map(|command| vec![(command, step.gather())]));
        }
        if *step == Step::Unselect {
            let command = unselect::command(dialect.capabilities);
            return Ok(command.map(|command| vec![(command, step.gather())]));
        }
        return Ok(Some(alone(dialect, step)?.into_iter().collect()));
    };
    let less = match step {
        Step::StoreFlags { change, .. } => store::set_octets_less(change),
        _ => 0,
    };
    let pieces = search::split(uids, dialect.limits.set_octets.saturating_sub(less));
    let commands = pieces.iter().map(|uids| {
        let command = about_messages(dialect, step, uids)?;
        Ok(command.map(|command| (command, step.gather_of(uids))))
    });
    commands.collect()
}

/// A listing: which namespaces there are, what the server shows unasked, and what is below the prefixes
/// that it is known not to show.
fn list_commands(dialect: &Dialect<'_>) -> Result<Vec<Gathering>, EncodeError> {
    let mut gatherings = Vec::new();
    let namespace = namespace::command(dialect.capabilities);
    let known = namespace.as_ref().map_or(&[][..], |_| dialect.namespaces);
    gatherings.extend(namespace.map(|command| (command, Gather::Namespaces)));
    gatherings.push((list::command(dialect, None)?, Gather::List));
    gatherings.extend(below(dialect, known)?);
    Ok(gatherings)
}

/// What is below prefixes.
pub(crate) fn below(
    dialect: &Dialect<'_>,
    prefixes: &[WireName],
) -> Result<Vec<Gathering>, EncodeError> {
    let commands = prefixes.iter().map(|prefix| {
        let command = list::command(dialect, Some(prefix))?;
        Ok((command, Gather::ListBelow))
    });
    commands.collect()
}

/// The command about some of the messages that a step names; `None` when the server lacks it.
fn about_messages(
    dialect: &Dialect<'_>,
    step: &Step,
    uids: &UidSet,
) -> Result<Option<CommandText>, EncodeError> {
    let capabilities = dialect.capabilities;
    Ok(Some(match step {
        Step::Bodies { .. } => bodies_command(uids),
        Step::Copy { to, .. } => mov::copy_command(dialect, uids, to)?,
        Step::Expunge { .. } => return Ok(uidplus::command(capabilities, uids)),
        Step::Facts { .. } => facts_command(uids),
        Step::Flags {
            changed_since,
            items,
            ..
        } => {
            let since = changed_since.filter(|_| capabilities.has(Capability::Condstore));
            flags_command(uids, &items.on_wire(capabilities), since)
        }
        Step::Move { to, .. } => return mov::command(dialect, uids, to),
        Step::Search { .. } => search::uids_command(capabilities, uids),
        Step::StoreFlags { change, .. } => store::command(uids, change)?,
        Step::Create(_)
        | Step::ExpungeDeleted
        | Step::Id
        | Step::List
        | Step::Noop
        | Step::Notify(_)
        | Step::Quota(_)
        | Step::SearchDeleted
        | Step::Select { .. }
        | Step::Status(_)
        | Step::Subscribe(_)
        | Step::Subscriptions
        | Step::Unselect => return Ok(None),
    }))
}

/// The one command of a step that names no messages, if it takes any.
fn alone(dialect: &Dialect<'_>, step: &Step) -> Result<Option<Gathering>, EncodeError> {
    let capabilities = dialect.capabilities;
    let command = match step {
        Step::Create(mailbox) => create::command(dialect, mailbox)?,
        Step::ExpungeDeleted => CommandText::new("EXPUNGE"),
        Step::Id => match id::command(capabilities).filter(|_| !dialect.named) {
            Some(command) => command,
            None => return Ok(None),
        },
        Step::Noop => CommandText::new("NOOP"),
        Step::SearchDeleted => search::deleted_command(capabilities),
        Step::Select {
            mailbox,
            mode,
            resync,
        } => {
            let resync = resync.as_ref().filter(|_| dialect.enabled.qresync);
            let command = select::command(dialect, mailbox, *mode, resync)?;
            let selecting = Selecting::new(mailbox.clone(), *mode, resync.is_some());
            return Ok(Some((command, Gather::Select(Box::new(selecting)))));
        }
        Step::Status(mailbox) => status::command(dialect, mailbox)?,
        Step::Subscribe(mailbox) => create::subscribe_command(dialect, mailbox)?,
        Step::Subscriptions => match list_extended::command(capabilities) {
            Some(command) => command,
            None => return Ok(None),
        },
        Step::Bodies { .. }
        | Step::Copy { .. }
        | Step::Expunge { .. }
        | Step::Facts { .. }
        | Step::Flags { .. }
        | Step::List
        | Step::Move { .. }
        | Step::Notify(_)
        | Step::Quota(_)
        | Step::Search { .. }
        | Step::StoreFlags { .. }
        | Step::Unselect => return Ok(None),
    };
    Ok(Some((command, step.gather())))
}

impl Step {
    /// The messages that it names.
    const fn uids(&self) -> Option<&UidSet> {
        match self {
            Self::Bodies { uids }
            | Self::Copy { uids, .. }
            | Self::Expunge { uids }
            | Self::Facts { uids }
            | Self::Flags { uids, .. }
            | Self::Move { uids, .. }
            | Self::Search { uids }
            | Self::StoreFlags { uids, .. } => Some(uids),
            Self::Create(_)
            | Self::ExpungeDeleted
            | Self::Id
            | Self::List
            | Self::Noop
            | Self::Notify(_)
            | Self::Quota(_)
            | Self::SearchDeleted
            | Self::Select { .. }
            | Self::Status(_)
            | Self::Subscribe(_)
            | Self::Subscriptions
            | Self::Unselect => None,
        }
    }

    /// What the answers to a command about some of its messages are gathered as.
    fn gather_of(&self, uids: &UidSet) -> Gather {
        match self {
            Self::Bodies { .. } => Gather::Bodies {
                messages: uids.count(),
            },
            Self::Facts { .. } => Gather::Facts,
            Self::Flags { items, .. } => Gather::Flags(*items),
            Self::Search { .. } => Gather::Search(None),
            Self::StoreFlags { .. } => Gather::Store { uids: uids.clone() },
            Self::Copy { .. } | Self::Move { .. } => Gather::Copy { uids: uids.clone() },
            Self::Expunge { .. } => Gather::Change,
            _ => self.gather(),
        }
    }

    /// What the answers to a command about no messages are gathered as, where that takes nothing but the
    /// step.
    fn gather(&self) -> Gather {
        match self {
            Self::Create(_) => Gather::Create,
            Self::ExpungeDeleted => Gather::Change,
            Self::Notify(_) => Gather::Notify,
            Self::Quota(_) => Gather::Quota,
            Self::SearchDeleted => Gather::Search(None),
            Self::Status(mailbox) => Gather::Status {
                mailbox: mailbox.clone(),
                told: false,
            },
            Self::Subscriptions => Gather::Subscriptions(Vec::new()),
            Self::Unselect => Gather::Unselect,
            _ => Gather::Nothing,
        }
    }
}
