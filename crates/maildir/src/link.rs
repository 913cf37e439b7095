//! A further name for a message that is here already: Gmail shows one message in several mailboxes,
//! and the disk needs it once.

use crate::error::MaildirError;
use crate::incoming::{Header, Received, TmpFile};
use crate::mailbox::Mailbox;
use crate::name::{self, Namer};
use postrider_core::message::Sha256;
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use sha2::Digest;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Octets per read.
const CHUNK: usize = 128 * 1_024;

/// What the file to be linked must hold, as recorded when it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    /// Octets of the file.
    pub octets: u64,
    /// Octets with CRLF line ends.
    pub octets_crlf: u64,
    /// The hash of its octets.
    pub sha256: Sha256,
}

/// Gives the file at `source` a further name in the mailbox's `tmp`, from where it is delivered like
/// one that was received. `None` when it is not there, cannot be linked (another file system), or does
/// not hold what it should: then the message must be fetched.
///
/// What is compared is what was linked, so nobody can change it in between.
///
/// # Errors
/// When the system refuses to make or read the link for any other reason.
pub fn link(
    mailbox: &Mailbox,
    namer: &Namer,
    now_micros: u64,
    source: &Path,
    original: &Original,
) -> Result<Option<Received>, MaildirError> {
    let unique = namer.unique(now_micros);
    let path = mailbox.tmp().join(&unique);
    match rustix::fs::linkat(CWD, source, CWD, &path, AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::NOENT | Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP) => {
            return Ok(None);
        }
        Err(error) => return Err(MaildirError::io("link", source)(error)),
    }
    let tmp = TmpFile { path, armed: true };
    // A symbolic link or a pipe in its place holds no message.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Ok(file) = rustix::fs::open(&tmp.path, flags, Mode::empty()) else {
        return Ok(None);
    };
    let mut file = File::from(file);
    let failed = |error| MaildirError::io("read", &tmp.path)(error);
    let found = file.metadata().map_err(failed)?;
    if !found.is_file() {
        return Ok(None);
    }
    let (mut hasher, mut header, mut octets) = (sha2::Sha256::new(), Header::default(), 0_u64);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = file.read(&mut chunk).map_err(failed)?;
        let Some(read) = chunk.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        hasher.update(read);
        header.take(read);
        octets += read.len() as u64;
    }
    let sha256 = Sha256(hasher.finalize().into());
    if sha256 != original.sha256 || octets != original.octets {
        return Ok(None);
    }
    Ok(Some(Received {
        base: name::base(&unique, (octets, original.octets_crlf), &sha256),
        tmp,
        unique,
        octets,
        octets_crlf: original.octets_crlf,
        sha256,
        header: header.finish(),
        file: Some(file),
        device: Some(found.dev()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::{Placement, flush, place};
    use postrider_core::flag::FlagSet;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn original(octets: &[u8]) -> Original {
        Original {
            octets: octets.len() as u64,
            octets_crlf: 99,
            sha256: Sha256(sha2::Sha256::digest(octets).into()),
        }
    }

    fn namer() -> Namer {
        Namer::new("host", 1, "0123abcd")
    }

    #[test]
    fn one_message_has_two_names_and_lies_on_the_disk_once() {
        let root = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::new(root.path(), Path::new("m"));
        mailbox.create().unwrap();
        let source = root.path().join("original");
        let octets = b"Subject: x\n\nbody\n";
        fs::write(&source, octets).unwrap();
        let linked = link(&mailbox, &namer(), 7, &source, &original(octets));
        let mut received = linked.unwrap().unwrap();
        assert_eq!(received.header, b"Subject: x\n");
        assert!(received.base.ends_with(",S=17,W=99"), "{}", received.base);
        flush(&[&received], None).unwrap();
        let placement = Placement::for_flags(&FlagSet::new());
        let entry = place(&mut received, &mailbox, &placement).unwrap();
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(inode(&source), inode(&mailbox.path_of(&entry)));
    }

    #[test]
    fn r1_what_does_not_hold_what_it_should_is_not_linked() {
        let root = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::new(root.path(), Path::new("m"));
        mailbox.create().unwrap();
        let source = root.path().join("original");
        let try_it = || link(&mailbox, &namer(), 7, &source, &original(b"right\n")).unwrap();
        assert!(try_it().is_none(), "missing");
        fs::write(&source, "wrong\n").unwrap();
        assert!(try_it().is_none(), "changed");
        fs::remove_file(&source).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &source).unwrap();
        assert!(try_it().is_none(), "a symbolic link");
        assert_eq!(fs::read_dir(mailbox.tmp()).unwrap().count(), 0);
    }
}
