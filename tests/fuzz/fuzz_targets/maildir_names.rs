//! Whatever a reader called a file, its flags can be read and changed, and nothing else of it changes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider_core::flag::{Flag, FlagSet};
use postrider_maildir::FileName;

fuzz_target!(|input: (u8, &str)| {
    let (wanted, text) = input;
    let Some(name) = FileName::parse(text) else {
        return;
    };
    assert_eq!(format!("{}{}", name.base(), name.info()), text);
    assert!(!name.base().is_empty());

    let letters: String = Flag::TABLE
        .iter()
        .enumerate()
        .filter(|(at, _)| wanted >> at & 1 == 1)
        .map(|(_, (.., letter))| *letter)
        .collect();
    let wanted = FlagSet::from_letters(&letters);
    let changed = name.with_flags(&wanted);
    assert_eq!(changed.flags(), wanted, "{text} became {changed}");
    assert_eq!(changed.base(), name.base());
    // Flags that are there already change nothing, and what we write we read.
    assert_eq!(changed.with_flags(&wanted), changed);
    assert_eq!(FileName::parse(changed.as_str()), Some(changed.clone()));
    assert_eq!(
        (changed.octets(), changed.octets_crlf()),
        (name.octets(), name.octets_crlf())
    );
});
