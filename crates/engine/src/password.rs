//! Getting a password, when it is needed and not before.

use crate::error::EngineError;
use crate::heart::{MARGIN, within};
use postrider_core::secret::Secret;
use postrider_core::settings::PasswordSource;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a password command may take, or a file to be read, which may be a pipe. Long enough to type a passphrase into a pinentry, short
/// enough that an account does not hang for ever.
const PATIENCE: Duration = Duration::from_secs(120);
/// How much of a command's own words is shown when it fails.
const SHOWN: usize = 300;
/// More than this is no password but a wrong path.
const LONGEST: u64 = 64 * 1024;

/// Fetches the password from where the user keeps it.
pub(crate) async fn obtain(source: &PasswordSource) -> Result<Secret, EngineError> {
    within(PATIENCE.saturating_add(MARGIN), from(source)).await
}

async fn from(source: &PasswordSource) -> Result<Secret, EngineError> {
    match source {
        PasswordSource::Inline(secret) => Ok(secret.clone()),
        PasswordSource::Command(command) => from_command(command).await,
        PasswordSource::Env(name) => match std::env::var(name) {
            Ok(text) => first_line(text.into_bytes(), &format!("${name}")),
            Err(_) => Err(no_password(format!(
                "the environment variable {name} is not set"
            ))),
        },
        PasswordSource::File(path) => from_file(path.clone()).await,
        PasswordSource::Credential(name) => {
            let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                no_password(format!(
                    "the credential {name} is set by systemd (LoadCredential={name}:FILE), and this \
                     process was not started with any"
                ))
            })?;
            from_file(Path::new(&directory).join(name)).await
        }
        // Nobody asks for one: `access_token` does, or the certificate is enough.
        PasswordSource::Token(_) | PasswordSource::Absent => Err(no_password(
            "the server wants a login, and the account has no `password`".to_owned(),
        )),
    }
}

async fn from_file(path: std::path::PathBuf) -> Result<Secret, EngineError> {
    let shown = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || {
        use std::io::Read as _;
        let mut text = Vec::new();
        let file = std::fs::File::open(&path)?;
        file.take(LONGEST).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    });
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(Ok(text))) => first_line(text, &shown),
        Ok(Ok(Err(error))) => Err(no_password(format!("{shown}: {error}"))),
        Ok(Err(_)) => Err(no_password(format!("{shown}: reading it was cancelled"))),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Err(no_password(format!(
                "{shown}: nothing came out of it for {seconds} s"
            )))
        }
    }
}

async fn from_command(command: &str) -> Result<Secret, EngineError> {
    let child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| no_password(format!("`{command}` could not be started: {error}")))?;
    let finished = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    let Ok(finished) = finished else {
        let seconds = PATIENCE.as_secs();
        return Err(no_password(format!(
            "`{command}` took longer than {seconds} s"
        )));
    };
    let output = finished.map_err(|error| no_password(format!("`{command}`: {error}")))?;
    if !output.status.success() {
        let words = postrider_transport::escape_server_text(&output.stderr);
        let words: String = words.trim().chars().take(SHOWN).collect();
        let status = output.status;
        return Err(no_password(format!(
            "`{command}` ended with {status}: {words}"
        )));
    }
    first_line(output.stdout, &format!("`{command}`"))
}

fn first_line(mut text: Vec<u8>, from: &str) -> Result<Secret, EngineError> {
    let end = text.iter().position(|octet| *octet == b'\n');
    text.truncate(end.unwrap_or(text.len()));
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    if text.is_empty() {
        return Err(no_password(format!("{from} gave an empty first line")));
    }
    match String::from_utf8(text) {
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => Err(no_password(format!(
            "{from} gave something that is not UTF-8"
        ))),
    }
}

const fn no_password(reason: String) -> EngineError {
    EngineError::Password { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(command: &str) -> Result<Secret, EngineError> {
        obtain(&PasswordSource::Command(command.to_owned())).await
    }

    #[tokio::test]
    async fn a_command_gives_its_first_line() {
        let secret = ask("printf 'hunter2 \\r\\nsecond\\n'").await.unwrap();
        assert_eq!(secret.reveal(), "hunter2 ");
    }

    #[tokio::test]
    async fn a_failing_command_is_told_in_its_own_words_but_not_its_output() {
        let error = ask("echo hunter2; echo 'no such entry' >&2; exit 3").await;
        let shown = error.unwrap_err().to_string();
        assert!(shown.contains("no such entry"), "{shown}");
        assert!(!shown.contains("\nhunter2"), "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_nothing_comes_out_of_does_not_hold_the_account_up() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("password");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        let source = PasswordSource::File(pipe.clone());
        let asked = tokio::spawn(async move { obtain(&source).await });
        // The paused clock does not move while a thread reads: it is moved.
        tokio::task::yield_now().await;
        tokio::time::advance(PATIENCE + MARGIN).await;
        let error = asked.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("nothing came out of it"), "{error}");
        // The thread that reads it ends with this.
        drop(std::fs::OpenOptions::new().write(true).open(pipe));
    }

    #[tokio::test]
    async fn nothing_is_not_a_password() {
        assert!(ask("true").await.is_err());
        let missing = PasswordSource::Env("POSTRIDER_NO_SUCH_VARIABLE".to_owned());
        assert!(obtain(&missing).await.is_err());
        let missing = PasswordSource::File("/nonexistent/password".into());
        assert!(obtain(&missing).await.is_err());
    }
}
