//! `auth` and `oauth2`.

use super::*;
use postrider_core::oauth2::{AuthorizationServer, Provider, TokenSource};

/// An account with `oauth2` in place of a password, and these lines besides.
fn by_token(oauth2: &str, lines: &str) -> String {
    let with = account(lines);
    with.replace("password: {env: PW}", &format!("oauth2: {oauth2}"))
}

fn server(yaml: &str) -> AuthorizationServer {
    let mut config = accepted(yaml);
    let account = config.accounts.remove(0);
    assert_eq!(account.auth, AuthChoice::OAuth2);
    match account.password {
        PasswordSource::Token(TokenSource::Server(server)) => *server,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_provider_is_known_and_its_keys_may_be_replaced() {
    let google = server(&by_token("{provider: google, client_id: id}", ""));
    assert_eq!(google.provider, Some(Provider::Google));
    assert_eq!(google.scopes, ["https://mail.google.com/"]);
    assert_eq!(google.device_url, None);
    assert_eq!(google.client_secret, None);
    let file = "/home/ada/.local/state/postrider/oauth/home.json";
    assert_eq!(google.token_file, Path::new(file));
    let lines = "protocol: pop3\nca_file: /ca.pem\nauth: oauth2";
    let text = "{provider: microsoft, client_id: id, scope: a  b, auth_url: \"https://h/a\", client_secret: {env: S}}";
    let microsoft = server(&by_token(text, lines));
    assert!(microsoft.token_url.contains("microsoftonline.com"));
    assert!(microsoft.device_url.is_some());
    assert_eq!(microsoft.scopes, ["a", "b"]);
    assert_eq!(microsoft.auth_url.as_deref(), Some("https://h/a"));
    assert_eq!(microsoft.ca_file.as_deref(), Some(Path::new("/ca.pem")));
    let secret = PasswordSource::Env("S".to_owned());
    assert_eq!(microsoft.client_secret, Some(secret));
    let usual = server(&by_token("{provider: microsoft, client_id: id}", lines));
    assert!(usual.scopes[0].ends_with("/POP.AccessAsUser.All"));
}

#[test]
fn another_server_and_another_program_will_do() {
    let own = "{client_id: id, token_url: \"https://h/t\", device_url: \"http://127.0.0.1:1/d\"}";
    let own = server(&by_token(own, ""));
    assert_eq!((own.provider, own.auth_url), (None, None));
    assert_eq!(own.scopes, Vec::<String>::new());
    let config = accepted(&by_token("{token_command: oama x}", ""));
    let command = TokenSource::Command("oama x".to_owned());
    assert_eq!(config.accounts[0].password, PasswordSource::Token(command));
}

#[test]
fn what_is_wrong_with_oauth2_is_said() {
    for (oauth2, said) in [
        (
            "{provider: gogle, client_id: id}",
            "`provider` cannot be `gogle`; it is one of `google`, `microsoft`",
        ),
        ("{provider: google}", "`oauth2` has no `client_id`"),
        (
            "{client_id: id}",
            "`oauth2` wants a `provider`, or `token_url`",
        ),
        (
            "{client_id: id, token_url: \"https://h/\"}",
            "`oauth2` wants a `provider`, or `token_url`",
        ),
        (
            "{client_id: id, token_url: \"http://h/\", auth_url: \"https://h/\"}",
            "`token_url` cannot be `http://h/`: tokens would travel in the clear",
        ),
        (
            "{client_id: id, token_url: \"https://h/\", auth_url: h}",
            "`auth_url` cannot be `h`: it is no address",
        ),
        ("{provider: google, client: id}", "unknown key `client`"),
        (
            "{token_command: x, client_id: id}",
            "with `token_command`, `oauth2` has no other key",
        ),
        (
            "{provider: google, client_id: id, client_secret: {comand: x}}",
            "unknown key in `password`",
        ),
        ("google", "`oauth2` wants a mapping"),
    ] {
        let said_really = refused(&by_token(oauth2, ""));
        assert!(said_really.contains(said), "{oauth2}: {said_really}");
    }
}

#[test]
fn a_client_secret_is_a_secret() {
    let yaml = by_token(
        "{provider: google, client_id: id, client_secret: hunter2}",
        "",
    );
    let error = read_with(yaml.as_bytes(), 0o644).unwrap_err().to_string();
    assert!(error.contains("others can read the file"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let config = read_with(yaml.as_bytes(), 0o600).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn every_mechanism_has_its_word_and_its_conditions() {
    for (word, protocol, choice) in [
        ("auto", "imap", AuthChoice::Auto),
        ("plain", "imap", AuthChoice::Plain),
        ("login", "pop3", AuthChoice::Login),
        ("cram-md5", "imap", AuthChoice::CramMd5),
        ("scram-sha-1", "pop3", AuthChoice::ScramSha1),
        ("scram-sha-256", "imap", AuthChoice::ScramSha256),
        ("apop", "pop3", AuthChoice::Apop),
    ] {
        let lines = format!("auth: {word}\nprotocol: {protocol}");
        assert_eq!(accepted(&account(&lines)).accounts[0].auth, choice);
    }
    let without = |lines| account(lines).replace("    password: {env: PW}\n", "");
    let external = without("auth: external\nclient_cert: /c.pem\nclient_key: /k.pem");
    let external = accepted(&external);
    assert_eq!(external.accounts[0].password, PasswordSource::Absent);
    let google = "{provider: google, client_id: id}";
    for (yaml, said) in [
        (account("auth: apop"), "`auth: apop` is for POP3 accounts"),
        (
            account("auth: apop\nprotocol: pop3\ntls: starttls"),
            "the greeting could be anybody's",
        ),
        (account("auth: external"), "there is no `password`"),
        (without("auth: external"), "wants `client_cert` and"),
        (account("auth: oauth2"), "wants `oauth2`, not a `password`"),
        (
            account("auth: oauth2").replace("    password: {env: PW}\n", ""),
            "wants `oauth2`: which server",
        ),
        (
            account("oauth2: {token_command: x}"),
            "a `password` or `oauth2`, and not both",
        ),
        (
            by_token(google, "auth: plain"),
            "with `oauth2`, `auth` is `oauth2` or not there",
        ),
        (
            account("").replace("    password: {env: PW}\n", ""),
            "account `home` has no `password`",
        ),
        (account("auth: anonymous"), "`auth` cannot be `anonymous`"),
        #[cfg(feature = "gssapi")]
        (account("auth: gssapi"), "lets a Kerberos ticket speak"),
        #[cfg(feature = "gssapi")]
        (
            by_token(google, "auth: gssapi"),
            "lets a Kerberos ticket speak",
        ),
        #[cfg(feature = "gssapi")]
        (
            "accounts:\n  home: {tunnel: x, user: ada, auth: gssapi}\n".to_owned(),
            "`auth: gssapi` wants `host`",
        ),
    ] {
        let really = refused(&yaml);
        assert!(really.contains(said), "{said}: {really}");
    }
}

#[cfg(feature = "gssapi")]
#[test]
fn a_ticket_takes_the_place_of_a_password() {
    let config = accepted(&account("auth: gssapi").replace("    password: {env: PW}\n", ""));
    assert_eq!(config.accounts[0].auth, AuthChoice::Gssapi);
    assert_eq!(config.accounts[0].password, PasswordSource::Absent);
}

#[cfg(not(feature = "gssapi"))]
#[test]
fn a_binary_without_gssapi_says_how_to_have_it() {
    let said = refused(&account("auth: gssapi").replace("    password: {env: PW}\n", ""));
    assert!(
        said.contains("this postrider was built without GSSAPI"),
        "{said}"
    );
    assert!(said.contains("--features gssapi"), "{said}");
}

#[test]
fn what_an_account_has_itself_comes_before_the_defaults() {
    let both = "defaults:\n  oauth2: {token_command: x}\n  host: h\n  user: u\naccounts:\n  \
                a: {}\n  b: {password: {env: PW}}\n";
    let config = accepted(both);
    assert_eq!(config.accounts[0].auth, AuthChoice::OAuth2);
    assert_eq!(config.accounts[1].auth, AuthChoice::Auto);
    let default = "defaults: {password: {env: PW}}\naccounts:\n  a: {host: h, user: u, oauth2: {token_command: x}}\n";
    assert_eq!(accepted(default).accounts[0].auth, AuthChoice::OAuth2);
}
