//! A server that offers only weaker ways to log in than last time: somebody may have changed it, or may sit in
//! front of it. Under TLS nobody is refused for that, and nobody is left unaware of it.

use crate::context::Account;
use crate::error::EngineError;
use crate::events;
use postrider_index::{Index, KnownCapabilities};
use postrider_transport::sasl::Strength;

/// What a mechanism is called among capabilities (RFC 9051 §7.2.2).
const PREFIX: &str = "AUTH=";

/// Compares what an IMAP server could do before the login with what it can do now, both as it said.
pub(crate) fn compare(account: &str, before: &[String], now: &[String]) {
    let (Some(before), Some(now)) = (strength(before), strength(now)) else {
        return;
    };
    if now < before {
        events::LoginWeakened {
            account,
            was: before.as_str(),
            now: now.as_str(),
            hint: "if the server's operator did not change it, somebody may sit in front of it; `auth: scram-sha-256` \
                refuses what is weaker",
        }
        .emit();
    }
}

/// Of a list of capabilities; `None`: it says nothing, and so nothing of that.
fn strength(words: &[String]) -> Option<Strength> {
    let mechanism = |word: &String| {
        let prefix = word.get(..PREFIX.len())?;
        let is_one = prefix.eq_ignore_ascii_case(PREFIX);
        is_one.then(|| word.get(PREFIX.len()..).map(str::to_owned))?
    };
    let offered: Vec<String> = words.iter().filter_map(mechanism).collect();
    (!words.is_empty()).then(|| Strength::of(&offered))
}

/// The same for a POP3 server, which offers these mechanisms; they are remembered for the next time.
pub(crate) async fn compare_pop3(account: &Account, offered: &[String]) -> Result<(), EngineError> {
    let words: Vec<String> = offered.iter().map(|it| format!("{PREFIX}{it}")).collect();
    let (id, index) = (account.id, &account.shared.index);
    let known = index.call(move |index| index.capabilities(id)).await?;
    compare(account.log_name(), &known.greeting, &words);
    if known.greeting == words {
        return Ok(());
    }
    let known = KnownCapabilities {
        greeting: words,
        session: Vec::new(),
    };
    let write = move |index: &mut Index| index.set_capabilities(id, &known);
    index.call(write).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_of_mechanisms_has_none_and_what_says_nothing_is_unknown() {
        let of = |words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            strength(&words)
        };
        assert_eq!(of(""), None);
        assert_eq!(of("IMAP4rev1"), Some(Strength::Shown));
        assert_eq!(of("IMAP4rev1 auth=scram-sha-1"), Some(Strength::Mutual));
        assert_eq!(
            of("AUTH=PLAIN AUTH=SCRAM-SHA-256-PLUS"),
            Some(Strength::Bound)
        );
        assert_eq!(of("\u{e4}\u{e4}\u{e4}"), Some(Strength::Shown));
    }
}
