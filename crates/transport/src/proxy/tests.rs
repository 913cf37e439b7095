//! Proxies of the test's own, to the octet: what real ones rarely say.

use super::*;
use postrider_core::fault::Fault;
use postrider_core::secret::Secret;
use postrider_core::settings::TlsMode;
use postrider_core::way::Way;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

fn proxy(kind: ProxyKind, login: Option<(&str, &str)>) -> Proxy {
    Proxy {
        kind,
        host: "proxy.example".to_owned(),
        port: 1080,
        login: login.map(|(user, password)| ProxyLogin {
            user: user.to_owned(),
            password: Secret::new(password.to_owned()),
        }),
    }
}

fn address(host: &str) -> ServerAddress {
    ServerAddress {
        host: host.to_owned(),
        port: 143,
        tls: TlsMode::None,
        ca_file: None,
        way: Way::Direct,
        pins: Vec::new(),
        client: None,
    }
}

/// What comes of answers that are given one after the other, and all that the proxy heard.
async fn ask(
    proxy: &Proxy,
    host: &str,
    answers: &[&[u8]],
) -> (Result<Box<dyn Duplex>, TransportError>, Vec<u8>) {
    let (ours, mut theirs) = duplex(4_096);
    let answers: Vec<Vec<u8>> = answers.iter().map(|answer| answer.to_vec()).collect();
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in answers {
            let mut octets = [0; 1_024];
            let read = theirs.read(&mut octets).await.unwrap_or(0);
            heard.extend_from_slice(&octets[..read]);
            theirs.write_all(&answer).await.ok();
        }
        heard
    });
    let address = address(host);
    let asked = through(ours, proxy, &address);
    let asked = tokio::time::timeout(Duration::from_secs(60), asked)
        .await
        .unwrap();
    let heard = server.await.unwrap();
    (asked, heard)
}

async fn rest(stream: Box<dyn Duplex>) -> String {
    let mut octets = Vec::new();
    // Whatever has come; the other end is gone.
    let mut stream = stream;
    stream.read_to_end(&mut octets).await.ok();
    String::from_utf8(octets).unwrap()
}

#[tokio::test]
async fn a_greeting_that_comes_with_the_answer_is_not_lost() {
    let socks = proxy(ProxyKind::Socks5, None);
    let granted = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00* OK hello\r\n";
    let (asked, heard) = ask(&socks, "imap.example", &[b"\x05\x00", granted]).await;
    assert_eq!(rest(asked.unwrap()).await, "* OK hello\r\n");
    // The name, not an address, is asked for.
    assert!(
        heard.ends_with(b"\x03\x0cimap.example\x00\x8f"),
        "{heard:?}"
    );
    let http = proxy(ProxyKind::Http, None);
    let granted = b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n* OK hello\r\n";
    let (asked, heard) = ask(&http, "imap.example", &[granted]).await;
    assert_eq!(rest(asked.unwrap()).await, "* OK hello\r\n");
    let heard = String::from_utf8(heard).unwrap();
    assert!(
        heard.starts_with("CONNECT imap.example:143 HTTP/1.1\r\n"),
        "{heard}"
    );
}

#[tokio::test]
async fn a_proxys_refusal_is_said_in_words() {
    let socks = proxy(ProxyKind::Socks5, None);
    for (code, said, fault) in [
        (1, "it failed", Fault::Unreachable),
        (2, "its rules do not allow it", Fault::Unreachable),
        (3, "it does not reach the network", Fault::Unreachable),
        (4, "it does not reach the host", Fault::Unreachable),
        (5, "the host refused the connection", Fault::Unreachable),
        (6, "TTL expired", Fault::Unreachable),
        (8, "this kind of address", Fault::Unreachable),
    ] {
        let answer = [5, code, 0, 1, 0, 0, 0, 0, 0, 0];
        let (asked, _) = ask(&socks, "h", &[b"\x05\x00", &answer]).await;
        let error = asked.err().unwrap();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.fault(), fault);
        assert!(error.hint().is_some());
    }
    let http = proxy(ProxyKind::Http, None);
    for (answer, said, fault) in [
        (
            "HTTP/1.1 403 Filtered\r\n\r\n",
            "it says 403 Forbidden",
            Fault::Unreachable,
        ),
        (
            "HTTP/1.1 502 \r\n\r\n",
            "it says 502 Bad Gateway",
            Fault::Unreachable,
        ),
        (
            "HTTP/1.1 407 x\r\n\r\n",
            "a user and a password (407)",
            Fault::Auth,
        ),
    ] {
        let (asked, _) = ask(&http, "h", &[answer.as_bytes()]).await;
        let error = asked.err().unwrap();
        assert!(error.to_string().contains(said), "{error}");
        assert_eq!(error.fault(), fault);
    }
}

#[tokio::test]
async fn what_is_no_proxy_is_told_apart_from_one_that_hangs_up() {
    for (kind, answer, said) in [
        (
            ProxyKind::Socks5,
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            "does not answer like a proxy",
        ),
        (
            ProxyKind::Http,
            b"\x05\xff\r\n\r\n",
            "does not answer like a proxy",
        ),
        (ProxyKind::Socks5, b"", "asking the proxy"),
        (ProxyKind::Http, b"", "asking the proxy"),
    ] {
        let (asked, _) = ask(&proxy(kind, None), "h", &[answer]).await;
        let error = asked.err().unwrap();
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn no_error_of_a_proxy_shows_its_password() {
    let login = Some(("ada", "hunter2"));
    let socks = proxy(ProxyKind::Socks5, login);
    let (asked, heard) = ask(&socks, "h", &[b"\x05\x02", b"\x01\x01"]).await;
    assert!(heard.ends_with(b"\x03ada\x07hunter2"), "{heard:?}");
    let error = asked.err().unwrap();
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(shown.contains("user or password is wrong"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let http = proxy(ProxyKind::Http, login);
    let refusal = b"HTTP/1.1 407 ada hunter2\r\nProxy-Authenticate: Basic realm=hunter2\r\n\r\n";
    let (asked, heard) = ask(&http, "h", &[refusal]).await;
    let heard = String::from_utf8(heard).unwrap().to_ascii_lowercase();
    assert!(
        heard.contains("proxy-authorization: basic ywrhomh1bnrlcji="),
        "{heard}"
    );
    let error = asked.err().unwrap();
    let shown = format!("{error} {error:?} {:?}", error.hint());
    assert!(shown.contains("user or password is wrong"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}
