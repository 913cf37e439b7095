//! The brake before a mailbox, on either side: a pass that would remove too much waits (R6).

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use postrider_core::brake::engages;
use postrider_core::plan::deed::Deed;
use postrider_index::{Braking, Index, MailboxId, Side};

/// What would be removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removal<'a> {
    pub(crate) mailbox: MailboxId,
    /// For the log: the decoded name.
    pub(crate) name: &'a str,
    pub(crate) side: Side,
    /// So many messages
    pub(crate) removing: u64,
    /// of so many.
    pub(crate) held: u64,
    /// So many more were removed by this pass before.
    pub(crate) went: u64,
    /// By this rule, in the words of the configuration.
    pub(crate) because: &'a str,
}

impl Removal<'_> {
    /// What a person should look at before approving it.
    const fn advice(&self) -> &'static str {
        match self.side {
            Side::Local => "would remove them here; look at the mailbox on the server",
            Side::Server => "would delete them on the server; look at the mailbox here",
        }
    }
}

/// Whether the brake holds a removal. It is told once.
pub(crate) async fn holds(account: &Account, removal: Removal<'_>) -> Result<bool, EngineError> {
    let Removal {
        mailbox,
        side,
        removing,
        held,
        went,
        because,
        ..
    } = removal;
    let brake = account.settings.brake;
    let is_too_much = |brake| engages(&brake, went + removing, went + held);
    if !brake.is_some_and(is_too_much) {
        return Ok(false);
    }
    let rule = because.to_owned();
    let look = move |index: &mut Index| {
        let braking = Braking {
            removing,
            held,
            because: &rule,
        };
        if index.brake_approved(mailbox, side, braking)? {
            return Ok((true, false));
        }
        let news = index.engage_brake(mailbox, side, braking, now())?;
        Ok((false, news))
    };
    let (approved, news) = account.shared.index.call(look).await?;
    if !approved {
        account.note(removal.name, || Deed::Wait {
            side: side.as_str(),
            removing,
            held,
            because: because.to_owned(),
        });
    }
    if news {
        let before = match went {
            0 => String::new(),
            went => format!(", with {went} that this pass has removed already"),
        };
        let hint = format!(
            "{because} {}{before}; if this is right, type `postrider approve {}`",
            removal.advice(),
            account.log_name()
        );
        events::BrakeEngaged {
            account: account.log_name(),
            mailbox: removal.name,
            side: side.as_str(),
            removing,
            held,
            hint: &hint,
        }
        .emit();
    }
    Ok(!approved)
}

/// The brake holds nothing here any more; `messages` went.
pub(crate) async fn release(
    account: &Account,
    (mailbox, name): (MailboxId, &str),
    side: Side,
    messages: u64,
) -> Result<(), EngineError> {
    let release = move |index: &mut Index| index.release_brake(mailbox, side);
    if account.shared.index.call(release).await? {
        events::BrakeReleased {
            account: account.log_name(),
            mailbox: name,
            side: side.as_str(),
            messages,
        }
        .emit();
    }
    Ok(())
}
