//! `tunnel` and `proxy`: what they leave out, what they rule out, and that no secret is shown.

use super::*;
use postrider_core::way::Way;

fn imap(lines: &str) -> String {
    format!("accounts:\n  home:\n{lines}    maildir: /m\n")
}

#[test]
fn a_tunnel_may_know_us_already() {
    let config = accepted(&imap("    tunnel: ssh h imap\n"));
    let home = &config.accounts[0];
    assert_eq!(home.server.way, Way::Tunnel("ssh h imap".to_owned()));
    assert_eq!(
        (home.server.tls, home.server.host.as_str()),
        (TlsMode::None, "")
    );
    assert_eq!(
        (home.user.as_str(), &home.password),
        ("", &PasswordSource::Absent)
    );
    let config = accepted(&imap(
        "    tunnel: x\n    user: ada\n    password: {env: PW}\n",
    ));
    assert_eq!(config.accounts[0].user, "ada");
}

#[test]
fn what_a_tunnel_still_needs_is_said() {
    for (lines, said) in [
        (
            "    tunnel: x\n    user: ada\n",
            "2:3: account `home` has no `password`",
        ),
        (
            "    tunnel: x\n    password: {env: PW}\n",
            "2:3: account `home` has no `user`",
        ),
        (
            "    tunnel: x\n    tls: implicit\n",
            "2:3: account `home` has no `host`",
        ),
        (
            "    tunnel: x\n    port: 143\n",
            "4:11: `port` says nothing here: the command of `tunnel` makes the connection",
        ),
        (
            "    tunnel: x\n    protocol: pop3\n",
            "2:3: account `home` has no `user`\n2:3: account `home` has no `password`",
        ),
        ("    tunnel:\n", "3:11: `tunnel` wants text"),
    ] {
        assert_eq!(refused(&imap(lines)), said, "{lines}");
    }
}

#[test]
fn an_account_has_one_way() {
    let both = account("tunnel: x\nproxy: socks5://p:1\n");
    let said = "`tunnel` and `proxy` each make the connection; an account has one of them";
    assert!(refused(&both).ends_with(said));
    // What stands in the account counts for more than what stands under `defaults`.
    for (own, under) in [
        ("tunnel: x", "proxy: socks5://p:1"),
        ("proxy: socks5://p:1", "tunnel: x"),
    ] {
        let yaml = format!("defaults:\n  {under}\n{}", account(own));
        let way = &accepted(&yaml).accounts[0].server.way;
        assert_eq!(matches!(way, Way::Tunnel(_)), own.starts_with("tunnel"));
    }
}

#[test]
fn cleartext_by_a_proxy_stays_on_this_machine_only_with_both_ends() {
    let with = |host: &str, proxy: &str| {
        account(&format!("tls: none\nproxy: http://{proxy}:1\n"))
            .replace("host: imap.example.org", &format!("host: {host}"))
    };
    accepted(&with("127.0.0.1", "localhost"));
    for (host, proxy) in [("127.0.0.1", "p.example"), ("imap.example", "localhost")] {
        let said = refused(&with(host, proxy));
        assert!(
            said.contains("`tls: none` would send the password"),
            "{said}"
        );
    }
}

#[test]
fn a_proxys_password_is_nobody_elses_to_read_and_never_shown() {
    let yaml = account("proxy: socks5://ada:hunter2@p.example:1080\n");
    let error = read_with(yaml.as_bytes(), 0o644).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("a password stands here, and others can read the file"),
        "{said}"
    );
    assert_eq!(error.hint(), Some(format!("chmod 600 {FILE}")));
    assert!(!format!("{said} {error:?}").contains("hunter2"));
    let config = read_with(yaml.as_bytes(), 0o600).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
    // Without a login there is no secret.
    read_with(account("proxy: socks5://p:1\n").as_bytes(), 0o644).unwrap();
    for proxy in [
        "socks5://ada:hunter2@p.example",
        "ftp://a:hunter2@h:1",
        "http://a:hunter2%0a@h:1",
    ] {
        let yaml = account(&format!("proxy: {proxy}\n"));
        let error = read_with(yaml.as_bytes(), 0o600).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{proxy}");
    }
}
