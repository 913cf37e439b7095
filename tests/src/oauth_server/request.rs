//! HTTP in the fewest lines that a client of ours and Dovecot's can talk to.

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What somebody asks.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) body: String,
}

/// What is answered.
#[derive(Debug)]
pub(super) enum Answer {
    Page {
        status: u16,
        kind: &'static str,
        text: String,
    },
    Redirect(String),
    /// Until the client goes.
    Silence,
    HangUp,
}

impl Answer {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        let (kind, text) = ("application/json", value.to_string());
        Self::Page { status, kind, text }
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        let (kind, text) = ("text/plain", text.to_owned());
        Self::Page { status, kind, text }
    }
}

/// Serves one connection, one request: every answer ends it.
pub(super) fn serve(stream: TcpStream, answer: impl Fn(&Request) -> Answer) {
    stream.set_read_timeout(Some(Duration::from_secs(120))).ok();
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream) else {
        return;
    };
    let said = match answer(&request) {
        Answer::Page { status, kind, text } => format!(
            "HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        ),
        Answer::Redirect(to) => {
            format!(
                "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        Answer::Silence => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).ok();
            return;
        }
        Answer::HangUp => return,
    };
    // A client that has gone wants nothing.
    stream.get_mut().write_all(said.as_bytes()).ok();
}

fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?.to_owned();
    let (mut length, mut header) = (0, String::new());
    while stream.read_line(&mut header).ok()? > 2 {
        let (name, value) = header.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        header.clear();
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Request {
        path: path.to_owned(),
        query: query.to_owned(),
        body: String::from_utf8(body).ok()?,
    })
}

/// A field of a form; empty when it is not there.
pub(super) fn field(form: &str, name: &str) -> String {
    let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(key, _)| *key == name)
        .map(|(_, value)| value);
    decoded(values.next().unwrap_or_default())
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        let mut hex = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        octets.push(match octet {
            b'+' => b' ',
            b'%' => {
                let value = hex().unwrap_or_default() * 16 + hex().unwrap_or_default();
                u8::try_from(value).unwrap_or_default()
            }
            octet => octet,
        });
    }
    String::from_utf8_lossy(&octets).into_owned()
}

pub(super) fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() {
            encoded.push(char::from(octet));
        } else {
            write!(encoded, "%{octet:02X}").expect("a string takes all");
        }
    }
    encoded
}

/// Plays a browser: asks for a page of loopback. Its status, and where it leads on to, if anywhere.
///
/// # Panics
/// When nobody answers.
#[must_use]
pub fn fetch(url: &str) -> (u16, Option<String>) {
    let rest = url.strip_prefix("http://").expect("an address of loopback");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host).expect("somebody listens");
    let asked = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).expect("somebody reads");
    let mut page = String::new();
    stream.read_to_string(&mut page).expect("a page");
    let status = page.split(' ').nth(1).and_then(|word| word.parse().ok());
    let location = page
        .lines()
        .find_map(|line| line.strip_prefix("Location: "));
    (status.expect("a status"), location.map(str::to_owned))
}
