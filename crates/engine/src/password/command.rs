//! A command that prints a password.
//!
//! It leads a process group, which ends with the account and with its time. It gets no input, so it can wait for
//! nobody but a program of its own that asks (a pinentry).

use super::{LONGEST, no_password};
use crate::error::EngineError;
use postrider_transport::{Ending, LastWords, ProcessGroup};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long a child that outlives the command (an agent) may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What the command prints, when it ends well within `patience`.
pub(super) async fn run(
    command: &str,
    patience: Duration,
) -> Result<Zeroizing<Vec<u8>>, EngineError> {
    let mut group = ProcessGroup::start(command, Stdio::null())
        .map_err(|error| no_password(format!("`{command}` could not be started: {error}")))?;
    let (output, words) = (group.child().stdout.take(), group.child().stderr.take());
    let mut words = words.map(LastWords::of);
    // As large as it may become: growing would leave copies behind that nobody wipes.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    let Ok(ending) = timeout(patience, listen(&group, output, &mut text)).await else {
        group.end().await;
        let seconds = patience.as_secs();
        return Err(no_password(format!(
            "`{command}` took longer than {seconds} s, and was ended"
        )));
    };
    if ending.is_success() {
        group.let_go().await;
        return Ok(text);
    }
    let words = match &mut words {
        Some(words) => words.shown().await,
        None => String::new(),
    };
    group.end().await;
    let words = match words.as_str() {
        "" => "it did not say why",
        words => words,
    };
    Err(no_password(format!(
        "`{command}` ended with {ending}: {words}"
    )))
}

/// Reads until the command has ended.
async fn listen(
    group: &ProcessGroup,
    output: Option<impl AsyncRead + Unpin>,
    text: &mut Vec<u8>,
) -> Ending {
    let told = async {
        if let Some(output) = output {
            read(output, text).await;
        }
    };
    tokio::pin!(told);
    let mut is_told = false;
    let ending = loop {
        tokio::select! {
            () = &mut told, if !is_told => is_told = true,
            ending = group.ended() => break ending,
        }
    };
    if !is_told {
        let _more = timeout(LAST_WORDS, told).await;
    }
    ending
}

/// Takes in what fits; the rest is read too, so that the command does not wait for us, and dropped.
async fn read(mut output: impl AsyncRead + Unpin, text: &mut Vec<u8>) {
    while text.len() < LONGEST {
        match output.read_buf(text).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
    }
    let mut surplus = Zeroizing::new([0; 1_024]);
    while matches!(output.read(&mut *surplus).await, Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    /// Waits until a process is gone; a zombie is not.
    async fn gone(pid: &str) {
        let process = Path::new("/proc").join(pid.trim());
        let begun = Instant::now();
        while process.exists() {
            assert!(begun.elapsed() < LONG, "{} lives on", process.display());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let command = format!(
            "trap '' TERM; sleep 1000 & echo $! >{0}; echo $$ >>{0}; wait; wait",
            pids.display()
        );
        let error = run(&command, Duration::from_millis(500)).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("took longer than 0 s, and was ended"),
            "{error}"
        );
        for pid in std::fs::read_to_string(pids).unwrap().lines() {
            gone(pid).await;
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_an_agent_that_a_command_leaves_behind_and_it_stays() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let command = format!("sleep 1000 & echo $! >{}; echo hunter2", pid.display());
        let begun = Instant::now();
        let text = run(&command, LONG).await.unwrap();
        assert_eq!(text.as_slice(), b"hunter2\n");
        assert!(begun.elapsed() < LONG / 2);
        let agent = std::fs::read_to_string(pid).unwrap();
        assert!(Path::new("/proc").join(agent.trim()).exists());
        let agent = rustix::process::Pid::from_raw(agent.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(agent, rustix::process::Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn a_flood_is_no_memory_of_ours() {
        let text = run("head -c 4000000 /dev/zero", LONG).await.unwrap();
        assert_eq!(text.len(), LONGEST);
        assert!(text.capacity() < 2 * LONGEST);
    }

    #[tokio::test]
    async fn how_a_command_failed_is_said_and_its_last_words_move_no_cursor() {
        for (command, said) in [
            ("exit 3", "ended with exit status 3: it did not say why"),
            ("kill -9 $$", "ended with signal 9"),
            (
                "printf 'no \\033[2Jkey\\n' >&2; exit 1",
                "exit status 1: no \\u{1b}[2Jkey",
            ),
            ("no-such-program-at-all", "exit status 127"),
        ] {
            let error = run(command, LONG).await.unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
