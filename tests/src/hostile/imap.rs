//! The middleman of an IMAP session: commands one at a time, each with the whole of its answer.

use super::Traps;
use super::act::{Act, Line, Next, replaced};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

type Honest = BufReader<DuplexStream>;

pub(super) async fn speak(
    mut line: Line,
    honest: DuplexStream,
    mut traps: Traps,
) -> io::Result<()> {
    let mut honest = BufReader::new(honest);
    let greeting = response(&mut honest).await?;
    let acts = traps.sprung("GREETING");
    if line.greet(&greeting, acts).await? == Next::Nothing {
        return Ok(());
    }
    loop {
        let command = line.heard().await?;
        if command.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&command).into_owned();
        let (tag, rest) = text.trim_end().split_once(' ').unwrap_or((&text, ""));
        let Some(acts) = traps.sprung(rest) else {
            pass_on(&mut line, &mut honest, command).await?;
            answer(&mut line, &mut honest, tag, &Act::Honest).await?;
            continue;
        };
        for act in &acts {
            match act {
                Act::Honest | Act::Edited(..) | Act::Unended => {
                    pass_on(&mut line, &mut honest, command.clone()).await?;
                    answer(&mut line, &mut honest, tag, act).await?;
                }
                Act::Redirected(to) => {
                    swallow(&mut line, &command).await?;
                    let command = format!("{tag} {to}\r\n");
                    honest.get_mut().write_all(command.as_bytes()).await?;
                    answer(&mut line, &mut honest, tag, act).await?;
                }
                act => {
                    if line.act(act, tag).await? == Next::Nothing {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// Gives the honest server a command with its literals.
async fn pass_on(line: &mut Line, honest: &mut Honest, mut part: Vec<u8>) -> io::Result<()> {
    loop {
        honest.get_mut().write_all(&part).await?;
        let Some((octets, waits)) = announced(&part) else {
            return Ok(());
        };
        if waits {
            let go_on = response(honest).await?;
            line.say(&go_on).await?;
        }
        let mut literal = vec![0; octets];
        line.client.read_exact(&mut literal).await?;
        honest.get_mut().write_all(&literal).await?;
        part = line.heard().await?;
    }
}

/// Takes the literals of a command that nobody will see.
async fn swallow(line: &mut Line, command: &[u8]) -> io::Result<()> {
    let mut part = command.to_vec();
    while let Some((octets, waits)) = announced(&part) {
        if waits {
            line.say(b"+ go on\r\n").await?;
        }
        let mut literal = vec![0; octets];
        line.client.read_exact(&mut literal).await?;
        part = line.heard().await?;
    }
    Ok(())
}

/// Hands on what the honest server says until it has answered the command.
async fn answer(line: &mut Line, honest: &mut Honest, tag: &str, how: &Act) -> io::Result<()> {
    let end = format!("{tag} ");
    loop {
        let response = response(honest).await?;
        let is_end = response.is_empty() || response.starts_with(end.as_bytes());
        match how {
            Act::Unended if is_end => {}
            Act::Edited(from, to) => {
                let response = replaced(&response, from.as_bytes(), to.as_bytes());
                line.say(&response).await?;
            }
            _ => line.say(&response).await?,
        }
        if is_end {
            return Ok(());
        }
    }
}

/// The next response with its literals; empty when there is none.
async fn response(honest: &mut Honest) -> io::Result<Vec<u8>> {
    let mut response = Vec::new();
    loop {
        let from = response.len();
        honest.read_until(b'\n', &mut response).await?;
        let part = response.get(from..).unwrap_or_default();
        let Some((octets, _)) = announced(part) else {
            return Ok(response);
        };
        let mut literal = vec![0; octets];
        honest.read_exact(&mut literal).await?;
        response.extend_from_slice(&literal);
    }
}

/// The literal that a line ends with, and whether it waits to be asked for.
fn announced(line: &[u8]) -> Option<(usize, bool)> {
    let line = std::str::from_utf8(line).ok()?;
    let inner = line.trim_end().strip_suffix('}')?;
    let (_, number) = inner.rsplit_once('{')?;
    let digits = number.trim_end_matches('+');
    Some((digits.parse().ok()?, digits == number))
}
