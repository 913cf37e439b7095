//! The built binary on real servers over implicit TLS: the same stories on Dovecot, Cyrus and Courier.

mod account;
mod changes;
mod crash;
mod expire;
mod mirror;

use postrider_tests::server::{Server, is_open};
use std::fs;
use std::time::{Duration, Instant};

pub(crate) use account::{fill, imap_config};

/// Every story as a test, on a server of this make.
macro_rules! stories {
    ($server:ty) => {
        stories! { $server:
            mirror::an_imap_account_is_mirrored_and_stays_on_the_server,
            changes::what_vanishes_at_the_server_stays_here_unless_told_otherwise,
            changes::a_message_moved_at_the_server_takes_its_file_along,
            changes::a_mailbox_renamed_at_the_server_is_renamed_here,
            crash::r3_an_imap_sync_killed_at_some_moments_heals,
            crash::r3_a_pop3_sync_killed_at_some_moments_heals,
            expire::r1_retention_delete_expunges_what_is_proven_and_nothing_else,
            expire::r1_r2_a_pop3_account_is_stored_proven_and_deleted,
        }
    };
    ($server:ty: $($file:ident::$story:ident,)*) => {
        #[test]
        fn the_server_ends_with_its_value() {
            super::assert_ends(<$server>::start());
        }

        $(
            #[test]
            fn $story() {
                super::$file::$story(&<$server>::start());
            }
        )*
    };
}

/// Nothing of a server is left when its test is over, a moment for the last of its processes granted.
fn assert_ends(server: impl Server) {
    let ports = server.ports();
    let ports = [ports.imap, ports.imaps, ports.pop3, ports.pop3s];
    assert!(ports.iter().all(|port| is_open(*port)));
    let ca_file = server.ca_file().to_owned();
    drop(server);
    assert!(!ca_file.exists());
    let deadline = Instant::now() + Duration::from_secs(5);
    let dir = ca_file.parent().unwrap().display().to_string();
    while ports.iter().any(|port| is_open(*port)) || is_in_a_command_line(&dir) {
        assert!(Instant::now() < deadline, "something of {dir} still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process was started with this text among its arguments. A Cyrus without its directory lives on, but
/// soon listens no more.
fn is_in_a_command_line(text: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().map(Result::unwrap);
    let command_line = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).ok();
    processes
        .filter_map(command_line)
        .any(|octets| String::from_utf8_lossy(&octets).contains(text))
}

mod dovecot {
    stories! { postrider_tests::dovecot::Dovecot }
}

mod cyrus {
    stories! { postrider_tests::cyrus::Cyrus }
}

mod courier {
    stories! { postrider_tests::courier::Courier }
}
