//! Whether we were alone in a mailbox while we delivered into it.
//!
//! A mailbox whose directories changed is read before it is trusted ([`mod@crate::scan`]), and our own
//! deliveries change them: a mailbox of a million messages would be read because of one new one.
//! [`Alone`] hears by inotify(7) of every change from before the first delivery to after the last, and
//! where all of them are ours, the [`Stamp`] taken at the end stands for what is known.
//!
//! Whatever is in doubt, a lost event, a coarse clock, a system without watches, counts as company:
//! then the mailbox is read, which is slower and never wrong.

use crate::entry::{Entry, Subdir};
use crate::mailbox::Mailbox;
use crate::scan::{Stamp, stamp};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::thread;
use std::time::{Duration, Instant};

/// What changes which files there are.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::ONLYDIR);

/// What a delivery of ours looks like: renamed into place, or linked where renaming cannot refuse to
/// replace.
const OURS: ReadFlags = ReadFlags::MOVED_TO.union(ReadFlags::CREATE);

/// A change within one tick of the file system's clock may leave the time of its directory as it is.
/// The tick is 10 ms at most on Linux (`CONFIG_HZ=100`).
const TICK: Duration = Duration::from_millis(10);

/// The longest that [`Alone::stamps`] waits for the clock to go on. Times ahead of it are not ours.
const PATIENCE: Duration = Duration::from_millis(50);

/// Mailboxes under watch. Costs two watches each, for as long as it lives.
#[derive(Debug)]
pub struct Alone {
    queue: OwnedFd,
    places: HashMap<Mailbox, Place>,
    by_watch: HashMap<i32, Mailbox>,
    /// Whose events have not been read yet.
    placed: HashSet<(i32, OsString)>,
}

#[derive(Debug)]
struct Place {
    new: i32,
    cur: i32,
    company: bool,
}

impl Alone {
    /// Watches nothing yet; `None` where the system has no watches to give.
    #[must_use]
    pub fn new() -> Option<Self> {
        let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        Some(Self {
            queue,
            places: HashMap::new(),
            by_watch: HashMap::new(),
            placed: HashSet::new(),
        })
    }

    /// Watches a mailbox of whose files all are known as of `known`; without that, only an empty
    /// mailbox can be known. To be called before the first delivery into it; later calls do nothing.
    pub fn watch(&mut self, mailbox: &Mailbox, known: Option<Stamp>) {
        if self.places.contains_key(mailbox) {
            return;
        }
        let add = |subdir| inotify::add_watch(&self.queue, mailbox.subdir(subdir), CHANGES);
        let (Ok(new), Ok(cur)) = (add(Subdir::New), add(Subdir::Cur)) else {
            return;
        };
        let unknown = match known {
            Some(known) => stamp(mailbox).ok() != Some(known),
            None => !is_empty(mailbox),
        };
        let company = unknown || !hears_everybody(mailbox);
        for watch in [new, cur] {
            self.by_watch.insert(watch, mailbox.clone());
        }
        let place = Place { new, cur, company };
        self.places.insert(mailbox.clone(), place);
    }

    /// A file of ours is about to be delivered.
    pub fn expect(&mut self, mailbox: &Mailbox, entry: &Entry) {
        if let Some(place) = self.places.get(mailbox) {
            let watch = match entry.subdir {
                Subdir::New => place.new,
                Subdir::Cur => place.cur,
            };
            self.placed.insert((watch, entry.file_name.as_str().into()));
        }
    }

    /// Reads what has happened so far. To be called after every batch, so that nothing is lost: the
    /// system keeps some thousands of events.
    pub fn listen(&mut self) {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1_024];
        let mut reader = Reader::new(&self.queue, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_bytes().to_vec());
                    let name = OsString::from_vec(name.unwrap_or_default());
                    let ours =
                        event.events().intersects(OURS) && self.placed.remove(&(event.wd(), name));
                    if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                        self.places.values_mut().for_each(|p| p.company = true);
                    } else if !ours
                        && let Some(mailbox) = self.by_watch.get(&event.wd())
                        && let Some(place) = self.places.get_mut(mailbox)
                    {
                        place.company = true;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.places.values_mut().for_each(|p| p.company = true);
                    break;
                }
            }
        }
    }

    /// The mailboxes that nobody else changed, each with the stamp that stands for what is known. Waits
    /// a tick of the clock.
    #[must_use]
    pub fn stamps(mut self) -> Vec<(Mailbox, Stamp)> {
        self.listen();
        let alone = |(mailbox, place): (&Mailbox, &Place)| {
            let taken = stamp(mailbox).ok().filter(|_| !place.company);
            taken
                .filter(Stamp::is_fine)
                .map(|stamp| (mailbox.clone(), stamp))
        };
        let mut taken: Vec<(Mailbox, Stamp)> = self.places.iter().filter_map(alone).collect();
        let newest = taken
            .iter()
            .map(|(_, stamp)| stamp.new_ns.max(stamp.cur_ns));
        if !newest.max().is_none_or(passed) {
            return Vec::new();
        }
        // What happened before the clock went on is heard now; what happens later has another time.
        self.listen();
        let still = |(mailbox, taken): &(Mailbox, Stamp)| {
            let alone = self.places.get(mailbox).is_some_and(|p| !p.company);
            alone && stamp(mailbox).ok() == Some(*taken)
        };
        taken.retain(still);
        taken
    }
}

/// Whether the clock of file times has gone past `time_ns`; waits for it if it soon will.
fn passed(time_ns: i64) -> bool {
    let begun = Instant::now();
    loop {
        let now = clock_gettime(ClockId::RealtimeCoarse);
        let now_ns = now.tv_sec.saturating_mul(1_000_000_000) + now.tv_nsec;
        let ahead = time_ns.saturating_sub(now_ns);
        if ahead < 0 {
            return true;
        }
        if begun.elapsed() >= PATIENCE {
            return false;
        }
        thread::sleep(TICK / 4);
    }
}

/// Whether inotify tells of all changes: on file systems that other machines change too, it does not.
fn hears_everybody(mailbox: &Mailbox) -> bool {
    /// By `f_type` (statfs(2)): ext, XFS, Btrfs, F2FS, tmpfs, ZFS, overlay, bcachefs.
    const LOCAL: [u64; 8] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0x0102_1994,
        0x2fc1_2fc1,
        0x794c_7630,
        0xca45_1a4e,
    ];
    let told = rustix::fs::statfs(mailbox.dir());
    // Its type differs from one processor to the next; the number does not.
    told.is_ok_and(|told| u64::try_from(told.f_type).is_ok_and(|kind| LOCAL.contains(&kind)))
}

fn is_empty(mailbox: &Mailbox) -> bool {
    let nothing_in = |subdir| {
        let files = std::fs::read_dir(mailbox.subdir(subdir));
        files.is_ok_and(|mut files| files.next().is_none())
    };
    nothing_in(Subdir::New) && nothing_in(Subdir::Cur)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn mailbox(root: &Path, name: &str) -> Mailbox {
        let mailbox = Mailbox::new(root, Path::new(name));
        mailbox.create().unwrap();
        mailbox
    }

    fn deliver(alone: &mut Alone, mailbox: &Mailbox, name: &str) {
        let entry = Entry::parse(name).unwrap();
        alone.expect(mailbox, &entry);
        let tmp = mailbox.tmp().join("x");
        fs::write(&tmp, "x").unwrap();
        fs::rename(tmp, mailbox.path_of(&entry)).unwrap();
        alone.listen();
    }

    fn alone_in(alone: Alone) -> Vec<Mailbox> {
        let stamps = alone.stamps();
        for (mailbox, taken) in &stamps {
            assert_eq!(stamp(mailbox).unwrap(), *taken);
        }
        stamps.into_iter().map(|(mailbox, _)| mailbox).collect()
    }

    #[test]
    fn our_own_deliveries_are_no_company() {
        let dir = tempfile::tempdir().unwrap();
        let (work, sent) = (mailbox(dir.path(), "Work"), mailbox(dir.path(), "Sent"));
        let mut alone = Alone::new().unwrap();
        alone.watch(&work, None);
        alone.watch(&sent, None);
        deliver(&mut alone, &work, "new/1.a.h");
        deliver(&mut alone, &work, "cur/2.b.h:2,S");
        deliver(&mut alone, &sent, "new/3.c.h");
        // A reader flags a message of the one; the other is known.
        fs::rename(
            work.dir().join("new/1.a.h"),
            work.dir().join("cur/1.a.h:2,S"),
        )
        .unwrap();
        assert_eq!(alone_in(alone), [sent]);
    }

    #[test]
    fn what_was_there_before_must_be_known() {
        let dir = tempfile::tempdir().unwrap();
        let work = mailbox(dir.path(), "Work");
        fs::write(work.dir().join("cur/1.a.h:2,"), "x").unwrap();
        let known = stamp(&work).unwrap();
        for (known, is_alone) in [
            (None, false),
            (Some(known), true),
            (Some(Stamp { new_ns: 1, ..known }), false),
        ] {
            let mut alone = Alone::new().unwrap();
            alone.watch(&work, known);
            assert_eq!(alone_in(alone).len() == 1, is_alone, "{known:?}");
        }
    }

    #[test]
    fn one_delivery_is_ours_once() {
        let dir = tempfile::tempdir().unwrap();
        let work = mailbox(dir.path(), "Work");
        let mut alone = Alone::new().unwrap();
        alone.watch(&work, None);
        deliver(&mut alone, &work, "new/1.a.h");
        fs::remove_file(work.dir().join("new/1.a.h")).unwrap();
        fs::write(work.dir().join("new/1.a.h"), "another").unwrap();
        assert!(alone_in(alone).is_empty());
    }

    #[test]
    fn a_time_of_whole_seconds_is_no_stamp() {
        let coarse = |new_ns, cur_ns| Stamp { new_ns, cur_ns }.is_fine();
        assert!(!coarse(5_000_000_000, 4_000_000_000));
        assert!(coarse(5_000_000_001, 4_000_000_000));
        assert!(passed(0));
        assert!(!passed(i64::MAX));
    }
}
