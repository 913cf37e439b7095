//! The watch on real directories: what is marked, and what is listened to.

use super::*;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What is waited for takes a fraction of it.
const A_WHILE: Duration = Duration::from_secs(20);

/// A tree under watch, without an account.
struct Tree {
    home: TempDir,
    listener: Arc<Listener>,
    marks: Arc<Marks>,
    stop: ShutdownTrigger,
    tending: JoinHandle<()>,
}

impl Tree {
    /// Two mailboxes, covered.
    async fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        make(&home.path().join("mail/INBOX"));
        make(&home.path().join("mail/Work/Projects"));
        Self::over(home).await
    }

    async fn over(home: TempDir) -> Self {
        let (listener, marks) = (Arc::<Listener>::default(), Arc::<Marks>::default());
        let (stop, stopped) = Shutdown::new();
        let (cover, covered) = oneshot::channel();
        let task = Tending {
            cover: Cover::new(
                (&home.path().join("mail"), Reach::Tree),
                (&listener, &marks),
                &stopped,
            ),
            account: "home".into(),
            marks: Arc::clone(&marks),
            stopped,
        };
        let tending = tokio::spawn(task.run(cover));
        covered.await.unwrap();
        marks.take_changes();
        Self {
            home,
            listener,
            marks,
            stop,
            tending,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.home.path().join("mail").join(below)
    }

    /// Puts an empty message there.
    fn put(&self, file: &str) {
        fs::write(self.path(file), "").unwrap();
    }

    /// Gathers what is marked until `wanted` is: relative to the tree.
    async fn marked(&self, wanted: impl Fn(&BTreeSet<String>) -> bool) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let root = self.path("");
        let gathered = async {
            while !wanted(&seen) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                let changed = self.marks.take_changes();
                let below = changed.iter().map(|path| path.strip_prefix(&root).unwrap());
                seen.extend(below.map(|path| path.display().to_string()));
            }
        };
        let is_late = tokio::time::timeout(A_WHILE, gathered).await.is_err();
        assert!(!is_late, "{seen:?}");
        seen
    }

    /// Waits until so many directories are listened to.
    async fn listening(&self, directories: usize) {
        let deadline = Instant::now() + A_WHILE;
        while self.listener.directories() != directories {
            assert!(Instant::now() < deadline, "{}", self.listener.directories());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// What is marked until what has happened so far was heard: a file put into INBOX says so.
    async fn marked_so_far(&self) -> BTreeSet<String> {
        self.put("INBOX/cur/the-last");
        let mut marked = self.marked(|seen| seen.contains("INBOX/cur")).await;
        marked.remove("INBOX/cur");
        marked
    }
}

/// Each a directory with `cur`, `new` and `tmp`.
fn make(mailbox: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(mailbox.join(part)).unwrap();
    }
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_mark_their_directory_and_strangers_mark_nothing() {
    let tree = Tree::new().await;
    tree.listening(9 - 1).await;
    for (file, to) in [
        ("INBOX/tmp/a", "INBOX/tmp/b"),
        ("INBOX/dovecot.index.tmp", "INBOX/dovecot.index"),
        ("dovecot-uidvalidity.tmp", "dovecot-uidvalidity"),
        ("Work/notes.tmp", "Work/notes.txt"),
    ] {
        tree.put(file);
        fs::rename(tree.path(file), tree.path(to)).unwrap();
        fs::read(tree.path(to)).unwrap();
        fs::remove_file(tree.path(to)).unwrap();
    }
    fs::read_dir(tree.path("Work/Projects/cur"))
        .unwrap()
        .count();
    assert_eq!(tree.marked_so_far().await, set([]));
    tree.put("INBOX/tmp/a");
    fs::rename(tree.path("INBOX/tmp/a"), tree.path("INBOX/new/a")).unwrap();
    tree.marked(|seen| *seen == set(["INBOX/new"])).await;
    let moved = tree.path("Work/Projects/cur/a:2,S");
    fs::rename(tree.path("INBOX/new/a"), &moved).unwrap();
    let both = set(["INBOX/new", "Work/Projects/cur"]);
    tree.marked(|seen| *seen == both).await;
    fs::read(&moved).unwrap();
    assert_eq!(tree.marked_so_far().await, set([]), "a message was read");
    fs::remove_file(moved).unwrap();
    tree.marked(|seen| *seen == set(["Work/Projects/cur"]))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_200_messages_in_200_directories_made_in_one_go_every_one_is_seen() {
    let tree = Tree::new().await;
    let mut wanted = BTreeSet::new();
    for n in 0..200 {
        let mailbox = tree.path(&format!("Lists/l{n}"));
        make(&mailbox);
        fs::write(mailbox.join("new/a"), "").unwrap();
        wanted.insert(format!("Lists/l{n}/new"));
    }
    tree.marked(|seen| seen.is_superset(&wanted)).await;
    tree.listening(8 + 1 + 600).await;
    tree.marks.take_changes();
    tree.put("Lists/l199/new/b");
    tree.marked(|seen| seen.contains("Lists/l199/new")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_directory_is_heard_under_its_name_and_one_that_is_gone_marks_nothing() {
    let tree = Tree::new().await;
    fs::rename(tree.path("Work"), tree.path("Play")).unwrap();
    let there = set(["Play/Projects/cur", "Play/Projects/new"]);
    assert_eq!(tree.marked(|seen| seen.len() == 2).await, there);
    tree.listening(8).await;
    tree.put("Play/Projects/new/a");
    tree.marked(|seen| *seen == set(["Play/Projects/new"]))
        .await;
    let aside = tree.home.path().join("aside");
    fs::rename(tree.path("Play"), &aside).unwrap();
    tree.listening(4).await;
    fs::write(aside.join("Projects/new/b"), "").unwrap();
    assert_eq!(tree.marked_so_far().await, set([]));
    // Another one in its place, at once, is heard too.
    make(&tree.path("Play"));
    fs::rename(tree.path("Play"), tree.home.path().join("more")).unwrap();
    make(&tree.path("Play"));
    tree.listening(7).await;
    tree.marks.take_changes();
    tree.put("Play/new/c");
    tree.marked(|seen| seen.contains("Play/new")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r5_a_root_that_goes_and_comes_is_no_change_until_it_is_back() {
    let tree = Tree::new().await;
    let aside = tree.home.path().join("aside");
    fs::rename(tree.path(""), &aside).unwrap();
    tree.listening(0).await;
    assert_eq!(tree.marks.due(), None, "a tree that is gone was marked");
    fs::write(aside.join("INBOX/new/a"), "").unwrap();
    fs::rename(&aside, tree.path("")).unwrap();
    let whole = set([
        "INBOX/cur",
        "INBOX/new",
        "Work/Projects/cur",
        "Work/Projects/new",
    ]);
    assert_eq!(tree.marked(|seen| seen.len() == 4).await, whole);
    // Removed and made anew, which may be given the same inode.
    fs::remove_dir_all(tree.path("")).unwrap();
    make(&tree.path("INBOX"));
    tree.listening(4).await;
    tree.marks.take_changes();
    tree.put("INBOX/new/a");
    tree.marked(|seen| seen.contains("INBOX/new")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_is_not_there_yet_is_covered_when_it_comes() {
    let tree = Tree::over(tempfile::tempdir().unwrap()).await;
    assert_eq!(tree.listener.directories(), 0);
    make(&tree.path("INBOX"));
    tree.marked(|seen| seen.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_links_are_not_followed_but_the_root_may_be_one() {
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    let outside = home.path().join("outside");
    make(&disk.join("INBOX"));
    make(&outside);
    symlink(&disk, home.path().join("mail")).unwrap();
    symlink(&outside, disk.join("Linked")).unwrap();
    symlink("../disk", disk.join("Loop")).unwrap();
    let tree = Tree::over(home).await;
    tree.listening(4).await;
    symlink(&outside, tree.path("INBOX/link")).unwrap();
    fs::rename(tree.path("INBOX/link"), tree.path("Later")).unwrap();
    fs::write(outside.join("new/a"), "").unwrap();
    assert_eq!(tree.marked_so_far().await, set([]));
    tree.listening(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_in_an_overflow_is_looked_for_everywhere() {
    let tree = Tree::new().await;
    let queue = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let queue: usize = queue.trim().parse().unwrap();
    let deaf = tree.listener.deafen();
    // A write is three events at least. The thread that hears may have taken some from the queue.
    for n in 0..queue / 2 {
        tree.put(&format!("INBOX/new/{n}"));
    }
    // Nothing of this fits into the queue.
    make(&tree.path("Late"));
    tree.put("Late/new/a");
    tree.put("Work/Projects/cur/a:2,S");
    drop(deaf);
    let lost = set(["Late/new", "Work/Projects/cur"]);
    tree.marked(|seen| seen.is_superset(&lost)).await;
    tree.listening(8 + 3).await;
    tree.marks.take_changes();
    tree.put("Late/new/b");
    tree.marked(|seen| seen.contains("Late/new")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_may_share_a_tree_and_the_last_leaves_nothing_behind() {
    let tree = Tree::new().await;
    let marks = Arc::<Marks>::default();
    make(&tree.path("INBOX/Below"));
    tree.listening(8 + 3).await;
    let maildrop = tree.path("INBOX");
    let (_stop, stopped) = Shutdown::new();
    let ears = (&tree.listener, &marks);
    let mut other = Cover::new((&maildrop, Reach::Root), ears, &stopped);
    other.tend(&marks.take_work(), Instant::now());
    marks.take_changes();
    tree.put("INBOX/Below/new/a");
    tree.marked(|seen| seen.contains("INBOX/Below/new")).await;
    assert_eq!(
        marks.take_changes().len(),
        0,
        "it is the tree's, not the maildrop's"
    );
    tree.put("INBOX/new/a");
    tree.marked(|seen| seen.contains("INBOX/new")).await;
    assert_eq!(marks.take_changes().len(), 1);
    other.end();
    tree.put("INBOX/new/b");
    tree.marked(|seen| seen.contains("INBOX/new")).await;
    assert_eq!(marks.take_changes().len(), 0);
    assert!(tree.listener.is_running());
    tree.stop.request();
    tree.tending.await.unwrap();
    assert_eq!(tree.listener.directories(), 0);
    assert!(!tree.listener.is_running());
}
