//! Clearing away what a killed delivery left in `tmp`.

use crate::error::MaildirError;
use crate::mailbox::Mailbox;
use crate::name::token_of;
use postrider_core::time::Now;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

/// Seconds; 36 hours, what maildir(5) gives a file in `tmp`.
const ABANDONED: i64 = 36 * 60 * 60;

/// Removes unfinished files and says how many: those whose token `is_dead` knows as one of our own
/// dead processes', and those of our pattern that nobody touched for 36 hours. Nobody else's, ever.
///
/// Bring the journal's open deliveries to their end first ([`crate::resume`]): they lie in `tmp` too.
///
/// # Errors
/// When the directory cannot be read or a file cannot be removed.
pub fn sweep(
    mailbox: &Mailbox,
    now: Now,
    is_dead: impl Fn(&str) -> bool,
) -> Result<usize, MaildirError> {
    let tmp = mailbox.tmp();
    let failed = |error: std::io::Error| MaildirError::io("read", &tmp)(error);
    let mut removed = 0;
    for found in fs::read_dir(&tmp).map_err(failed)? {
        let found = found.map_err(failed)?;
        let name = found.file_name();
        let Some(token) = name.to_str().and_then(token_of) else {
            continue;
        };
        let path = found.path();
        let metadata = match found.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(MaildirError::io("look at", &path)(error)),
        };
        // Not the modification time: that is the message's INTERNALDATE, years ago perhaps.
        let age = now.0.as_seconds().saturating_sub(metadata.ctime());
        if !metadata.is_file() || !(is_dead(token) || age > ABANDONED) {
            continue;
        }
        match fs::remove_file(&path) {
            Ok(()) => removed += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(MaildirError::io("remove", &path)(error)),
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incoming::Incoming;
    use crate::name::Namer;
    use postrider_core::time::UnixTime;
    use std::path::Path;
    use std::time::SystemTime;

    fn present() -> i64 {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        i64::try_from(since.as_secs()).unwrap()
    }

    fn left(mailbox: &Mailbox) -> usize {
        fs::read_dir(mailbox.tmp()).unwrap().count()
    }

    #[test]
    fn only_our_dead_and_our_old_files_go() {
        let root = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::new(root.path(), Path::new(""));
        mailbox.create().unwrap();
        for token in ["dead0000dead0000", "1111222233334444"] {
            let incoming = Incoming::create(&mailbox, &Namer::new("h", 1, token), 0).unwrap();
            // An old INTERNALDATE does not make an old file.
            incoming
                .finish(Some(UnixTime::from_seconds(5)))
                .unwrap()
                .abandon();
        }
        fs::write(
            mailbox.tmp().join("1700000000.M1P2.vm"),
            "another program's",
        )
        .unwrap();
        fs::create_dir(mailbox.tmp().join("1.M1P1Q1Rdead0000dead0000.h")).unwrap();
        assert_eq!(left(&mailbox), 4);

        let dead = |token: &str| token == "dead0000dead0000";
        let at = |seconds: i64| Now(UnixTime::from_seconds(present() + seconds));
        assert_eq!(sweep(&mailbox, at(0), dead).unwrap(), 1);
        assert_eq!(sweep(&mailbox, at(ABANDONED - 60), dead).unwrap(), 0);
        assert_eq!(sweep(&mailbox, at(ABANDONED + 60), dead).unwrap(), 1);
        assert_eq!(left(&mailbox), 2);
    }
}
