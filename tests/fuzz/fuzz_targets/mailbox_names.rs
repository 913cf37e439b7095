//! No name of a mailbox leads out of the mail tree or into another mailbox's directory (R8).
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider_core::mailbox::MailboxName;
use postrider_core::settings::Layout;
use postrider_imap::WireName;
use postrider_maildir::{directory, name_of, twin_key};
use std::path::{Component, Path};

/// NAME_MAX of every Linux file system that matters.
const LONGEST_COMPONENT: usize = 255;

fn decoded(octets: &[u8], delimiter: Option<char>) -> MailboxName {
    let name = WireName::from_octets(octets);
    assert_eq!(WireName::from_index(&name.to_index()).as_ref(), Some(&name));
    MailboxName::from_decoded(&name.decode(), delimiter)
}

fn check(layout: Layout, name: &MailboxName) {
    let path = directory(layout, name);
    for component in path.components() {
        let Component::Normal(component) = component else {
            panic!("{name:?} leads to {path:?}");
        };
        let text = component.to_str().expect("UTF-8");
        assert!(text.len() <= LONGEST_COMPONENT, "{text}");
        assert!(!["cur", "new", "tmp"].contains(&text), "{text}");
        assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
        let hidden = text.starts_with('.') && layout == Layout::Fs;
        assert!(!hidden && !text.starts_with('~'), "{text}");
    }
    if layout == Layout::MaildirPlusPlus {
        assert!(path.components().count() <= 1, "{path:?}");
    }
    // Exact inverse, but for what was shortened.
    match name_of(layout, &path) {
        Some(back) => assert_eq!(&back, name),
        None => assert!(
            is_shortened(&path),
            "{name:?} does not come back from {path:?}"
        ),
    }
}

fn is_shortened(path: &Path) -> bool {
    let path = path.to_str().expect("UTF-8");
    path.contains("%+") || path.contains("%=")
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, octets)) = input.split_first() else {
        return;
    };
    let layout = if choice & 1 == 0 {
        Layout::Fs
    } else {
        Layout::MaildirPlusPlus
    };
    let delimiter = [Some('/'), Some('.'), None, Some('\\')][usize::from(choice >> 1 & 3)];
    // Two names, parted by an octet that no name may hold.
    let mut names = octets.splitn(2, |octet| *octet == b'\n');
    let one = decoded(names.next().unwrap_or_default(), delimiter);
    let other = decoded(names.next().unwrap_or_default(), delimiter);
    check(layout, &one);
    check(layout, &other);
    let (one_dir, other_dir) = (directory(layout, &one), directory(layout, &other));
    assert_eq!(one == other, one_dir == other_dir, "{one:?} {other:?}");
    assert!(one_dir != other_dir || twin_key(&one_dir) == twin_key(&other_dir));
});
