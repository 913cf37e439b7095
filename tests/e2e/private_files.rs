//! On the built binary: modes whatever the umask, no link that leads elsewhere, and no state, configuration or secret that
//! others have a hand in.

use postrider_mailserver::{Account, Mailstore, Options, Server};
use postrider_tests::daemon::RunningDaemon;
use postrider_tests::postrider::{Home, binary, said};
use postrider_tests::rig::message;
use rustix::process::Signal;
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

struct Case {
    ada: Account,
    home: Home,
    _server: Server,
}

impl Case {
    async fn new() -> Self {
        let store = Mailstore::new();
        let ada = store.account("ada", "secret");
        ada.create("Work/Projects");
        for (n, mailbox) in ["INBOX", "Work/Projects"].into_iter().enumerate() {
            ada.append(
                mailbox,
                message(mailbox, n),
                &["\\Seen"][..n],
                1_700_000_000,
            );
        }
        let server = Server::start(store, Options::default()).await.unwrap();
        let home = Home::new(&format!(
            "state_dir: {{home}}/a/state\nruntime_dir: {{home}}/a/run\nlog: {{format: json}}\ndefaults:\n  host: 127.0.0.1\n  \
             tls: none\n  user: ada\n  password: {{file: \"{{home}}/secret\"}}\n  poll: 1h\naccounts:\n  \
             home: {{port: {}, maildir: \"{{home}}/b/Mail\"}}\n  isp: {{protocol: pop3, retention: keep, port: {}, maildir: \
             \"{{home}}/b/isp\"}}\n",
            server.imap_addr.port(),
            server.pop3_addr.port()
        ));
        fs::write(home.path().join("secret"), "secret\n").unwrap();
        mode(&home.path().join("secret"), 0o600);
        Self {
            ada,
            home,
            _server: server,
        }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.home.path().join(below)
    }

    /// A run that must end with this status; what it said.
    fn ends(&self, status: i32) -> String {
        let output = self.home.run(&["sync"]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{said}");
        said
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The binary behind a shell that sets the umask.
fn under_umask(umask: &str, home: &Home, argument: &str) -> Command {
    let inner = home.command(&[]);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("umask {umask} && exec \"$0\" {argument}")])
        .arg(binary())
        .env_clear()
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    shell
}

/// Everything below a directory with its mode; what is private is left out.
fn open_to_others(dir: &Path) -> Vec<String> {
    let mut open = Vec::new();
    let mut left = vec![dir.to_owned()];
    let mut seen = 0;
    while let Some(path) = left.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let (kind, mode) = (metadata.file_type(), metadata.permissions().mode() & 0o7777);
        let wanted = match kind.is_dir() {
            true => 0o700,
            false => 0o600,
        };
        if !kind.is_symlink() && mode != wanted {
            open.push(format!("{mode:04o} {}", path.display()));
        }
        assert!(kind.is_dir() || kind.is_file() || kind.is_symlink() || kind.is_socket());
        if kind.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
        seen += 1;
    }
    assert!(seen > 3, "{} holds something", dir.display());
    open
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_0600_and_directories_0700_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let case = Case::new().await;
        let output = under_umask(umask, &case.home, "sync").output().unwrap();
        assert!(output.status.success(), "{umask}: {}", said(&output));
        // What a daemon makes besides: its socket, and the files of an index that is open.
        let daemon = RunningDaemon::started_by(&case.home, under_umask(umask, &case.home, "run"));
        let mark = daemon.mark();
        case.ada
            .append("INBOX", message("INBOX", 7), &[], 1_700_000_000);
        daemon.signal(Signal::USR1);
        daemon.after(mark, "message.stored", "home");
        daemon.after(mark, "message.stored", "isp");
        assert!(
            fs::symlink_metadata(case.path("a/run/control.sock"))
                .unwrap()
                .file_type()
                .is_socket()
        );
        for dir in ["a", "b"] {
            assert_eq!(
                open_to_others(&case.path(dir)),
                Vec::<String>::new(),
                "{umask}"
            );
        }
        daemon.end(Signal::TERM).assert_orderly();
        for dir in ["a", "b"] {
            assert_eq!(
                open_to_others(&case.path(dir)),
                Vec::<String>::new(),
                "{umask}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r8_a_link_in_the_tree_that_leads_out_of_it_is_not_followed() {
    for part in ["INBOX", "INBOX/cur", "INBOX/new", "INBOX/tmp", "Work"] {
        let case = Case::new().await;
        case.home.succeed(&["sync"]);
        let outside = case.path("outside");
        for below in [
            "",
            "cur",
            "new",
            "tmp",
            "Projects/cur",
            "Projects/new",
            "Projects/tmp",
        ] {
            fs::create_dir_all(outside.join(below)).unwrap();
        }
        fs::write(outside.join("new/precious"), "Subject: precious\n\nbody\n").unwrap();
        let before = listing(&outside);
        let planted = case.path("b/Mail").join(part);
        fs::rename(&planted, case.path("b/aside")).unwrap();
        symlink(&outside, &planted).unwrap();
        for (n, mailbox) in ["INBOX", "Work/Projects"].into_iter().enumerate() {
            case.ada.append(
                mailbox,
                message(mailbox, 20 + n),
                &["\\Seen"][..n],
                1_700_000_000,
            );
        }
        let said = case.ends(74);
        assert!(
            said.contains("lies outside the mail tree"),
            "{part}: {said}"
        );
        assert_eq!(listing(&outside), before, "{part}");
        assert_eq!(
            case.ada.messages("INBOX").len(),
            2,
            "and nothing is deleted at the server"
        );
        // The link taken away, all is as it was.
        fs::remove_file(&planted).unwrap();
        fs::rename(case.path("b/aside"), &planted).unwrap();
        case.home.succeed(&["sync"]);
    }
}

fn listing(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            found.push(entry.path());
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_and_a_state_directory_may_be_links_to_another_disk() {
    let case = Case::new().await;
    for (link, target) in [("b", "disk-b"), ("a", "disk-a")] {
        fs::create_dir(case.path(target)).unwrap();
        mode(&case.path(target), 0o700);
        symlink(case.path(target), case.path(link)).unwrap();
    }
    case.home.succeed(&["sync"]);
    assert!(case.path("disk-b/Mail/INBOX/cur").is_dir());
    assert!(case.path("disk-a/state/index.db").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_that_others_have_a_hand_in_is_refused() {
    let case = Case::new().await;
    let state = case.path("a/state");
    fs::create_dir_all(&state).unwrap();
    for open in [0o777, 0o770, 0o1777] {
        mode(&state, open);
        let said = case.ends(78);
        assert!(
            said.contains("others can write the state directory"),
            "{said}"
        );
        assert!(said.contains("chmod go-w"), "{said}");
    }
    mode(&state, 0o700);
    let victim = case.path("victim");
    fs::write(&victim, "precious").unwrap();
    for name in ["lock", "index.db"] {
        symlink(&victim, state.join(name)).unwrap();
        let said = case.ends(78);
        assert!(said.contains("is no plain file"), "{said}");
        fs::remove_file(state.join(name)).unwrap();
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    if rustix::process::geteuid().is_root() {
        let before = listing(&state);
        std::os::unix::fs::chown(&state, Some(12_345), None).unwrap();
        let said = case.ends(78);
        assert!(
            said.contains("belongs to another user (uid 12345)"),
            "{said}"
        );
        assert!(said.contains("sudo -u"), "{said}");
        assert_eq!(listing(&state), before, "nothing was made in it");
        std::os::unix::fs::chown(&state, Some(0), None).unwrap();
    }
    case.home.succeed(&["sync"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_others_can_write_is_not_read() {
    let case = Case::new().await;
    for open in [0o666, 0o620, 0o602] {
        mode(&case.home.config(), open);
        let said = case.ends(78);
        assert!(said.contains("others can write it"), "{said}");
    }
    mode(&case.home.config(), 0o644);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(case.home.config(), Some(12_345), None).unwrap();
        let said = case.ends(78);
        assert!(
            said.contains("it belongs to another user (uid 12345)"),
            "{said}"
        );
        std::os::unix::fs::chown(case.home.config(), Some(0), None).unwrap();
    }
    case.home.succeed(&["sync"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_others_can_read_is_not_used() {
    let case = Case::new().await;
    mode(&case.path("secret"), 0o644);
    let said = case.ends(77);
    assert!(said.contains("others can read it: chmod 600 "), "{said}");
    mode(&case.path("secret"), 0o400);
    case.home.succeed(&["sync"]);
}
