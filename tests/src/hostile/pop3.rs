//! The middleman of a POP3 session: commands one at a time, each with the whole of its answer.

use super::Traps;
use super::act::{Act, Line, Next, replaced};
use std::io;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

type Honest = BufReader<DuplexStream>;

pub(super) async fn speak(
    mut line: Line,
    honest: DuplexStream,
    mut traps: Traps,
) -> io::Result<()> {
    let mut honest = BufReader::new(honest);
    let greeting = one_line(&mut honest).await?;
    let acts = traps.sprung("GREETING");
    if line.greet(&greeting, acts).await? == Next::Nothing {
        return Ok(());
    }
    loop {
        let command = line.heard().await?;
        if command.is_empty() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&command).trim_end().to_owned();
        let acts = traps.sprung(&text).unwrap_or_else(|| vec![Act::Honest]);
        for act in &acts {
            match act {
                Act::Honest | Act::Edited(..) | Act::Unended => {
                    honest.get_mut().write_all(&command).await?;
                    let mut answer = answer(&mut honest, &text).await?;
                    match act {
                        Act::Unended => {
                            answer.truncate(answer.len().saturating_sub(b".\r\n".len()));
                        }
                        Act::Edited(from, to) => {
                            answer = replaced(&answer, from.as_bytes(), to.as_bytes());
                        }
                        _ => {}
                    }
                    line.say(&answer).await?;
                }
                act => {
                    if line.act(act, "").await? == Next::Nothing {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The whole answer to a command.
async fn answer(honest: &mut Honest, command: &str) -> io::Result<Vec<u8>> {
    let mut answer = one_line(honest).await?;
    if !answer.starts_with(b"+OK") || !is_followed(command) {
        return Ok(answer);
    }
    loop {
        let line = one_line(honest).await?;
        answer.extend_from_slice(&line);
        if line.is_empty() || line == b".\r\n" {
            return Ok(answer);
        }
    }
}

/// Whether data follow a `+OK` to it.
fn is_followed(command: &str) -> bool {
    let mut words = command.split_ascii_whitespace();
    let verb = words.next().unwrap_or_default().to_ascii_uppercase();
    match verb.as_str() {
        "CAPA" | "RETR" | "TOP" => true,
        "LIST" | "UIDL" => words.next().is_none(),
        _ => false,
    }
}

async fn one_line(honest: &mut Honest) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    honest.read_until(b'\n', &mut line).await?;
    Ok(line)
}
