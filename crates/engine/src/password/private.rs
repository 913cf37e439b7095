//! Whether a file that holds a secret is its owner's alone to read.

use super::no_password;
use crate::error::EngineError;
use rustix::process::geteuid;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Complains of a file that others may read, or that is another user's: whoever may write a password may send us
/// to log in as somebody else. A file of root's may be our group's to read, as is usual for a service that is not to
/// change it.
pub(super) fn check(path: &Path, file: &Metadata) -> Result<(), EngineError> {
    let we = geteuid().as_raw();
    judge((file.uid(), file.mode() & 0o7777), we)
        .map_err(|problem| no_password(format!("{}: {}", path.display(), problem(path))))
}

type Words = fn(&Path) -> String;

fn judge((owner, mode): (u32, u32), we: u32) -> Result<(), Words> {
    if owner != we && owner != 0 {
        return Err(|path| {
            let path = path.display();
            format!("it belongs to another user: chown \"$(id -un)\" {path}")
        });
    }
    let may_share = owner == 0 && we != 0;
    if mode & 0o004 != 0 || (mode & 0o040 != 0 && !may_share) {
        return Err(|path| format!("others can read it: chmod 600 {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_read_a_secret() {
        const ADA: u32 = 1_000;
        let said = |file, we| judge(file, we).err().map(|words| words(Path::new("/s")));
        for mode in [0o600, 0o400, 0o700, 0o620] {
            assert_eq!(said((ADA, mode), ADA), None);
            assert_eq!(said((0, mode), ADA), None);
            assert_eq!(said((0, mode), 0), None);
        }
        // root:postrider, 0640.
        assert_eq!(said((0, 0o640), ADA), None);
        for (file, we) in [
            ((ADA, 0o640), ADA),
            ((ADA, 0o604), ADA),
            ((0, 0o604), ADA),
            ((0, 0o640), 0),
        ] {
            assert_eq!(
                said(file, we).as_deref(),
                Some("others can read it: chmod 600 /s")
            );
        }
        for (owner, we) in [(ADA + 1, ADA), (ADA, 0)] {
            let said = said((owner, 0o600), we).unwrap();
            assert!(said.starts_with("it belongs to another user"), "{said}");
        }
    }
}
