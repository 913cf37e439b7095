//! Whose a configuration is. It names commands that run as us (`password`, `tunnel`, `on_new`), so whoever may write it
//! is us. As ssh does with its own, one that is another user's, or that others can write, is not read.

use rustix::process::geteuid;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;

/// Writing for the group and for others.
const OTHERS_WRITE: u32 = 0o022;

/// Refuses a file that somebody else than we and root could have written.
pub(super) fn check(file: &Metadata) -> io::Result<()> {
    judge((file.uid(), file.mode()), geteuid().as_raw())
        .map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, why))
}

fn judge((owner, mode): (u32, u32), we: u32) -> Result<(), String> {
    if owner != we && owner != 0 {
        return Err(format!(
            "it belongs to another user (uid {owner}), who could have anything run by you; run postrider as that \
             user, or make it your own: chown"
        ));
    }
    if mode & OTHERS_WRITE != 0 {
        let mode = mode & 0o7777;
        return Err(format!(
            "others can write it (mode {mode:04o}), and so have anything run by you: chmod go-w"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_we_and_root_write_what_is_run_by_us() {
        const ADA: u32 = 1_000;
        for file in [
            (ADA, 0o100_644),
            (ADA, 0o100_600),
            (0, 0o100_644),
            (0, 0o100_444),
        ] {
            judge(file, ADA).unwrap();
        }
        for (file, we) in [
            ((ADA + 1, 0o100_600), ADA),
            ((ADA, 0o100_664), ADA),
            ((ADA, 0o100_602), ADA),
            ((0, 0o100_666), ADA),
            // sudo does not make a user's file root's.
            ((ADA, 0o100_600), 0),
        ] {
            judge(file, we).unwrap_err();
        }
    }
}
