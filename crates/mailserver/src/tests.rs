//! The server is a witness in other tests; here it is the accused: raw octets in, raw octets out.

mod changes;
mod faults;
mod gmail;
mod imap;
mod names;
mod pop3;
mod push;
mod qresync;
mod quota;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use crate::{Account, Mailstore, Options, Protocol, Service};

/// A message of a few octets.
pub(crate) const MAIL: &[u8] = b"Subject: one\r\nFrom: a@b\r\n\r\n.dot\r\nend\r\n";
/// 2024-02-29T12:00:00Z.
pub(crate) const LEAP_DAY: i64 = 1_709_208_000;

/// A store with one account, `ada` / `secret`, and its account.
pub(crate) fn ada() -> (Mailstore, Account) {
    let store = Mailstore::new();
    let account = store.account("ada", "secret");
    (store, account)
}

/// A raw client on an in-memory stream.
pub(crate) struct Client {
    stream: DuplexStream,
    task: JoinHandle<()>,
}

impl Client {
    pub(crate) fn connect(service: &Service, protocol: Protocol) -> Self {
        let (stream, server) = tokio::io::duplex(64 * 1024);
        let service = service.clone();
        let task = tokio::spawn(async move {
            match protocol {
                Protocol::Imap => service.serve_imap(server).await,
                Protocol::Pop3 => service.serve_pop3(server).await,
            }
        });
        Self { stream, task }
    }

    /// An IMAP client that has logged in; what was said until then is forgotten.
    pub(crate) async fn imap(service: &Service) -> Self {
        let mut client = Self::connect(service, Protocol::Imap);
        client.until("ready\r\n").await;
        client.tell("L LOGIN ada secret", "L OK").await;
        client
    }

    /// A POP3 client that has logged in.
    pub(crate) async fn pop3(service: &Service) -> Self {
        let mut client = Self::connect(service, Protocol::Pop3);
        client.until("ready\r\n").await;
        client.tell("USER ada", "+OK").await;
        client.tell("PASS secret", "+OK").await;
        client
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
    }

    /// Sends to a server that may have gone already.
    pub(crate) async fn send_if_heard(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.ok();
    }

    /// The next line, or what there is of it; `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let mut heard = Vec::new();
        let mut octet = [0];
        while !heard.ends_with(b"\n") && self.stream.read(&mut octet).await.unwrap() == 1 {
            heard.push(octet[0]);
        }
        (!heard.is_empty()).then(|| String::from_utf8(heard).unwrap())
    }

    /// Ends the connection and waits until the server has noticed.
    pub(crate) async fn hang_up(self) {
        drop(self.stream);
        self.task.await.unwrap();
    }

    /// Reads until the end of what was heard is `end`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        let mut octet = [0];
        while !heard.ends_with(end.as_bytes()) {
            let read = self.stream.read(&mut octet).await.unwrap();
            let so_far = String::from_utf8_lossy(&heard);
            assert_eq!(read, 1, "the end came before {end:?}: {so_far:?}");
            heard.push(octet[0]);
        }
        String::from_utf8(heard).unwrap()
    }

    /// Sends a line; the answer up to and with the line that starts with `last`.
    pub(crate) async fn tell(&mut self, line: &str, last: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        let mut heard = String::new();
        loop {
            let line = self.until("\r\n").await;
            heard.push_str(&line);
            if line.starts_with(last) {
                return heard;
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(mut self) -> String {
        let mut heard = Vec::new();
        self.stream.read_to_end(&mut heard).await.unwrap();
        self.task.await.unwrap();
        String::from_utf8(heard).unwrap()
    }
}

pub(crate) fn service(store: &Mailstore) -> Service {
    Service::new(store.clone(), Options::default())
}
