//! The command line. The doc comments are the manual that `--help` prints.

use crate::config::duration::parse_duration;
use crate::moment::parse_moment;
use crate::readers::Reader;
use clap::{Args, Parser, Subcommand};
use postrider_core::shard::Shard;
use postrider_core::time::UnixTime;
use std::path::PathBuf;
use std::time::Duration;

/// What every `--help` ends with (CONTRACT section 4).
const EXIT_STATUS: &str = "\
Exit status:
   0  done, \"no new mail\" included
  64  the command line is wrong
  69  a server cannot be reached or does not answer
  74  local I/O failed, a full disk included
  75  try again later: locked by another instance, throttled, stale, braked
  76  a server broke the protocol
  77  login, certificate or TLS policy refused
  78  the configuration is wrong
Of several, the first of 78, 77, 74, 76, 69, 75.";

/// Keeps every message: fetches accounts over IMAP and POP3 into a Maildir.
#[derive(Debug, Parser)]
#[command(name = "postrider", version, after_help = EXIT_STATUS)]
pub struct Cli {
    /// The configuration [default: $POSTRIDER_CONFIG, ~/.config/postrider/config.yaml,
    /// /etc/postrider/config.yaml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The daemon, in the foreground: TERM stops it, HUP reloads the configuration, USR1 syncs now; other
    /// commands speak to it by its control socket
    #[command(after_help = EXIT_STATUS)]
    Run(RunArgs),
    /// One complete pass of every account, or of those named, then exit; a running daemon makes it
    #[command(after_help = EXIT_STATUS)]
    Sync(SyncArgs),
    /// How the accounts are doing: what a running daemon tells, and what is in the index
    #[command(after_help = EXIT_STATUS)]
    Status(StatusArgs),
    /// Check the configuration; then connect, log in, list mailboxes, and change nothing
    #[command(after_help = EXIT_STATUS)]
    Check(CheckArgs),
    /// Log in to an account whose configuration says `oauth2`: with a code on any device, in the browser, or by
    /// pasting an address; a running daemon goes on with it at once
    #[command(after_help = EXIT_STATUS)]
    Login(LoginArgs),
    /// The server's mailboxes: their roles, which are chosen and why, and where each lies here; or what the
    /// configuration of a mail reader needs to show them
    #[command(after_help = EXIT_STATUS)]
    Mailboxes(MailboxesArgs),
    /// The ledger: what happened to every message, because of which rule, and where its copy is now;
    /// the newest comes last
    #[command(after_help = EXIT_STATUS)]
    History(HistoryArgs),
    /// Read every stored message and compare it with the index; 74 when something is wrong
    #[command(after_help = EXIT_STATUS)]
    Verify(VerifyArgs),
    /// Put expired messages back on an IMAP server, from their local copies
    #[command(after_help = EXIT_STATUS)]
    Undo(UndoArgs),
    /// Let an account go on that the brake has stopped; the next pass removes what it showed, no more. A running
    /// daemon makes that pass at once
    #[command(after_help = EXIT_STATUS)]
    Approve(ApproveArgs),
    /// Let the running daemon rest an account, or all: no connection, no pass, until it is resumed or the daemon
    /// is started anew
    #[command(after_help = EXIT_STATUS)]
    Pause(PauseArgs),
    /// Let a paused account go on, or all
    #[command(after_help = EXIT_STATUS)]
    Resume(PauseArgs),
    /// Let the running daemon begin a pass of an account, or of all, and do not wait for it
    #[command(after_help = EXIT_STATUS)]
    SyncNow(PauseArgs),
    /// Let the running daemon read its configuration again
    #[command(after_help = EXIT_STATUS)]
    Reload(ReloadArgs),
}

/// Arguments of `pause`, `resume` and `sync-now`.
#[derive(Args, Debug, Default)]
pub struct PauseArgs {
    /// The account [default: all]
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
}

/// Arguments of `reload`.
#[derive(Args, Debug, Default)]
pub struct ReloadArgs {
    /// Wait until the new configuration is in force; when it is wrong, print why and exit with 78
    #[arg(long)]
    pub wait: bool,
}

/// Arguments of `run`.
#[derive(Args, Debug, Default)]
pub struct RunArgs {
    /// Only the accounts that this of N daemons keeps, where I is from 0 to N-1: every account is kept by
    /// exactly one, whichever machine each of them runs on
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

/// Arguments of `login`. Without a way, it is a code where the server has codes, or else the browser where there
/// is a screen, or else pasting.
#[derive(Args, Debug, Default)]
pub struct LoginArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// By a code that is typed on any device with a browser
    #[arg(long, conflicts_with_all = ["browser", "paste"])]
    pub device: bool,
    /// By a browser on this machine
    #[arg(long, conflicts_with = "paste")]
    pub browser: bool,
    /// By a browser anywhere: its last address, or the code in it, is read from standard input
    #[arg(long)]
    pub paste: bool,
}

/// Arguments of `approve`.
#[derive(Args, Debug, Default)]
pub struct ApproveArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
}

/// Arguments of `history`.
#[derive(Args, Debug, Default)]
pub struct HistoryArgs {
    /// Of this account, also of one that the configuration has no more [default: all]
    #[arg(value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Of mailboxes whose name matches: `*` any run of characters, `?` one
    #[arg(long, value_name = "GLOB")]
    pub mailbox: Option<String>,
    /// Of the message with this Message-ID
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,
    /// From this time on: 2026-11-25, 2026-11-25T10:00 (UTC), or 3d for three days ago
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<UnixTime>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<UnixTime>,
    /// Only what was done to messages in this way
    #[arg(long, value_parser = ["stored", "moved", "uploaded", "expired", "vanished", "removed", "restored"])]
    pub action: Option<String>,
    /// Only the newest so many
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<u64>,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `mailboxes`.
#[derive(Args, Debug, Default)]
pub struct MailboxesArgs {
    /// The account; with --export it may be left out, and means all
    #[arg(value_name = "ACCOUNT", required_unless_present = "export")]
    pub account: Option<String>,
    /// Ask no server: print what the configuration of this mail reader needs
    #[arg(long, value_name = "READER", conflicts_with = "json")]
    pub export: Option<Reader>,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `verify`.
#[derive(Args, Debug, Default)]
pub struct VerifyArgs {
    /// Accounts to verify [default: all]
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
    /// Compare with the server too; what differs there is the next pass's work, and no fault
    #[arg(long)]
    pub server: bool,
    /// Heal what can be healed, and delete nothing: the next pass fetches what is missing or was changed.
    /// No daemon may run meanwhile
    #[arg(long)]
    pub repair: bool,
}

/// Arguments of `undo`.
#[derive(Args, Debug, Default)]
pub struct UndoArgs {
    /// The account
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// Everything that was ever expired
    #[arg(
        long,
        required_unless_present_any = ["mailbox", "message_id", "since", "until"],
        conflicts_with_all = ["mailbox", "message_id", "since", "until"]
    )]
    pub all: bool,
    /// What was in mailboxes whose name matches: `*` any run of characters, `?` one
    #[arg(long, value_name = "GLOB")]
    pub mailbox: Option<String>,
    /// The message with this Message-ID
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,
    /// What was expired from this time on: 2026-11-25, 2026-11-25T10:00 (UTC), or 3d for three days ago
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub since: Option<UnixTime>,
    /// What was expired before this time
    #[arg(long, value_name = "TIME", value_parser = parse_moment)]
    pub until: Option<UnixTime>,
    /// Say what would be put back, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Put nothing back: let the retention policy judge again what was put back before
    #[arg(long, conflicts_with = "dry_run")]
    pub release: bool,
}

/// Arguments of `sync`.
#[derive(Args, Debug, Default)]
pub struct SyncArgs {
    /// Accounts to sync [default: all]
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
    /// Only mailboxes whose name matches: `*` any run of characters, `?` one. What vanished, moved away or was
    /// renamed, and what a quota asks for, waits for a pass over all; what moved here is fetched
    #[arg(long, value_name = "GLOB")]
    pub mailbox: Option<String>,
    /// Say what would be fetched, flagged and deleted, and why, and change nothing: not on the server,
    /// not here. A daemon may run meanwhile
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `status`.
#[derive(Args, Debug, Default)]
pub struct StatusArgs {
    /// Print one JSON document on stdout
    #[arg(long)]
    pub json: bool,
    /// Show it on the whole terminal and keep it up to date; q leaves
    #[arg(long, conflicts_with_all = ["json", "stale_after"])]
    pub watch: bool,
    /// Exit with 75 when the last success of an account is longer ago (30s, 5m, 2h, 3d; without a duration:
    /// what the configuration says in `status`)
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, num_args = 0..=1)]
    pub stale_after: Option<Option<Duration>>,
    /// Only the accounts of the daemon that was started with the same --shard
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

/// Arguments of `check`.
#[derive(Args, Debug, Default)]
pub struct CheckArgs {
    /// Accounts to check [default: all]
    #[arg(value_name = "ACCOUNT")]
    pub accounts: Vec<String>,
    /// Check the configuration only, connect to nothing
    #[arg(long)]
    pub offline: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// The manual: a change of the command line is seen in the snapshot.
    #[test]
    fn help() {
        let mut help = String::new();
        let mut command = Cli::command().term_width(100);
        command.build();
        let version = env!("CARGO_PKG_VERSION");
        for name in [
            "",
            "run",
            "sync",
            "status",
            "check",
            "login",
            "mailboxes",
            "history",
            "verify",
            "undo",
            "approve",
            "pause",
            "resume",
            "sync-now",
            "reload",
        ] {
            let command = match name {
                "" => &mut command,
                name => command.find_subcommand_mut(name).unwrap(),
            };
            help.push_str(&format!(
                "$ postrider {name} --help\n{}\n",
                command.render_long_help()
            ));
        }
        insta::assert_snapshot!(help.replace(version, "[version]"));
    }

    #[test]
    fn what_no_issue_has_brought_yet_is_refused() {
        for line in [
            "postrider",
            "postrider fetch",
            "postrider status --watch --json",
            "postrider status --watch --stale-after 5m",
            "postrider pause home isp",
            "postrider reload now",
            "postrider status --stale-after 5",
            "postrider run home",
            "postrider run --shard 3/3",
            "postrider run --shard 1",
            "postrider login",
            "postrider login home --device --paste",
            "postrider login home --browser --paste",
            "postrider undo home",
            "postrider undo home --all --mailbox INBOX",
            "postrider history --action burnt",
            "postrider mailboxes",
            "postrider mailboxes --export pine",
            "postrider mailboxes home --export mutt --json",
            "postrider history --since yesterday",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        let line = "postrider status --stale-after 15m --config x.yaml";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert_eq!(cli.config, Some(PathBuf::from("x.yaml")));
        let Command::Status(args) = cli.command else {
            panic!("{cli:?}");
        };
        assert_eq!(args.stale_after, Some(Some(Duration::from_secs(900))));
    }
}
