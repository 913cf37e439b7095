//! Getting a password, when it is needed and not before.
//!
//! On its way here it passes through buffers that are wiped, and through nothing else.

mod command;
mod private;
#[cfg(feature = "secret-service")]
mod secret_service;

use crate::error::EngineError;
use crate::heart::{MARGIN, within};
use postrider_core::secret::Secret;
use postrider_core::settings::PasswordSource;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a password command may take, or a file to be read, which may be a pipe. Long enough to type a passphrase into a pinentry, short
/// enough that an account does not hang for ever.
const PATIENCE: Duration = Duration::from_secs(120);
/// More than this is no password but a wrong path.
const LONGEST: usize = 64 * 1024;

/// Fetches the password from where the user keeps it.
pub(crate) async fn obtain(source: &PasswordSource) -> Result<Secret, EngineError> {
    within(PATIENCE.saturating_add(MARGIN), from(source)).await
}

async fn from(source: &PasswordSource) -> Result<Secret, EngineError> {
    match source {
        // With a token or a certificate nobody asks for one.
        PasswordSource::Absent | PasswordSource::Token(_) => Err(no_password(
            "the server wants a login, and the account has no `password`".to_owned(),
        )),
        PasswordSource::Inline(secret) => Ok(secret.clone()),
        PasswordSource::Command(command) => {
            let text = command::run(command, PATIENCE).await?;
            first_line(text, &format!("`{command}`"))
        }
        PasswordSource::Env(name) => match std::env::var_os(name) {
            Some(text) => {
                let text = Zeroizing::new(text.into_encoded_bytes());
                first_line(text, &format!("${name}"))
            }
            None => Err(no_password(format!(
                "the environment variable {name} is not set"
            ))),
        },
        PasswordSource::File(path) => from_file(path.clone(), Whose::Users).await,
        #[cfg(feature = "secret-service")]
        PasswordSource::SecretService(attributes) => {
            secret_service::look_up(attributes, PATIENCE).await
        }
        #[cfg(not(feature = "secret-service"))]
        PasswordSource::SecretService(_) => Err(no_password(
            "this postrider was built without the Secret Service".to_owned(),
        )),
        PasswordSource::Credential(name) => {
            let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                no_password(format!(
                    "the credential {name} is set by systemd (LoadCredential={name}:FILE), and this \
                     process was not started with any"
                ))
            })?;
            from_file(Path::new(&directory).join(name), Whose::Managers).await
        }
    }
}

async fn from_file(path: PathBuf, whose: Whose) -> Result<Secret, EngineError> {
    let shown = path.display().to_string();
    let read = tokio::task::spawn_blocking(move || read(&path, whose));
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok(Ok(text))) => first_line(text, &shown),
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(_)) => Err(no_password(format!("{shown}: reading it was cancelled"))),
        Err(_) => {
            let seconds = PATIENCE.as_secs();
            Err(no_password(format!(
                "{shown}: nothing came out of it for {seconds} s"
            )))
        }
    }
}

/// Who sees to it that nobody else reads a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    /// The user does.
    Users,
    /// The service manager does, by means that a mode does not show (an ACL).
    Managers,
}

fn read(path: &Path, whose: Whose) -> Result<Zeroizing<Vec<u8>>, EngineError> {
    let failed = |error: io::Error| no_password(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    if whose == Whose::Users {
        // Of the file that is open, not of the name, which may have been given to another one since.
        private::check(path, &file.metadata().map_err(failed)?)?;
    }
    // As large as it may become: growing would leave copies behind that nobody wipes.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    let longest = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    file.take(longest).read_to_end(&mut text).map_err(failed)?;
    Ok(text)
}

/// The octets before the first line end, without a CR before it. What follows is not looked at.
fn first_line(mut text: Zeroizing<Vec<u8>>, from: &str) -> Result<Secret, EngineError> {
    let end = text.iter().position(|octet| *octet == b'\n');
    let end = end.unwrap_or(text.len());
    text.truncate(end);
    if text.last() == Some(&b'\r') {
        text.pop();
    }
    if text.is_empty() {
        return Err(no_password(format!("{from} gave an empty first line")));
    }
    match String::from_utf8(std::mem::take(&mut *text)) {
        Ok(text) => Ok(Secret::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(no_password(format!(
                "{from} gave something that is not UTF-8"
            )))
        }
    }
}

const fn no_password(reason: String) -> EngineError {
    EngineError::Password { reason }
}

#[cfg(test)]
mod tests;
