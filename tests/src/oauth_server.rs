//! An authorization server for tests: pages, codes, tokens that rotate, introspection for a real mail server,
//! and failures to order. It remembers every secret that it gave, so that a test can look for them.
//!
//! No crate of the registry is one: those that are servers are whole identity providers.

mod grants;
mod request;

use grants::Grants;
use request::{Answer, Request, field};
use serde_json::json;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use request::fetch;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running authorization server on loopback. It ends with the test's process.
#[derive(Debug)]
pub struct OAuthServer {
    port: u16,
    desk: Arc<Desk>,
}

/// What the next request for tokens meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// An answer of this status, and no JSON.
    Status(u16),
    /// The refresh token counts for nothing.
    InvalidGrant,
    /// Nothing happens, and nobody answers: the client is left waiting until it is gone.
    Silence,
    /// The tokens are changed, and the line breaks before they are told.
    Lost,
}

#[derive(Debug, Default)]
struct Desk {
    grants: Mutex<Grants>,
    changed: Condvar,
}

impl Desk {
    fn grants(&self) -> MutexGuard<'_, Grants> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OAuthServer {
    /// Starts one whose access tokens live for so many seconds. The person who asks is `user`.
    #[must_use]
    pub fn start(user: &str, life_s: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("an address").port();
        let desk = Arc::new(Desk::default());
        {
            let mut grants = desk.grants();
            grants.life_s = life_s;
            user.clone_into(&mut grants.user);
        }
        let behind = Arc::clone(&desk);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let desk = Arc::clone(&behind);
                std::thread::spawn(move || {
                    request::serve(stream, |request| answer(&desk, request));
                });
            }
        });
        Self { port, desk }
    }

    /// The value of `oauth2` for an account.
    #[must_use]
    pub fn yaml(&self) -> String {
        let at = format!("http://127.0.0.1:{}", self.port);
        format!(
            "{{client_id: postrider, auth_url: \"{at}/authorize\", token_url: \"{at}/token\", \
             device_url: \"{at}/device\", scope: mail}}"
        )
    }

    /// Lines for Dovecot's configuration that let it ask this server about tokens; their file lies in `dir`.
    #[must_use]
    pub fn dovecot_lines(&self, dir: &Path) -> String {
        let file = dir.join("oauth2.conf.ext");
        let text = format!(
            "introspection_mode = post\nintrospection_url = http://127.0.0.1:{}/introspect\n\
             username_attribute = username\nactive_attribute = active\nactive_value = true\n\
             force_introspection = yes\ntimeout_msecs = 30000\n",
            self.port
        );
        std::fs::write(&file, text).expect("a writable directory");
        format!(
            "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {{\n  driver = oauth2\n  \
             mechanisms = xoauth2 oauthbearer\n  args = {}\n}}",
            file.display()
        )
    }

    /// The next request for tokens meets this; several are met in their order.
    pub fn trouble(&self, trouble: Trouble) {
        self.desk.grants().troubles.push_back(trouble);
    }

    /// Whether a person has typed the codes of devices.
    pub fn approve_devices(&self, approved: bool) {
        self.desk.grants().approves_devices = approved;
    }

    /// No access token given so far is good any more; refresh tokens are.
    pub fn revoke_access(&self) {
        self.desk.grants().access.clear();
    }

    /// The person has taken everything back.
    pub fn revoke_all(&self) {
        let mut grants = self.desk.grants();
        grants.access.clear();
        grants.refresh = None;
    }

    /// An access token, as another program would get it.
    #[must_use]
    pub fn access_token(&self) -> String {
        self.desk.grants().new_access()
    }

    /// How often tokens were asked for.
    #[must_use]
    pub fn token_requests(&self) -> usize {
        self.desk.grants().token_requests
    }

    /// Waits until tokens were asked for so often.
    ///
    /// # Panics
    /// When they are not.
    pub fn await_token_requests(&self, wanted: usize) {
        let grants = self.desk.grants();
        let asked = |grants: &mut Grants| grants.token_requests < wanted;
        let waited = self
            .desk
            .changed
            .wait_timeout_while(grants, PATIENCE, asked);
        let (grants, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(grants.token_requests >= wanted, "{}", grants.token_requests);
    }

    /// Every token, code and verifier that was ever given or shown.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.desk.grants().secrets.clone()
    }
}

fn answer(desk: &Desk, request: &Request) -> Answer {
    match request.path.as_str() {
        "/authorize" => desk.grants().authorize(&request.query),
        "/device" => desk.grants().device(),
        "/introspect" => {
            let token = field(&request.body, "token");
            Answer::json(200, &desk.grants().introspect(&token))
        }
        "/token" => {
            let mut grants = desk.grants();
            grants.token_requests += 1;
            desk.changed.notify_all();
            let trouble = grants.troubles.pop_front();
            match trouble {
                Some(Trouble::Status(status)) => Answer::text(status, "no"),
                Some(Trouble::InvalidGrant) => {
                    let error = json!({"error": "invalid_grant", "error_description": "revoked"});
                    Answer::json(400, &error)
                }
                Some(Trouble::Silence) => Answer::Silence,
                Some(Trouble::Lost) => {
                    drop(grants.tokens(&request.body));
                    Answer::HangUp
                }
                None => grants.tokens(&request.body),
            }
        }
        _ => Answer::text(404, "there is nothing here"),
    }
}
