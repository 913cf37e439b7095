//! The page on loopback to which a person's browser comes back.

use crate::error::OAuthError;
use postrider_core::secret::Secret;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// The longest head of a request, in octets: a code and what a browser says of itself.
const LONGEST: usize = 32 * 1024;

/// How long a visitor may take to say what it wants: browsers open connections that they use for nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lets visitors in, one after the other, until one brings a code or a no. `read` makes something of what
/// stands behind the `?`.
pub(crate) async fn await_code(
    listener: &TcpListener,
    read: impl Fn(&str) -> Result<Secret, OAuthError>,
) -> Result<Secret, OAuthError> {
    loop {
        let accepted = listener.accept().await;
        let (mut visitor, _) = accepted.map_err(|source| OAuthError::Listen { source })?;
        let asked = timeout(PATIENCE, request(&mut visitor)).await;
        let Ok(Some(query)) = asked else {
            farewell(visitor, "404 Not Found", "There is nothing here.").await;
            continue;
        };
        match read(&query) {
            Ok(code) => {
                let words = "postrider has what it needs. You may close this page.";
                farewell(visitor, "200 OK", words).await;
                return Ok(code);
            }
            // Another page of the browser, or another program, guesses: it must not end the login.
            Err(OAuthError::Redirect { .. }) => {
                let words = "This is not the answer that postrider waits for.";
                farewell(visitor, "400 Bad Request", words).await;
            }
            Err(error) => {
                let words = "Nobody was let in. The terminal says why.";
                farewell(visitor, "200 OK", words).await;
                return Err(error);
            }
        }
    }
}

/// What stands behind the `?` of a request for `/`; `None`: it is for something else.
async fn request(visitor: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > LONGEST || visitor.read_buf(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.split(|octet| *octet == b'\r').next()?;
    let line = str::from_utf8(line).ok()?;
    let target = line.strip_prefix("GET /?")?;
    let (query, _) = target.split_once(' ')?;
    Some(query.to_owned())
}

/// The page bears nothing of what was sent, loads nothing, and is kept by nobody.
async fn farewell(mut visitor: TcpStream, status: &str, words: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>postrider</title><p>{words}\n");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    // A browser that has gone wants no page.
    let said = async {
        visitor.write_all(answer.as_bytes()).await?;
        visitor.shutdown().await
    };
    drop(timeout(PATIENCE, said).await);
}
