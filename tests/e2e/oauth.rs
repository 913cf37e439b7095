//! OAuth2 from the first login to a token that is taken back: the built binary, an authorization server, and a
//! real Dovecot that asks it about every token (XOAUTH2 and OAUTHBEARER, IMAP and POP3).

use crate::real_servers::fill;
use postrider_tests::dovecot::Dovecot;
use postrider_tests::maildir::MaildirTree;
use postrider_tests::oauth_server::{OAuthServer, Trouble, fetch};
use postrider_tests::oracle::Oracle;
use postrider_tests::postrider::{Home, said};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};

/// A home with an account for each protocol, an authorization server, and a mail server with some mail.
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) oauth: OAuthServer,
    pub(crate) dovecot: Dovecot,
    _dir: tempfile::TempDir,
}

/// So many messages lie in ada's INBOX.
const MESSAGES: usize = 2;

impl Place {
    pub(crate) fn new(life_s: u64) -> Self {
        Self::with(life_s, "xoauth2 oauthbearer")
    }

    /// A mail server with these mechanisms for tokens.
    fn with(life_s: u64, mechanisms: &str) -> Self {
        let oauth = OAuthServer::start("ada", life_s);
        let dir = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir()
            .unwrap();
        let lines = oauth.dovecot_lines(dir.path());
        let lines = lines.replace(
            "login xoauth2 oauthbearer\n",
            &format!("login {mechanisms}\n"),
        );
        let dovecot = Dovecot::with_lines(&lines);
        let mut oracle = Oracle::login(dovecot.imap_port, "ada", Dovecot::PASSWORD);
        fill(&mut oracle, "INBOX", MESSAGES);
        let home = Home::new(&config(&dovecot, &oauth.yaml()));
        Self {
            home,
            oauth,
            dovecot,
            _dir: dir,
        }
    }

    pub(crate) fn token_file(&self, account: &str) -> std::path::PathBuf {
        let name = format!("state/oauth/{account}.json");
        self.home.path().join(name)
    }

    /// Logs in to the IMAP account with a code that a person types at once.
    pub(crate) fn log_in(&self) -> String {
        self.oauth.approve_devices(true);
        self.home.succeed(&["login", "home"])
    }

    fn stored(&self) -> usize {
        let tree = MaildirTree::read(self.home.path().join("Mail")).unwrap();
        tree.len()
    }

    /// Ends the test when a secret is in this text.
    pub(crate) fn assert_tells_no_secret(&self, text: &str) {
        for secret in self.oauth.secrets() {
            assert!(!text.contains(&secret), "{secret} in:\n{text}");
        }
        // What XOAUTH2 and OAUTHBEARER begin with, in base64.
        for begins in ["dXNlcj1hZGE", "bixhPWFkYS"] {
            assert!(!text.contains(begins), "{begins} in:\n{text}");
        }
    }
}

pub(crate) fn config(dovecot: &Dovecot, oauth2: &str) -> String {
    format!(
        "state_dir: {{home}}/state\nlog: {{format: json, level: trace}}\n\
         defaults:\n  host: localhost\n  ca_file: {}\n  poll: 1s\n  user: ada\n  oauth2: {oauth2}\n\
         accounts:\n  home: {{push: off, port: {}, maildir: \"{{home}}/Mail\"}}\n  \
         isp: {{protocol: pop3, port: {}, maildir: \"{{home}}/Maildir\", retention: keep}}\n",
        dovecot.ca_file.display(),
        dovecot.imaps_port,
        dovecot.pop3s_port,
    )
}

/// The first address of a page of the authorization server that a login prints.
fn page_of(login: &mut Child) -> String {
    let stdout = login.stdout.as_mut().expect("stdout is piped");
    let mut lines = BufReader::new(stdout).lines();
    let found = lines.find_map(|line| {
        let line = line.expect("text");
        line.trim()
            .starts_with("http://")
            .then(|| line.trim().to_owned())
    });
    found.expect("an address")
}

fn spawn(home: &Home, arguments: &[&str]) -> Child {
    let mut command = home.command(arguments);
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    spawned.expect("the binary runs")
}

/// Waits for the end, and expects this status; what was said on stderr.
fn ended(mut child: Child, status: i32) -> String {
    drop(child.stdin.take());
    let mut errors = String::new();
    let stderr = child.stderr.as_mut().expect("stderr is piped");
    stderr.read_to_string(&mut errors).expect("text");
    let ended = child.wait().expect("it ends");
    assert_eq!(ended.code(), Some(status), "{errors}");
    errors
}

#[test]
fn a_code_lets_both_protocols_in_and_the_tokens_are_nobody_elses() {
    for mechanisms in ["xoauth2", "oauthbearer"] {
        let place = Place::with(3600, mechanisms);
        let output = place.home.run(&["sync"]);
        assert_eq!(output.status.code(), Some(77), "{}", said(&output));
        assert!(
            said(&output).contains("postrider login home"),
            "{}",
            said(&output)
        );
        assert_eq!(
            place.oauth.token_requests(),
            0,
            "there was nothing to ask with"
        );
        let told = place.log_in();
        assert!(told.contains("WDJB-MJHT"), "{told}");
        assert!(told.contains("https://login.example.org/device"), "{told}");
        place.home.succeed(&["login", "isp"]);
        let synced = place.home.succeed(&["sync"]);
        assert_eq!(place.stored(), MESSAGES, "{synced}");
        assert_eq!(place.home.count("select count(*) from messages"), 2 * 2);
        let checked = place.home.succeed(&["check"]);
        for text in [told, synced, checked] {
            place.assert_tells_no_secret(&text);
        }
        let log = place.dovecot.log();
        let method = format!("method={}", mechanisms.to_uppercase());
        for protocol in ["imap-login", "pop3-login"] {
            let line = log
                .lines()
                .find(|line| line.contains(protocol) && line.contains(&method));
            assert!(line.is_some(), "{protocol} {method}:\n{log}");
        }
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        let file = place.token_file("home");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().unwrap()), 0o700);
    }
}

#[test]
fn a_person_who_says_no_lets_nobody_in() {
    let place = Place::new(3600);
    let output = place.home.run(&["login", "home"]);
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
    assert!(
        said(&output).contains("the person said no"),
        "{}",
        said(&output)
    );
    assert!(!place.token_file("home").exists());
}

#[test]
fn the_browser_on_this_machine_brings_the_code() {
    let place = Place::new(3600);
    let mut login = spawn(&place.home, &["login", "home", "--browser"]);
    let page = page_of(&mut login);
    let (status, back) = fetch(&page);
    assert_eq!(status, 302);
    let back = back.unwrap();
    // Somebody else's answer ends nothing.
    let (status, _) = fetch(&back.replace("state=", "state=x"));
    assert_eq!(status, 400);
    assert_eq!(fetch(&back).0, 200);
    place.assert_tells_no_secret(&ended(login, 0));
    place.home.succeed(&["sync", "home"]);
    assert_eq!(place.stored(), MESSAGES);
}

#[test]
fn on_a_machine_without_a_browser_the_address_is_pasted() {
    let place = Place::new(3600);
    for whole in [true, false] {
        let mut login = spawn(&place.home, &["login", "home", "--paste"]);
        let back = fetch(&page_of(&mut login)).1.unwrap();
        let code = back
            .split("code=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap();
        let pasted = if whole { back.as_str() } else { code };
        let stdin = login.stdin.as_mut().unwrap();
        stdin.write_all(format!("{pasted}\n").as_bytes()).unwrap();
        place.assert_tells_no_secret(&ended(login, 0));
    }
    place.home.succeed(&["sync", "home"]);
    assert_eq!(place.stored(), MESSAGES);
    // An answer to somebody else's question is none to ours.
    let mut login = spawn(&place.home, &["login", "home", "--paste"]);
    let back = fetch(&page_of(&mut login)).1.unwrap();
    let stdin = login.stdin.as_mut().unwrap();
    let forged = back.replace("state=", "state=x");
    stdin.write_all(format!("{forged}\n").as_bytes()).unwrap();
    let errors = ended(login, 77);
    assert!(errors.contains("another question"), "{errors}");
    // Nothing at all is no code.
    let mut login = spawn(&place.home, &["login", "home", "--paste"]);
    page_of(&mut login);
    assert!(ended(login, 77).contains("before anything was pasted"));
}

#[test]
fn a_token_that_the_mail_server_refuses_is_replaced_once() {
    let place = Place::new(3600);
    place.log_in();
    place.home.succeed(&["sync", "home"]);
    let asked = place.oauth.token_requests();
    place.oauth.revoke_access();
    place.home.succeed(&["sync", "home"]);
    assert_eq!(place.oauth.token_requests(), asked + 1);
    // A mail server that takes none, however new: one more try, and no third.
    place
        .home
        .configure(&config(&place.dovecot, &place.oauth.yaml()).replace("user: ada", "user: bob"));
    let output = place.home.run(&["sync", "home"]);
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
    assert_eq!(place.oauth.token_requests(), asked + 2);
    place.assert_tells_no_secret(&said(&output));
}

#[test]
fn what_passes_by_itself_is_unreachable_and_costs_no_token() {
    let place = Place::new(0);
    place.log_in();
    place.oauth.trouble(Trouble::Status(503));
    let output = place.home.run(&["sync", "home"]);
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
    assert!(
        !said(&output).contains("postrider login"),
        "{}",
        said(&output)
    );
    place.oauth.trouble(Trouble::Status(429));
    let output = place.home.run(&["sync", "home"]);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    // The next token lives long enough to be used.
    let good = Place::new(3600);
    good.log_in();
    good.oauth.revoke_access();
    good.oauth.trouble(Trouble::Status(500));
    assert_eq!(good.home.run(&["sync", "home"]).status.code(), Some(69));
    good.home.succeed(&["sync", "home"]);
    assert_eq!(good.stored(), MESSAGES);
}

#[test]
fn another_program_may_keep_the_tokens() {
    let place = Place::new(3600);
    let token = place.home.path().join("token");
    std::fs::write(&token, place.oauth.access_token()).unwrap();
    let command = format!("{{token_command: \"cat {}\"}}", token.display());
    let config = config(&place.dovecot, &command);
    place.home.configure(&config);
    let synced = place.home.succeed(&["sync"]);
    assert_eq!(place.stored(), MESSAGES);
    place.assert_tells_no_secret(&synced);
    // One that has ended is asked for again once.
    place.oauth.revoke_access();
    let output = place.home.run(&["sync", "home"]);
    assert_eq!(output.status.code(), Some(77), "{}", said(&output));
    assert!(
        said(&output).contains("the access token is not good"),
        "{}",
        said(&output)
    );
    place.assert_tells_no_secret(&said(&output));
    let output = place.home.run(&["login", "home"]);
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
}
