//! What is told unasked: IDLE, NOTIFY, and the way out of a mailbox.

use crate::dialogues::imap::Asked::{self, Close, Idle, Notify, NotifyTwice};
use crate::dialogues::imap::fly;
use crate::dialogues::{Row, play, row};
use postrider_imap::{Heard, ImapError, SelectMode, Session, Step, WireName};

pub(super) const TOLD: &[Row<Asked>] = &[
    row(
        "idle",
        Idle,
        "told: new
        0 done",
    ),
    row("idle-expunge", Idle, "told: flags, gone\n0 done"),
    row(
        "idle-refused",
        Idle,
        "! throttled: the server refused IDLE: too many idle here",
    ),
    row(
        "idle-lacking",
        Idle,
        "! unreachable: the server refused IDLE: not sent: the server lacks IDLE, or no mailbox is open",
    ),
    row(
        "idle-bye",
        Idle,
        "! unreachable: the server said goodbye: Disconnected for inactivity.",
    ),
    row(
        "idle-cut",
        Idle,
        "! unreachable: the server closed the connection in the middle of a session",
    ),
    row("idle-ended", Idle, "told: over\n0 done"),
    row(
        "notify",
        Notify,
        "0 done
        told: INBOX 3, Work 1
        0 done",
    ),
    row("notify-refused", Notify, "0 refused: unsupported events"),
    row(
        "notify-overflow",
        Notify,
        "0 done
        told: unclear, over
        0 done",
    ),
    row(
        "notify-unreadable",
        Notify,
        "0 done
        told: unclear
        0 done",
    ),
    row(
        "unselect",
        Close,
        "0 done
        1 done",
    ),
    row(
        "unselect-lacking",
        Close,
        "0 refused: not sent: the server lacks UNSELECT
        1 done",
    ),
];

/// Listens until everything has come that comes together, then asks something else.
pub(super) async fn listened(
    asked: Asked,
    session: &mut Session,
    lines: &mut Vec<String>,
) -> Result<(), ImapError> {
    let open = async |session: &mut Session| {
        let opened = session.select(WireName::encode("INBOX"), SelectMode::ReadOnly);
        opened.await.map(drop)
    };
    match asked {
        Close => {
            open(session).await?;
            return fly(session, vec![Step::Unselect, Step::Noop], lines).await;
        }
        NotifyTwice => {
            let names = ["INBOX", "Work"].map(WireName::encode).to_vec();
            let twice = [names.clone(), names].map(Step::Notify);
            return fly(session, twice.to_vec(), lines).await;
        }
        Notify => {
            let names = ["INBOX", "Work"].map(WireName::encode).to_vec();
            fly(session, vec![Step::Notify(names)], lines).await?;
            if !session.is_notifying() {
                return Ok(());
            }
        }
        _ => {
            open(session).await?;
            session.idle().await?;
        }
    }
    let mut all = session.hear().await?;
    // However the octets come: what is told while nothing is asked is told in one go here.
    while let Ok(more) = tokio::time::timeout(MOMENT, session.hear()).await {
        add(&mut all, more?);
    }
    lines.push(format!("told: {}", words(&all)));
    fly(session, vec![Step::Noop], lines).await
}

/// Longer than a trickling server takes between two octets.
const MOMENT: std::time::Duration = std::time::Duration::from_millis(60);

fn add(all: &mut Heard, more: Heard) {
    all.open.new |= more.open.new;
    all.open.flags |= more.open.flags;
    all.open.gone |= more.open.gone;
    all.is_unclear |= more.is_unclear;
    all.is_over |= more.is_over;
    all.mailboxes.extend(more.mailboxes);
}

fn words(heard: &Heard) -> String {
    let mut words = Vec::new();
    for (is, word) in [
        (heard.open.new, "new"),
        (heard.open.flags, "flags"),
        (heard.open.gone, "gone"),
        (heard.is_unclear, "unclear"),
        (heard.is_over, "over"),
    ] {
        words.extend(is.then(|| word.to_owned()));
    }
    let mut mailboxes: Vec<_> = heard.mailboxes.iter().collect();
    mailboxes.sort_by_key(|(name, _)| name.to_string());
    for (name, status) in mailboxes {
        words.push(format!("{name} {}", super::optional(status.messages)));
    }
    words.join(", ")
}

#[tokio::test(start_paused = true)]
async fn what_is_told_unasked() {
    play(TOLD).await;
}
