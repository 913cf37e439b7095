use super::*;

fn refusal(code: Option<Code>, text: &str) -> Refusal {
    Refusal {
        code,
        text: text.to_owned(),
        bad: false,
    }
}

/// A code, a text, and what they mean for a login, for another command, and in a BYE.
const MEANINGS: [(Option<Code>, &str, Fault, Fault, Fault); 18] = {
    use Fault::{Auth, Throttled, Unreachable};
    [
        (None, "LOGIN failed.", Auth, Unreachable, Unreachable),
        (Some(Code::InUse), "", Throttled, Throttled, Throttled),
        (Some(Code::Limit), "", Throttled, Throttled, Throttled),
        (Some(Code::OverQuota), "", Throttled, Throttled, Throttled),
        (Some(Code::Throttled), "", Throttled, Throttled, Throttled),
        (
            Some(Code::Unavailable),
            "",
            Unreachable,
            Unreachable,
            Unreachable,
        ),
        (
            Some(Code::ServerBug),
            "",
            Unreachable,
            Unreachable,
            Unreachable,
        ),
        (
            Some(Code::AuthenticationFailed),
            "",
            Auth,
            Unreachable,
            Auth,
        ),
        (Some(Code::AuthorizationFailed), "", Auth, Auth, Auth),
        (Some(Code::Expired), "", Auth, Unreachable, Auth),
        // Words say more than no code, or one that says something else.
        (
            Some(Code::Alert),
            "Too many simultaneous connections. (Failure)",
            Throttled,
            Throttled,
            Throttled,
        ),
        (
            Some(Code::Unavailable),
            "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
            Throttled,
            Throttled,
            Throttled,
        ),
        (
            None,
            "Request is throttled. Suggested Backoff Time: 299923 milliseconds",
            Throttled,
            Throttled,
            Throttled,
        ),
        (
            None,
            "User is authenticated but not connected.",
            Unreachable,
            Unreachable,
            Unreachable,
        ),
        (
            Some(Code::Alert),
            "Web login required (Failure)",
            Auth,
            Auth,
            Auth,
        ),
        (
            None,
            "Service temporarily unavailable",
            Unreachable,
            Unreachable,
            Unreachable,
        ),
        // A code that says that the password is wrong is believed whatever the words say.
        (
            Some(Code::AuthenticationFailed),
            "Too many login failures",
            Auth,
            Throttled,
            Auth,
        ),
        (
            Some(Code::AuthorizationFailed),
            "rate limit",
            Auth,
            Auth,
            Auth,
        ),
    ]
};

#[test]
fn codes_and_words_decide_what_a_refusal_means() {
    for (code, text, login, command, bye) in MEANINGS {
        let refusal = refusal(code.clone(), text);
        assert_eq!(refusal.login_fault(), login, "login: {refusal:?}");
        assert_eq!(refusal.fault(), command, "command: {refusal:?}");
        let text = text.to_owned();
        let goodbye = ImapError::Bye { text, code };
        assert_eq!(goodbye.fault(), bye, "{goodbye:?}");
    }
}

#[test]
fn a_throttle_is_one_whatever_the_verdict() {
    let text = "Request is throttled. Suggested Backoff Time: 299923 milliseconds";
    let mut refusal = refusal(None, text);
    assert!(refusal.is_throttle());
    refusal.bad = true;
    assert!(refusal.is_throttle());
    assert_eq!(refusal.fault(), Fault::Throttled);
    let wait = refusal.wish().and_then(|wish| wish.wait);
    assert_eq!(wait, Some(Duration::from_millis(299_923)));
    let refused = ImapError::Refused {
        command: "to go on",
        refusal,
    };
    assert!(refused.hint().is_some());
}

#[test]
fn what_is_about_one_message_or_the_credentials_is_no_throttle() {
    for (code, text) in [
        (None, "Message 17 cannot be read"),
        (Some(Code::OverQuota), "mailbox is full"),
        (Some(Code::Limit), "too many flags"),
        (Some(Code::Unavailable), "Service temporarily unavailable"),
        (Some(Code::AuthenticationFailed), "too many login failures"),
    ] {
        assert!(!refusal(code, text).is_throttle(), "{text}");
    }
}

#[test]
fn whoever_is_sent_away_for_a_reason_does_not_come_back_at_once() {
    let bye = |text: &str| ImapError::Bye {
        text: text.to_owned(),
        code: None,
    };
    assert!(bye("Disconnected for inactivity").ends_talk());
    assert!(!bye("Too many connections").ends_talk());
}
