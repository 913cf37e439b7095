//! `postrider verify`: the index against the Maildir and, if wished, the server.

use super::{answer, chosen, engine_settings, quiet};
use crate::cli::VerifyArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::error::{Error, Remedy};
use crate::logging::Logging;
use crate::progress::Screen;
use crate::words::{count, octets};
use postrider_engine::{Checking, ServerReport, VerifyOptions, VerifyOutcome, VerifyReport};

/// Verifies the accounts meant, and says what was found.
///
/// # Errors
/// When an account is not known, the index cannot be opened, or another instance holds it. What is
/// wrong with one account is in the answer.
pub async fn run(
    args: &VerifyArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let screen = Screen::of_stderr();
    let _logging = Logging::start(quiet(config.log), around, screen.clone())?;
    let only = match args.accounts.as_slice() {
        [] => Vec::new(),
        names => chosen(config, names)?
            .into_iter()
            .map(|a| a.name.clone())
            .collect(),
    };
    let options = VerifyOptions {
        only,
        server: args.server,
        repair: args.repair,
    };
    let counter = screen.map(|screen| screen.counter());
    let progress = {
        let counter = counter.clone();
        move |checking: Checking<'_>| {
            if let Some(counter) = &counter {
                counter.show(checking.account, checking.messages, checking.octets);
            }
        }
    };
    let outcomes = postrider_engine::verify(engine_settings(config), options, progress).await;
    if let Some(counter) = counter {
        counter.clear();
    }
    let outcomes = outcomes?;
    let told: Vec<String> = outcomes.iter().filter_map(told).collect();
    answer(&told.join("\n"))?;
    let wrong = |outcome| wrong(outcome, args.repair);
    Ok(outcomes.into_iter().filter_map(wrong).collect())
}

fn wrong(outcome: VerifyOutcome, repaired: bool) -> Option<Error> {
    let account = outcome.account;
    match outcome.result {
        Ok(VerifyReport { faults: 0, .. }) => None,
        Ok(report) => Some(Error::Unsound {
            account,
            faults: report.faults,
            remedy: remedy(&report, repaired),
        }),
        Err(source) => Some(Error::Account {
            account,
            source,
            logged: false,
        }),
    }
}

/// Files in mailboxes without a row are for a pass to take in: of a new index by itself, of another one after a
/// repair, from which it knows that the index is old.
fn remedy(report: &VerifyReport, repaired: bool) -> Option<Remedy> {
    match report.unlisted {
        0 => (!repaired).then_some(Remedy::Repair),
        _ if report.unindexed => Some(Remedy::Rebuild),
        _ if repaired => Some(Remedy::Pass),
        _ => Some(Remedy::RepairAndPass),
    }
}

/// A line for each finding, and one for the account.
fn told(outcome: &VerifyOutcome) -> Option<String> {
    let report = outcome.result.as_ref().ok()?;
    let mut lines = Vec::with_capacity(report.findings.len() + 2);
    if is_lost(report) {
        lines.push(format!(
            "{}: the index knows nothing of this account, and its mail tree has {} of our making",
            outcome.account,
            count(report.unlisted, "file", "files")
        ));
    }
    // Of a lost index every file would be named: that says less than one line.
    for finding in report.findings.iter().filter(|_| !is_lost(report)) {
        let healed = if finding.healed { " (healed)" } else { "" };
        let path = crate::words::short(&finding.path.display().to_string(), usize::MAX);
        let kind = finding.kind.as_str();
        lines.push(format!(
            "{}: {}: {kind}{healed}: {path}",
            outcome.account, finding.mailbox
        ));
    }
    if report.more_findings > 0 && !is_lost(report) {
        lines.push(format!(
            "{}: and {} more",
            outcome.account, report.more_findings
        ));
    }
    lines.push(format!("{}: {}", outcome.account, summary(report)));
    if let Some(server) = &report.server {
        lines.push(format!("{}: {}", outcome.account, at_server(server)));
    }
    Some(lines.join("\n"))
}

/// Whether the index should know the account and does not.
const fn is_lost(report: &VerifyReport) -> bool {
    report.unindexed && report.unlisted > 0
}

fn summary(report: &VerifyReport) -> String {
    let wrong = report.findings.len() as u64 + report.more_findings;
    let parts = [
        (wrong, "wrong", "wrong"),
        (wrong.saturating_sub(report.faults), "healed", "healed"),
        (report.moved, "in another mailbox", "in other mailboxes"),
        (
            report.reflagged,
            "flagged here and not at the server yet",
            "flagged here and not at the server yet",
        ),
        (report.strangers, "file of a reader", "files of readers"),
        (report.unfinished, "file in tmp", "files in tmp"),
        (
            report.misnamed,
            "not what its name tells",
            "not what their names tell",
        ),
    ];
    let good = count(report.good, "message is good", "messages are good");
    let said = parts.into_iter().filter(|(number, ..)| *number > 0);
    let said = said.map(|(number, one, many)| count(number, one, many));
    let all: Vec<String> = std::iter::once(format!("{good}, {}", octets(report.octets)))
        .chain(said)
        .collect();
    all.join("; ")
}

fn at_server(server: &ServerReport) -> String {
    let parts = [
        (server.unknown, "not fetched yet", "not fetched yet"),
        (server.gone, "gone there", "gone there"),
        (server.reflagged, "with other flags", "with other flags"),
        (
            server.renumbered,
            "mailbox renumbered",
            "mailboxes renumbered",
        ),
        (server.refused, "mailbox not shown", "mailboxes not shown"),
    ];
    let same = count(
        server.same,
        "message is on the server",
        "messages are on the server",
    );
    let said = parts.into_iter().filter(|(number, ..)| *number > 0);
    let said = said.map(|(number, one, many)| count(number, one, many));
    let all: Vec<String> = std::iter::once(same).chain(said).collect();
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::account::AccountName;
    use postrider_core::fault::Fault;
    use postrider_engine::{Finding, FindingKind};

    fn outcome(healed: bool) -> VerifyOutcome {
        let finding = Finding {
            kind: FindingKind::Missing,
            mailbox: "INBOX".to_owned(),
            path: "/m/INBOX/cur/x:2,S".into(),
            healed,
        };
        VerifyOutcome {
            account: AccountName::parse("home").unwrap(),
            result: Ok(VerifyReport {
                good: 2,
                octets: 2_048,
                findings: vec![finding],
                faults: u64::from(!healed),
                strangers: 1,
                ..VerifyReport::default()
            }),
        }
    }

    #[test]
    fn what_is_wrong_has_a_line_and_ends_with_74() {
        assert_eq!(
            told(&outcome(false)).unwrap(),
            "home: INBOX: missing: /m/INBOX/cur/x:2,S\n\
             home: 2 messages are good, 2.0 KiB; 1 wrong; 1 file of a reader"
        );
        let error = wrong(outcome(false), false).unwrap();
        assert_eq!(error.fault(), Fault::LocalIo);
        assert!(error.hint().unwrap().contains("--repair"));
    }

    #[test]
    fn a_lost_index_is_told_in_one_line_and_a_pass_makes_it_anew() {
        let mut lost = outcome(false);
        let report = lost.result.as_mut().unwrap();
        (report.unindexed, report.unlisted, report.good) = (true, 1, 0);
        assert_eq!(
            told(&lost).unwrap(),
            "home: the index knows nothing of this account, and its mail tree has 1 file of our making\n\
             home: 0 messages are good, 2.0 KiB; 1 wrong; 1 file of a reader"
        );
        for repaired in [false, true] {
            let hint = wrong(outcome(false), repaired).and_then(|error| error.hint());
            assert_eq!(hint.is_some(), !repaired, "a repair was tried: {hint:?}");
        }
        let hint = wrong(lost, true).unwrap().hint().unwrap();
        assert!(hint.contains("postrider sync home"), "{hint}");
    }

    #[test]
    fn what_was_healed_is_told_and_no_fault() {
        let told = told(&outcome(true)).unwrap();
        assert!(
            told.contains("missing (healed)") && told.contains("1 healed"),
            "{told}"
        );
        assert!(wrong(outcome(true), true).is_none());
    }
}
