//! A server of a few lines that begins in the clear, and notes what it hears there and under TLS.

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// What the server does when TLS is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Play {
    /// It goes over to TLS, and can other things there.
    Honest,
    /// The same, after responses that nobody asked for.
    UntaggedBetween,
    /// It does not offer TLS.
    NotOffered,
    /// It offers TLS and refuses it.
    Refused,
    /// Behind its OK, in the same packet, comes more in the clear.
    Injected,
    /// It says OK and goes on in the clear.
    OkThenCleartext,
    /// It says that we are logged in.
    PreAuth,
}

/// What was heard, in the clear and under TLS.
type Heard = Arc<Mutex<(Vec<String>, Vec<String>)>>;

/// A server on a port of loopback, for one connection.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) port: u16,
    pub(super) ca_file: PathBuf,
    heard: Heard,
    playing: Option<JoinHandle<()>>,
    _dir: TempDir,
}

impl Stage {
    pub(super) fn open(protocol: &str, play: Play) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, certificate.pem()).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Heard::default();
        let imap = protocol == "imap";
        let playing = std::thread::spawn({
            let heard = Arc::clone(&heard);
            move || {
                let (stream, _) = listener.accept().unwrap();
                // However the client ends it, it has ended.
                perform(stream, imap, play, Arc::new(config), &heard).ok();
            }
        });
        Self {
            port,
            ca_file,
            heard,
            playing: Some(playing),
            _dir: dir,
        }
    }

    /// Waits for the end of the connection; what was heard.
    pub(super) fn heard(mut self) -> (Vec<String>, Vec<String>) {
        self.playing.take().unwrap().join().unwrap();
        self.heard.lock().unwrap().clone()
    }
}

fn perform(
    mut stream: TcpStream,
    imap: bool,
    play: Play,
    config: Arc<ServerConfig>,
    heard: &Heard,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let greeting = match (imap, play) {
        (true, Play::PreAuth) => "* PREAUTH welcome, ada\r\n",
        (true, _) => "* OK ready\r\n",
        (false, _) => "+OK ready\r\n",
    };
    stream.write_all(greeting.as_bytes())?;
    let begins = loop {
        let line = line_of(&mut stream)?;
        if line.is_empty() {
            return Ok(());
        }
        heard.lock().unwrap().0.push(line.clone());
        if line.to_uppercase().contains("STARTTLS") || line.to_uppercase().starts_with("STLS") {
            let tag = line.split(' ').next().unwrap_or_default().to_owned();
            break tag;
        }
        let offers = play != Play::NotOffered;
        stream.write_all(answer(imap, &line, &clear_words(imap, offers)).as_bytes())?;
    };
    let ok = if imap {
        format!("{begins} OK begin\r\n")
    } else {
        "+OK begin\r\n".to_owned()
    };
    let lie = if imap {
        "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] me\r\n"
    } else {
        "+OK me\r\n"
    };
    match play {
        Play::Refused if imap => stream.write_all(format!("{begins} NO no\r\n").as_bytes())?,
        Play::Refused => stream.write_all(b"-ERR no\r\n")?,
        Play::Injected => stream.write_all((ok + lie).as_bytes())?,
        Play::OkThenCleartext => stream.write_all(ok.as_bytes())?,
        Play::UntaggedBetween => {
            let between = "* CAPABILITY IMAP4rev1 X-IN-BETWEEN AUTH=PLAIN\r\n* 5 EXISTS\r\n* OK [ALERT] hello\r\n";
            stream.write_all((between.to_owned() + &ok).as_bytes())?;
            return under_tls(stream, imap, config, heard);
        }
        Play::Honest | Play::NotOffered | Play::PreAuth => {
            stream.write_all(ok.as_bytes())?;
            return under_tls(stream, imap, config, heard);
        }
    }
    // What comes in the clear from now on is the proof; a hello is answered in the clear.
    let mut first = [0; 4_096];
    let octets = stream.read(&mut first)?;
    if octets > 0 {
        let text = String::from_utf8_lossy(&first[..octets]).into_owned();
        heard.lock().unwrap().0.push(text);
        stream.write_all(lie.as_bytes())?;
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    let rest = String::from_utf8_lossy(&rest);
    // An alert of TLS ends the talk.
    let lines = rest.lines().filter(|line| !line.starts_with('\u{15}'));
    heard.lock().unwrap().0.extend(lines.map(str::to_owned));
    Ok(())
}

fn under_tls(
    stream: TcpStream,
    imap: bool,
    config: Arc<ServerConfig>,
    heard: &Heard,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).unwrap();
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        heard.lock().unwrap().1.push(line.clone());
        let words = if imap {
            "IMAP4rev1 X-UNDER-TLS"
        } else {
            "X-UNDER-TLS\r\nUSER\r\nUIDL"
        };
        let answer = answer(imap, &line, words);
        stream.get_mut().write_all(answer.as_bytes())?;
        stream.get_mut().flush()?;
    }
}

/// What the server says it can in the clear.
fn clear_words(imap: bool, offers_tls: bool) -> String {
    let tls = match (imap, offers_tls) {
        (_, false) => "",
        (true, true) => " STARTTLS",
        (false, true) => "\r\nSTLS",
    };
    if imap {
        format!("IMAP4rev1 X-IN-THE-CLEAR AUTH=PLAIN SASL-IR{tls}")
    } else {
        format!("X-IN-THE-CLEAR\r\nSASL PLAIN\r\nUSER{tls}")
    }
}

/// A server that does whatever it is asked, and has nothing.
fn answer(imap: bool, line: &str, words: &str) -> String {
    let upper = line.to_uppercase();
    if imap {
        let tag = line.split(' ').next().unwrap_or_default();
        let verb = upper.split(' ').nth(1).unwrap_or_default().to_owned();
        let before = match verb.as_str() {
            "CAPABILITY" => format!("* CAPABILITY {words}\r\n"),
            "LIST" => "* LIST () \"/\" INBOX\r\n".to_owned(),
            "LOGOUT" => "* BYE\r\n".to_owned(),
            _ => String::new(),
        };
        return format!("{before}{tag} OK done\r\n");
    }
    match upper.split(' ').next().unwrap_or_default() {
        "CAPA" => format!("+OK\r\n{words}\r\n.\r\n"),
        "STAT" => "+OK 0 0\r\n".to_owned(),
        "LIST" | "UIDL" => "+OK\r\n.\r\n".to_owned(),
        _ => "+OK\r\n".to_owned(),
    }
}

/// A line, octet by octet: what follows it may be TLS.
fn line_of(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut line = Vec::new();
    let mut octet = [0];
    while stream.read(&mut octet)? == 1 {
        if octet[0] == b'\n' {
            break;
        }
        line.push(octet[0]);
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
