use super::*;
use proptest::prelude::*;

const LAYOUTS: [Layout; 2] = [Layout::Fs, Layout::MaildirPlusPlus];

fn name(levels: &[&str]) -> MailboxName {
    MailboxName::from_levels(levels.iter().map(|level| (*level).to_owned()).collect())
}

#[test]
fn names_and_their_directories() {
    for (levels, fs, plus_plus) in [
        (&["INBOX"][..], "INBOX", ""),
        (&["INBOX", "Work"], "INBOX/Work", ".INBOX.Work"),
        (&["Work", "Projects"], "Work/Projects", ".Work.Projects"),
        (&["Entwürfe"], "Entwürfe", ".Entwürfe"),
        (&[".."], "%2E.", ".%2E%2E"),
        (&["."], "%2E", ".%2E"),
        (&["~ada"], "%7Eada", ".%7Eada"),
        (&["a/b"], "a%2Fb", ".a%2Fb"),
        (&["a.b"], "a.b", ".a%2Eb"),
        (&["100%"], "100%25", ".100%25"),
        (&["a\0b\n\u{85}"], "a%00b%0A%C2%85", ".a%00b%0A%C2%85"),
        (&["x", "cur"], "x/%63ur", ".x.%63ur"),
        (&["NEW"], "%4EEW", ".%4EEW"),
        (&["Tmp"], "%54mp", ".%54mp"),
        (&["current"], "current", ".current"),
        (&["t\u{200D}mp"], "%74\u{200D}mp", ".%74\u{200D}mp"),
        (&["\u{FF43}ur"], "%EF%BD%83ur", ".%EF%BD%83ur"),
        (&["\u{200B}.."], "%E2%80%8B..", ".%E2%80%8B%2E%2E"),
        (&["a\u{200B}"], "a\u{200B}", ".a\u{200B}"),
        (&[], "%=", "%="),
    ] {
        let name = name(levels);
        assert_eq!(directory(Layout::Fs, &name), Path::new(fs), "{levels:?}");
        let flat = directory(Layout::MaildirPlusPlus, &name);
        assert_eq!(flat, Path::new(plus_plus), "{levels:?}");
        for layout in LAYOUTS {
            let back = name_of(layout, &directory(layout, &name));
            assert_eq!(back.as_ref(), Some(&name), "{levels:?} {layout:?}");
        }
    }
}

#[test]
fn strangers_directories_are_no_mailboxes() {
    for path in [
        "../x", "/x", "a%~2", "a%4", "a%zz", "%41", "%+00", "%=00", ".hidden", "~x", "cur",
        "a%2fb", "a%é",
    ] {
        assert_eq!(name_of(Layout::Fs, Path::new(path)), None, "{path}");
    }
    for path in ["plain", ".a..b", ".a/.b", ".a.", "."] {
        assert_eq!(
            name_of(Layout::MaildirPlusPlus, Path::new(path)),
            None,
            "{path}"
        );
    }
}

#[test]
fn over_long_names_differ_where_their_tails_do() {
    let long = "ä%".repeat(300);
    let (a, b) = (format!("{long}a"), format!("{long}b"));
    for layout in LAYOUTS {
        let (a, b) = (
            directory(layout, &name(&[&a])),
            directory(layout, &name(&[&b])),
        );
        assert_ne!(a, b);
        assert!(a.as_os_str().len() <= LONGEST_COMPONENT);
        assert_eq!(name_of(layout, &a), None);
    }
}

#[test]
fn two_hundred_levels_fit_a_path() {
    let level = "deep".repeat(20);
    let levels: Vec<&str> = std::iter::repeat_n(level.as_str(), 200).collect();
    let path = directory(Layout::Fs, &name(&levels));
    assert!(path.as_os_str().len() <= LONGEST_PATH, "{path:?}");
    let sibling = directory(Layout::Fs, &name(levels.get(1..).unwrap()));
    assert_ne!(path, sibling);
    assert!(path.starts_with(&level));
}

/// Text from the characters that could do harm, and some that could not.
fn hostile_level() -> impl Strategy<Value = String> {
    let nasty = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("cur".to_owned()),
        Just("NEW".to_owned()),
        Just("INBOX".to_owned()),
        Just("%".repeat(200)),
        "[./%~cuR\\x00\\n+=2EF]{1,8}",
        "[cCuU\u{200D}\u{FE0F}rRé\u{301}eEßsS.]{1,6}",
        ".{1,300}",
        Just("%+".to_owned()),
        Just("%=".to_owned()),
        "[a-zA-Z.]{200,300}",
    ];
    nasty.prop_filter("levels are not empty", |level| !level.is_empty())
}

fn hostile_name() -> impl Strategy<Value = MailboxName> {
    let some = prop::collection::vec(hostile_level(), 1..6);
    let deep = prop::collection::vec("[a-z.]{1,90}", 1..60);
    prop_oneof![4 => some, 1 => deep].prop_map(MailboxName::from_levels)
}

proptest! {
    #[test]
    fn nothing_leaves_the_root(name in hostile_name()) {
        for layout in LAYOUTS {
            let path = directory(layout, &name);
            prop_assert!(path.as_os_str().len() <= LONGEST_PATH);
            for component in path.components() {
                let Component::Normal(component) = component else {
                    return Err(TestCaseError::fail(format!("{path:?}")));
                };
                let text = component.to_str().unwrap();
                prop_assert!(text.len() <= LONGEST_COMPONENT);
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(!["cur", "new", "tmp"].contains(&twins::fold(text).as_str()));
                prop_assert!(layout == Layout::MaildirPlusPlus || !text.starts_with('.'));
                prop_assert!(!text.starts_with('~'));
                prop_assert!(!text.starts_with(twins::is_ignorable));
            }
        }
    }

    #[test]
    fn r8_a_twin_fits_beside_its_first_and_is_no_other_mailbox(
        name in hostile_name(),
        number in 2_usize..1_000_000,
    ) {
        for layout in LAYOUTS {
            let first = directory(layout, &name);
            let second = twin(&first, number);
            prop_assert_ne!(twin_key(&first), twin_key(&second));
            prop_assert_eq!(name_of(layout, &second), None);
            let beside = second.parent() == first.parent() || first.as_os_str().is_empty();
            prop_assert!(beside, "{:?}", second);
            let last = second.file_name().unwrap();
            prop_assert!(last.len() <= 255);
            prop_assert!(second.components().all(|c| matches!(c, Component::Normal(_))));
        }
    }

    #[test]
    fn two_names_never_share_a_directory(a in hostile_name(), b in hostile_name()) {
        for layout in LAYOUTS {
            prop_assert_eq!(a == b, directory(layout, &a) == directory(layout, &b));
        }
    }

    #[test]
    fn a_name_not_shortened_comes_back(name in hostile_name()) {
        for layout in LAYOUTS {
            let path = directory(layout, &name);
            let text = path.to_str().unwrap();
            if !text.contains("%+") && !text.contains("%=") {
                prop_assert_eq!(name_of(layout, &path), Some(name.clone()));
            }
        }
    }
}
