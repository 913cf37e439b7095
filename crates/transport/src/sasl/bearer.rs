//! What a server says to a token that it does not take: JSON in base64 (RFC 7628 §3.2.2; Google's and
//! Microsoft's XOAUTH2 has the same).

use crate::escape::escape_server_text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The longest error, in octets of base64.
const LONGEST: usize = 8192;

/// How much of one word is shown.
const SHOWN: usize = 200;

/// The server's reasons in words; `None`: it gave none that can be read.
pub(super) fn reasons(challenge_base64: &str) -> Option<String> {
    if challenge_base64.len() > LONGEST {
        return None;
    }
    let octets = STANDARD.decode(challenge_base64).ok()?;
    let error: Value = serde_json::from_slice(&octets).ok()?;
    let field = |name: &str| {
        let text = match error.get(name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let shown = escape_server_text(&text);
        Some(shown.chars().take(SHOWN).collect::<String>())
    };
    let status = field("status").map(|status| meaning(&status));
    let scope = field("scope").filter(|scope| !scope.is_empty());
    let scope = scope.map(|scope| format!("it wants the scope {scope}"));
    let words: Vec<String> = [status, scope].into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// RFC 6750 §3.1 and HTTP's numbers, which Google and Microsoft send.
fn meaning(status: &str) -> String {
    let meaning = match status {
        "invalid_token" | "401" | "400" => "the access token is not good or has ended",
        "insufficient_scope" | "403" => "the access token does not allow this",
        "invalid_request" => "the request was not understood",
        _ => return format!("status {status}"),
    };
    format!("{meaning} (status {status})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> Option<String> {
        reasons(&STANDARD.encode(json))
    }

    #[test]
    fn a_server_s_reasons_are_told_in_words() {
        let google =
            r#"{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}"#;
        assert_eq!(
            said(google).unwrap(),
            "the access token is not good or has ended (status 401), it wants the scope https://mail.google.com/"
        );
        let said_more = said(r#"{"status":"odd\u001b[2J","scope":1}"#).unwrap();
        assert_eq!(said_more, "status odd\\u{1b}[2J, it wants the scope 1");
        assert_eq!(said("{}"), None);
        assert_eq!(said("[]"), None);
        assert_eq!(reasons("%"), None);
        assert_eq!(reasons(&"A".repeat(10_000)), None);
    }
}
