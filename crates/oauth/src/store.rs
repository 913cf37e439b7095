//! The file in which an account's tokens are kept, and the lock beside it.
//!
//! It is replaced, never written in place: a new file, flushed, takes its name, and the directory is
//! flushed. So whoever reads it sees the tokens before or those after, whatever crashes when.

use crate::error::OAuthError;
use postrider_core::secret::Secret;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// Whoever holds the lock asks the server once, which has a limit of its own.
const PATIENCE: Duration = Duration::from_secs(45);

/// How often a lock is tried.
const AGAIN: Duration = Duration::from_millis(50);

/// A file that is longer is none of ours, in octets.
const LONGEST: u64 = 256 * 1024;

/// What is written down of an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    /// Whose tokens these are: they are shown to nobody else.
    pub(crate) token_url: String,
    /// To whom they were given.
    pub(crate) client_id: String,
    #[serde(with = "secret")]
    pub(crate) access_token: Option<Secret>,
    #[serde(with = "secret")]
    pub(crate) refresh_token: Option<Secret>,
    /// When the access token was given, in seconds since the epoch.
    pub(crate) given_at: u64,
    /// When it ends; `None`: nobody said.
    pub(crate) expires_at: Option<u64>,
    /// Why the server takes the refresh token no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// Where an account's tokens are kept.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    path: PathBuf,
}

/// Held: nobody else asks for this account's tokens.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Store {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// What is there; `None`: nothing.
    pub(crate) async fn read(&self) -> Result<Option<Tokens>, OAuthError> {
        let path = self.path.clone();
        on_disk(&self.path, move || read(&path)).await
    }

    /// Replaces what is there. When it returns, a power cut takes nothing back.
    pub(crate) async fn write(&self, tokens: &Tokens) -> Result<(), OAuthError> {
        let (path, tokens) = (self.path.clone(), tokens.clone());
        on_disk(&self.path, move || {
            replace(&path, &tokens).map_err(failed(&path))
        })
        .await
    }

    /// Replaces what is there by itself: whether it could be replaced by something else.
    pub(crate) async fn write_again(&self) -> Result<(), OAuthError> {
        match self.read().await? {
            Some(tokens) => self.write(&tokens).await,
            None => Ok(()),
        }
    }

    /// Waits for its turn to ask for tokens, and no longer than others may take.
    pub(crate) async fn lock(&self) -> Result<Lock, OAuthError> {
        let path = self.path.with_extension("lock");
        let since = Instant::now();
        loop {
            let at = path.clone();
            let tried = on_disk(&path, move || try_lock(&at).map_err(failed(&at))).await?;
            if let Some(lock) = tried {
                return Ok(lock);
            }
            if since.elapsed() > PATIENCE {
                return Err(OAuthError::Locked { path });
            }
            sleep(AGAIN).await;
        }
    }
}

async fn on_disk<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce() -> Result<T, OAuthError> + Send + 'static,
) -> Result<T, OAuthError> {
    let lost = |_| failed(path)(io::Error::other("a disk job ended without an answer"));
    spawn_blocking(work).await.map_err(lost)?
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> OAuthError {
    move |source| OAuthError::File {
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path) -> Result<Option<Tokens>, OAuthError> {
    let file = match open_no_link(OpenOptions::new().read(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path)(error)),
    };
    let mode = file.metadata().map_err(failed(path))?.mode();
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(OAuthError::Exposed { path, mode });
    }
    let mut text = Zeroizing::new(Vec::new());
    let taken = file.take(LONGEST).read_to_end(&mut text);
    taken.map_err(failed(path))?;
    let tokens = serde_json::from_slice(&text).map_err(|error| {
        // Where, but not what: it bears tokens.
        let place = format!("line {}, column {}", error.line(), error.column());
        let what = format!("it is not what postrider writes there ({place})");
        failed(path)(io::Error::new(io::ErrorKind::InvalidData, what))
    })?;
    Ok(Some(tokens))
}

fn replace(path: &Path, tokens: &Tokens) -> io::Result<()> {
    let dir = make_dir_of(path)?;
    let text = Zeroizing::new(serde_json::to_vec(tokens)?);
    // Under the lock there is one writer: what lies there under this name, a crash has left.
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(&new)?;
    file.write_all(&text)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}

/// `None`: somebody else has it.
fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    make_dir_of(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = open_no_link(&mut options).open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn make_dir_of(path: &Path) -> io::Result<&Path> {
    let dir = path.parent().unwrap_or_else(|| Path::new("/"));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    check_owner(dir, (fs::metadata(dir)?.uid(), geteuid().as_raw()))?;
    Ok(dir)
}

/// Root may write everywhere, and what it writes the daemon's own user cannot read.
fn check_owner(dir: &Path, (owner, us): (u32, u32)) -> io::Result<()> {
    if owner == us {
        return Ok(());
    }
    let dir = dir.display();
    let what = format!("{dir} belongs to user {owner}, and this is user {us}: run it as that user");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}

/// Nobody leads us to another file by a link.
fn open_no_link(options: &mut OpenOptions) -> &mut OpenOptions {
    let flags = OFlags::NOFOLLOW.bits();
    options.custom_flags(i32::try_from(flags).unwrap_or_default())
}

/// Secrets become text here and nowhere else.
mod secret {
    use postrider_core::secret::Secret;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<Secret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::reveal).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        Ok(text.map(Secret::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn tokens(access: &str) -> Tokens {
        Tokens {
            token_url: "https://h/token".to_owned(),
            client_id: "id".to_owned(),
            access_token: Some(Secret::new(access.to_owned())),
            refresh_token: Some(Secret::new("refresh".to_owned())),
            given_at: 1,
            expires_at: None,
            refused: None,
        }
    }

    #[tokio::test]
    async fn what_is_written_is_ours_alone_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("oauth/home.json");
        let store = Store::new(&path);
        assert!(store.read().await.unwrap().is_none());
        store.write(&tokens("one")).await.unwrap();
        // A crash has left half a file: the next writer is not stopped by it.
        fs::write(path.with_extension("new"), "{\"tok").unwrap();
        store.write(&tokens("two")).await.unwrap();
        let read = store.read().await.unwrap().unwrap();
        assert_eq!(read.access_token.unwrap().reveal(), "two");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(!path.with_extension("new").exists());
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_refused_and_a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home.json");
        let store = Store::new(&path);
        store.write(&tokens("one")).await.unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = store.read().await.unwrap_err();
        assert!(matches!(error, OAuthError::Exposed { .. }), "{error:?}");
        let elsewhere = dir.path().join("elsewhere.json");
        Store::new(&elsewhere).write(&tokens("x")).await.unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(store.read().await.is_err());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told_without_a_word_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("home.json");
        fs::write(
            &path,
            r#"{"refresh_token": "hunter2", "unknown": "hunter3"}"#,
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = Store::new(&path).read().await.unwrap_err();
        let story = crate::client::story(&error);
        assert!(story.contains("not what postrider writes"), "{story}");
        assert!(!story.contains("hunter"), "{story}");
    }

    #[test]
    fn a_directory_of_somebody_else_is_left_alone() {
        let dir = Path::new("/state");
        check_owner(dir, (7, 7)).unwrap();
        let error = check_owner(dir, (7, 0)).unwrap_err().to_string();
        assert!(error.contains("/state belongs to user 7"), "{error}");
    }

    #[tokio::test]
    async fn one_at_a_time_has_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(&dir.path().join("home.json"));
        let lock = store.lock().await.unwrap();
        let path = dir.path().join("home.lock");
        assert!(try_lock(&path).unwrap().is_none());
        drop(lock);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
