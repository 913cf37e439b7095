//! What was granted to whom, and the proofs that are wanted for it.

use super::Trouble;
use super::request::{Answer, encoded, field};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// How much longer than it says a token is good.
const GRACE: Duration = Duration::from_secs(120);

/// The state of the server.
#[derive(Debug, Default)]
pub(super) struct Grants {
    pub(super) user: String,
    pub(super) life_s: u64,
    pub(super) approves_devices: bool,
    pub(super) troubles: VecDeque<Trouble>,
    pub(super) token_requests: usize,
    /// Access tokens with their ends.
    pub(super) access: BTreeMap<String, Instant>,
    /// The one refresh token that is good: each is good once (RFC 9700 §4.14.2).
    pub(super) refresh: Option<String>,
    pub(super) secrets: Vec<String>,
    /// Codes with the challenge (RFC 7636) and the address that they were given for.
    codes: BTreeMap<String, (String, String)>,
    polls: usize,
    number: usize,
}

impl Grants {
    /// Something that nobody guesses and every log can be searched for.
    fn secret(&mut self, kind: &str) -> String {
        self.number += 1;
        let secret = format!("{kind}-{}-{}", self.number, "Zx9".repeat(7));
        self.secrets.push(secret.clone());
        secret
    }

    pub(super) fn new_access(&mut self) -> String {
        let token = self.secret("access");
        // Longer than is told: what a slow machine takes must not decide a test.
        let ends = Instant::now() + Duration::from_secs(self.life_s) + GRACE;
        self.access.insert(token.clone(), ends);
        token
    }

    /// The person says yes at once.
    pub(super) fn authorize(&mut self, query: &str) -> Answer {
        let challenge = field(query, "code_challenge");
        let redirect = field(query, "redirect_uri");
        let sound = field(query, "client_id") == "postrider"
            && field(query, "response_type") == "code"
            && field(query, "code_challenge_method") == "S256"
            && challenge.len() == 43;
        if !sound {
            return Answer::text(400, "that is no question");
        }
        let code = self.secret("code");
        self.codes
            .insert(code.clone(), (challenge, redirect.clone()));
        let state = encoded(&field(query, "state"));
        Answer::Redirect(format!("{redirect}?code={code}&state={state}"))
    }

    pub(super) fn device(&mut self) -> Answer {
        let device_code = self.secret("device");
        self.polls = 0;
        let answer = json!({
            "device_code": device_code,
            "user_code": "WDJB-MJHT",
            "verification_uri": "https://login.example.org/device",
            "verification_uri_complete": "https://login.example.org/device?code=WDJB-MJHT",
            "expires_in": 600,
            "interval": 1,
        });
        Answer::json(200, &answer)
    }

    pub(super) fn introspect(&self, token: &str) -> Value {
        let ends = self.access.get(token);
        match ends {
            Some(ends) if *ends > Instant::now() => {
                json!({"active": true, "username": self.user, "scope": "mail"})
            }
            _ => json!({"active": false}),
        }
    }

    /// RFC 6749 §4.1.3 and §6, RFC 8628 §3.4.
    pub(super) fn tokens(&mut self, body: &str) -> Answer {
        let refused = |error: &str| Answer::json(400, &json!({ "error": error }));
        let good = match field(body, "grant_type").as_str() {
            "authorization_code" => self.redeems(body),
            "refresh_token" => {
                let shown = field(body, "refresh_token");
                let good = self.refresh.as_deref() == Some(&shown);
                if !good {
                    // Somebody shows an old one: nobody knows who is who any more.
                    self.refresh = None;
                }
                good
            }
            "urn:ietf:params:oauth:grant-type:device_code" => {
                self.polls += 1;
                if !self.secrets.contains(&field(body, "device_code")) {
                    return refused("expired_token");
                }
                // The first poll always finds a person who is still typing.
                if self.polls < 2 {
                    return refused("authorization_pending");
                }
                if !self.approves_devices {
                    return refused("access_denied");
                }
                true
            }
            _ => return refused("unsupported_grant_type"),
        };
        if !good {
            return refused("invalid_grant");
        }
        let (access, refresh) = (self.new_access(), self.secret("refresh"));
        self.refresh = Some(refresh.clone());
        let answer = json!({
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": self.life_s,
            "refresh_token": refresh,
            "scope": "mail",
        });
        Answer::json(200, &answer)
    }

    /// Whether the code is one, shown once, by whoever asked for it.
    fn redeems(&mut self, body: &str) -> bool {
        let Some((challenge, redirect)) = self.codes.remove(&field(body, "code")) else {
            return false;
        };
        let verifier = field(body, "code_verifier");
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        self.secrets.push(verifier);
        digest == challenge && field(body, "redirect_uri") == redirect
    }
}
