//! Directories that some file system takes for one: `Work` and `work`, `é` as one character or two.
//!
//! Whether it does is not asked: a tree is copied, mounted elsewhere, shared. Two mailboxes get
//! directories that differ on every file system, so the coarsest folding decides: that of Unicode's
//! NFKC_Casefold, coarser than ext4's `casefold`, APFS, HFS+ and any `normalization` of ZFS.

use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

/// What all directories have in common that some file system takes for this one: a mailbox may lie
/// here only if no other has the same key. Not a path.
#[must_use]
pub fn twin_key(path: &Path) -> String {
    fold(&path.to_string_lossy())
}

/// The directory for the `number`th of several mailboxes (2 and up) whose directories have one key.
/// `path` is relative to the tree's root, and so is the answer. No name encodes to it.
#[must_use]
pub fn twin(path: &Path, number: usize) -> PathBuf {
    let Some(last) = path.file_name() else {
        // INBOX under Maildir++ is the root itself; what is beside the root is not ours (R8).
        return PathBuf::from(format!(".INBOX%~{number}"));
    };
    let mut name = last.to_owned();
    name.push(format!("%~{number}"));
    path.with_file_name(name)
}

/// Text without what a file system may overlook: compatibility forms, case, and characters that
/// nobody sees.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let seen = text.chars().filter(|c| !is_ignorable(*c));
    let plain: String = seen.nfkd().collect();
    // Lower case alone keeps ß apart from ẞ and SS, upper case alone keeps ẞ apart from ß.
    let folded = plain.to_lowercase().to_uppercase().to_lowercase();
    folded.nfkc().collect()
}

/// Default_Ignorable_Code_Point of Unicode 16: invisible, and dropped by file systems that fold.
pub(super) const fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_some_file_system_takes_for_one_has_one_key() {
        for (a, b) in [
            ("Work", "work"),
            ("Caf\u{E9}", "Cafe\u{301}"),
            ("CAF\u{C9}", "cafe\u{301}"),
            ("Stra\u{DF}e", "STRASSE"),
            ("STRA\u{1E9E}E", "strasse"),
            ("\u{3A3}\u{391}\u{3A3}", "\u{3C3}\u{3B1}\u{3C2}"),
            ("\u{212A}", "k"),
            ("\u{FB01}n", "FIN"),
            ("\u{FF37}ork", "work"),
            ("Wo\u{200D}rk", "work"),
            ("Work\u{FE0F}", "work"),
            ("a/\u{1E69}", "A/s\u{307}\u{323}"),
        ] {
            assert_eq!(twin_key(Path::new(a)), twin_key(Path::new(b)), "{a} {b}");
        }
        for (a, b) in [
            ("Work", "Works"),
            ("a/b", "a.b"),
            ("a%2Fb", "a/b"),
            ("Cafe", "Caf\u{E9}"),
            ("\u{440}", "p"),
            ("a", "a%~2"),
        ] {
            assert_ne!(twin_key(Path::new(a)), twin_key(Path::new(b)), "{a} {b}");
        }
    }

    #[test]
    fn no_character_differs_from_its_other_case() {
        for c in '\0'..=char::MAX {
            let key = fold(&c.to_string());
            assert_eq!(key, fold(&c.to_lowercase().to_string()), "{c:?}");
            assert_eq!(key, fold(&c.to_uppercase().to_string()), "{c:?}");
        }
    }

    #[test]
    fn r8_twins_lie_where_the_first_lies() {
        let twin = |path| twin(Path::new(path), 2);
        assert_eq!(twin("Work/work"), Path::new("Work/work%~2"));
        assert_eq!(twin(".work"), Path::new(".work%~2"));
        assert_eq!(twin(""), Path::new(".INBOX%~2"));
    }

    /// Any text, and letters whose case is not one to one.
    fn odd_text() -> impl Strategy<Value = String> {
        let odd = "[aA.\u{3A3}\u{3C3}\u{3C2}\u{391}\u{130}\u{131}\u{DF}\u{1E9E}\u{1C5}\u{345}\u{301}\u{307}\u{1FB3}\u{1FBC}\u{149}\u{13A0}\u{AB70}]{0,8}";
        prop_oneof![".{0,40}", odd]
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in odd_text()) {
            let key = fold(&text);
            prop_assert_eq!(fold(&key), key);
        }

        #[test]
        fn canonical_and_case_variants_have_one_key(text in odd_text()) {
            let key = fold(&text);
            // File systems decompose before they fold.
            let plain: String = text.nfd().collect();
            prop_assert_eq!(&fold(&plain), &key);
            prop_assert_eq!(&fold(&text.nfc().collect::<String>()), &key);
            prop_assert_eq!(&fold(&plain.to_uppercase()), &key);
            prop_assert_eq!(&fold(&plain.to_lowercase()), &key);
        }
    }
}
