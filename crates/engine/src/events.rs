//! What happened to mail and to accounts: the closed vocabulary of the log (CONTRACT section 8).
//!
//! One struct per event; nothing else in the workspace logs above `trace`. `docs/events.md` is made
//! from [`TABLE`], and a test keeps the two equal.

use std::future::Future;
use tracing::Level;

/// One row of the documentation: name, level, fixed sentence, fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// `subject.verbed`.
    pub name: &'static str,
    /// The level it is logged at.
    pub level: Level,
    /// The fixed sentence.
    pub sentence: &'static str,
    /// The fields besides `timestamp`, `level` and `event`, in order.
    pub fields: &'static [&'static str],
}

macro_rules! events {
    ($( $name:literal $level:ident $sentence:literal $kind:ident { $( $field:ident: $of:ty ),* $(,)? } )*) => {
        $(
            #[doc = concat!("`", $name, "`: ", $sentence, ".")]
            #[derive(Clone, Copy, Debug)]
            pub struct $kind<'a> {
                $(
                    #[doc = concat!("The field `", stringify!($field), "`.")]
                    pub $field: $of,
                )*
            }

            impl $kind<'_> {
                /// Tells the log, unless this is a rehearsal.
                pub fn emit(&self) {
                    if is_unheard() {
                        return;
                    }
                    tracing::event!(
                        target: "postrider",
                        Level::$level,
                        event = $name,
                        $( $field = self.$field, )*
                        $sentence
                    );
                }
            }
        )*

        /// Every event, in the order of the documentation.
        pub const TABLE: &[EventKind] = &[
            $( EventKind {
                name: $name,
                level: Level::$level,
                sentence: $sentence,
                fields: &[$( stringify!($field) ),*],
            } ),*
        ];
    };
}

events! {
    "daemon.started" INFO "the daemon has started" DaemonStarted { version: &'a str, config: &'a str, state_dir: &'a str, accounts: u64 }
    "daemon.ready" INFO "the daemon serves its accounts" DaemonReady { state_dir: &'a str, accounts: u64 }
    "daemon.reloaded" INFO "the configuration was read again" DaemonReloaded { config: &'a str, accounts: u64, added: u64, removed: u64, changed: u64 }
    "daemon.reload_failed" ERROR "the configuration was not reloaded, the one before stays" DaemonReloadFailed { kind: &'a str, error: &'a str, hint: Option<&'a str> }
    "daemon.stopping" INFO "the daemon is stopping" DaemonStopping { because: &'a str }
    "daemon.woke" INFO "the machine was suspended" DaemonWoke { since: &'a str, asleep_s: u64 }
    "daemon.network_changed" DEBUG "the network has changed, what waits for it is tried anew" DaemonNetworkChanged { what: &'a str }
    "daemon.network_unwatched" DEBUG "the system does not tell of the network: outages end by themselves" DaemonNetworkUnwatched { error: &'a str }
    "daemon.crowded" WARN "the system allows fewer open files than all accounts may need at once: connections wait for each other" DaemonCrowded { needed: u64, allowed: u64, connections: u64, hint: &'a str }
    "daemon.control_moved" WARN "another daemon answers at the usual control socket, so it lies in the state directory" DaemonControlMoved { socket: &'a str, usual: &'a str, hint: &'a str }
    "daemon.halted" ERROR "a part of the daemon does not go on, the watchdog is not fed" DaemonHalted { part: &'a str, because: &'a str }
    "log.degraded" WARN "the journal cannot be reached, the log is text on stderr" LogDegraded { error: &'a str }
    "account.disabled" ERROR "a row of accounts_from is wrong, its account is not served" AccountDisabled { account: Option<&'a str>, path: &'a str, line: u64, kind: &'a str, error: &'a str, hint: Option<&'a str> }
    "account.connected" DEBUG "logged in" AccountConnected { account: &'a str, host: &'a str }
    "account.failed" ERROR "the account's pass failed" AccountFailed { account: &'a str, mailbox: Option<&'a str>, kind: &'a str, again: Option<&'a str>, error: &'a str, hint: Option<&'a str>, retry_in_s: Option<u64>, failures: Option<u64>, since: Option<&'a str> }
    "account.throttled" WARN "the server asked us to slow down" AccountThrottled { account: &'a str, kind: &'a str, again: Option<&'a str>, error: &'a str, hint: Option<&'a str>, retry_in_s: Option<u64>, failures: Option<u64>, since: Option<&'a str> }
    "account.retried" DEBUG "the account failed again, as was told before" AccountRetried { account: &'a str, kind: &'a str, again: &'a str, error: &'a str, retry_in_s: u64, failures: u64 }
    "account.recovered" INFO "the account works again" AccountRecovered { account: &'a str, failures: u64, since: &'a str, lasted_s: u64 }
    "connections.lowered" WARN "the server wants fewer connections" ConnectionsLowered { account: &'a str, connections: u64, hint: &'a str }
    "account.paused" INFO "somebody paused the account" AccountPaused { account: &'a str }
    "account.resumed" INFO "somebody let the account go on" AccountResumed { account: &'a str }
    "account.halted" ERROR "the account's task does not go on, the watchdog is not fed" AccountHalted { account: &'a str, because: &'a str }
    "sync.started" DEBUG "a pass has started" SyncStarted { account: &'a str }
    "sync.finished" INFO "a pass is complete" SyncFinished { account: &'a str, mailboxes: u64, new: u64, flags_pulled: u64, flags_pushed: u64, expired: u64, vanished: u64, octets: u64, round_trips: u64, elapsed_ms: u64 }
    "message.stored" INFO "a message was stored" MessageStored { account: &'a str, mailbox: &'a str, uid: Option<u64>, uidl: Option<&'a str>, octets: u64, file: &'a str }
    "message.skipped" WARN "a message was not stored" MessageSkipped { account: &'a str, mailbox: &'a str, uid: Option<u64>, number: Option<u64>, because: &'a str }
    "message.moved" INFO "a message was moved on the server, its file followed" MessageMoved { account: &'a str, mailbox: &'a str, uid: u64 }
    "message.pushed" INFO "what a reader did to a message was done on the server" MessagePushed { account: &'a str, mailbox: &'a str, uid: Option<u64>, deed: &'a str }
    "push.lost" INFO "the line on which the server tells of new mail is lost" PushLost { account: &'a str, because: &'a str, retry_in_s: u64 }
    "push.restored" INFO "the server tells of new mail again" PushRestored { account: &'a str }
    "push.limited" DEBUG "the server tells of less than it was asked to" PushLimited { account: &'a str, kind: &'a str, because: &'a str }
    "push.thinned" DEBUG "a further connection that listened to a mailbox is over" PushThinned { account: &'a str, mailbox: &'a str, because: &'a str, retry_in_s: u64 }
    "push.refused" WARN "the server refused what a reader did" PushRefused { account: &'a str, mailbox: &'a str, messages: u64, deed: &'a str, because: &'a str }
    "mailbox.created" INFO "a mailbox was made on the server for a directory" MailboxCreated { account: &'a str, mailbox: &'a str }
    "mailbox.renamed" INFO "a mailbox was renamed on the server, its files followed" MailboxRenamed { account: &'a str, mailbox: &'a str, was: &'a str }
    "mailbox.vanished" WARN "a mailbox is gone from the server" MailboxVanished { account: &'a str, mailbox: &'a str, messages: u64 }
    "server_copy.expired" INFO "a server copy was deleted by policy" ServerCopyExpired { account: &'a str, mailbox: &'a str, uid: Option<u64>, uidl: Option<&'a str>, because: &'a str }
    "server_copy.held" WARN "a server copy was not deleted though the policy lets it go; of one that stays for good, once" ServerCopyHeld { account: &'a str, mailbox: &'a str, messages: u64, because: &'a str }
    "local_copy.removed" INFO "a local copy was removed by policy" LocalCopyRemoved { account: &'a str, mailbox: &'a str, file: &'a str, because: &'a str }
    "brake.engaged" WARN "so much would be removed that somebody must approve it" BrakeEngaged { account: &'a str, mailbox: &'a str, side: &'a str, removing: u64, held: u64, hint: &'a str }
    "brake.released" INFO "the brake was released" BrakeReleased { account: &'a str, mailbox: &'a str, side: &'a str, messages: u64 }
    "quota.neared" WARN "the box at the server is nearly full" QuotaNeared { account: &'a str, resource: &'a str, used: u64, limit: u64, share: u64, hint: &'a str }
    "server_expiry.announced" WARN "the server deletes earlier than the policy would" ServerExpiryAnnounced { account: &'a str, days: u64, hint: &'a str }
    "certificate.expiring" WARN "a certificate runs out soon; told once a day" CertificateExpiring { account: &'a str, host: &'a str, side: &'a str, days_left: u64, not_after: &'a str, pinned: bool, hint: &'a str }
    "uidvalidity.changed" WARN "the server has renumbered a mailbox" UidValidityChanged { account: &'a str, mailbox: &'a str, was: u64, uidvalidity: u64, rematched: u64, fetching: u64 }
    "hook.finished" DEBUG "the command of on_new has ended" HookFinished { account: &'a str, mailbox: &'a str, count: u64, elapsed_ms: u64, output: Option<&'a str> }
    "hook.failed" WARN "the command of on_new has failed" HookFailed { account: &'a str, mailbox: &'a str, count: u64, elapsed_ms: u64, output: Option<&'a str>, kind: &'a str, error: &'a str, hint: Option<&'a str> }
    "watch.limited" WARN "the system cannot watch all directories, the rest is polled" WatchLimited { account: &'a str, directories: u64, because: &'a str, hint: &'a str }
    "index.repaired" WARN "the index was brought in line with the Maildir" IndexRepaired { account: Option<&'a str>, mailbox: Option<&'a str>, path: Option<&'a str>, recorded: u64, forgotten: u64, because: &'a str }
}

tokio::task_local! {
    /// There while a task rehearses.
    static UNHEARD: ();
}

/// Plays `rehearsal` without telling the log of it: events are about what has happened, and nothing
/// does. What a task of its own tells is heard all the same; a rehearsal starts none.
pub(crate) async fn unheard<T>(rehearsal: impl Future<Output = T>) -> T {
    UNHEARD.scope((), rehearsal).await
}

fn is_unheard() -> bool {
    UNHEARD.try_with(|()| ()).is_ok()
}

/// The page `docs/events.md`.
#[must_use]
pub fn documentation() -> String {
    let mut page = String::from(
        "# Log events\n\nMade from `crates/engine/src/events.rs` by the test \
         `events_are_documented`; `INSTA_UPDATE=always cargo test` writes it anew.\n\n\
         Every event has `timestamp`, `level` and `event`; a field without a value is left out.\n\n\
         | event | level | what happened | fields |\n|---|---|---|---|\n",
    );
    for kind in TABLE {
        let fields: Vec<_> = kind.fields.iter().map(|f| format!("`{f}`")).collect();
        let level = kind.level.as_str().to_lowercase();
        let row = format!(
            "| `{}` | {level} | {} | {} |\n",
            kind.name,
            kind.sentence,
            fields.join(" ")
        );
        page.push_str(&row);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn events_are_documented() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/events.md");
        if std::env::var_os("INSTA_UPDATE").is_some_and(|wanted| wanted == "always") {
            std::fs::write(&page, documentation()).unwrap();
        }
        let written = std::fs::read_to_string(&page).unwrap();
        assert!(
            written == documentation(),
            "docs/events.md is not what the code says; INSTA_UPDATE=always cargo test writes it"
        );
    }

    #[test]
    fn every_event_is_a_subject_and_what_was_done_to_it_once() {
        let mut names = BTreeSet::new();
        for kind in TABLE {
            assert!(names.insert(kind.name), "{} twice", kind.name);
            let (subject, verbed) = kind.name.split_once('.').unwrap();
            assert!(!subject.is_empty() && !verbed.is_empty(), "{}", kind.name);
            let own = subject == "daemon" || subject == "log";
            assert_eq!(kind.fields.contains(&"account"), !own, "{}", kind.name);
        }
    }
}
