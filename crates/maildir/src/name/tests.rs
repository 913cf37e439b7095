use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn name(text: &str) -> FileName {
    FileName::parse(text).unwrap()
}

#[test]
fn foreign_names_are_read_and_kept() {
    let seen = FlagSet::new().with(Flag::Seen);
    for (text, base, letters, with_seen) in [
        ("x", "x", "", "x:2,S"),
        ("x:2,", "x", "", "x:2,S"),
        ("x:2,SF", "x", "FS", "x:2,S"),
        ("x:2,SaQ", "x", "S", "x:2,QSa"),
        ("x:2,zab", "x", "", "x:2,Sabz"),
        ("x:2,SSS", "x", "S", "x:2,S"),
        ("x;2,F", "x", "F", "x;2,S"),
        ("x!2,F", "x", "F", "x!2,S"),
        ("x;2,S:2,F", "x", "FS", "x:2,S"),
        ("x:1,foo", "x:1,foo", "", "x:1,foo:2,S"),
        ("x:1,foo:2,F", "x:1,foo", "F", "x:1,foo:2,S"),
        (
            "x,U=3,FMD5=ab:2,R",
            "x,U=3,FMD5=ab",
            "R",
            "x,U=3,FMD5=ab:2,S",
        ),
        ("x:2,F,more,S", "x", "F", "x:2,S,more,S"),
        (":2,DFPRST", ":2,DFPRST", "", ":2,DFPRST:2,S"),
        (":2,DFPRST:2,S", ":2,DFPRST", "S", ":2,DFPRST:2,S"),
        ("x:", "x:", "", "x::2,S"),
        ("ä b", "ä b", "", "ä b:2,S"),
    ] {
        let name = name(text);
        assert_eq!(name.as_str(), text);
        assert_eq!(name.base(), base, "{text}");
        assert_eq!(name.flags().letters(), letters, "{text}");
        assert_eq!(name.with_flags(&seen).as_str(), with_seen, "{text}");
    }
}

#[test]
fn what_is_no_name_of_a_message() {
    for text in ["", ".", "..", ".hidden", "a/b", "a\0b"] {
        assert_eq!(FileName::parse(text), None, "{text:?}");
    }
}

#[test]
fn sizes_are_read_from_the_base_alone() {
    let full = name("1.M2P3Q4R0123456789abcdef.host,S=12,W=13:2,S");
    assert_eq!((full.octets(), full.octets_crlf()), (Some(12), Some(13)));
    for text in [
        "S=12",
        "x,S=,W=x",
        "x:2,S=5",
        "x,s=5",
        "x,S=99999999999999999999",
    ] {
        assert_eq!(
            (name(text).octets(), name(text).octets_crlf()),
            (None, None),
            "{text}"
        );
    }
}

#[test]
fn unique_names_are_unique_and_known_again() {
    let namer = Namer::new("mail.example.org", 4_711, "0123456789abcdef");
    let names: HashSet<String> = (0..1_000)
        .map(|_| namer.unique(1_700_000_000_000_042))
        .collect();
    assert_eq!(names.len(), 1_000);
    assert!(names.contains("1700000000.M42P4711Q0R0123456789abcdef.mail.example.org"));
    for name in &names {
        assert_eq!(token_of(name), Some("0123456789abcdef"));
    }
}

#[test]
fn a_name_is_short_and_plain_whatever_the_host() {
    for host in ["", "a/b:c,d;e!f", "büro\n", &"h".repeat(300)] {
        let namer = Namer::new(host, u32::MAX, &Namer::random_token());
        let unique = namer.unique(u64::MAX);
        let base = base(&unique, (u64::MAX, u64::MAX), &Sha256([0xff; 32]));
        assert!(base.len() <= LONGEST_BASE, "{base}");
        assert!(base.chars().all(|c| c.is_ascii_graphic()), "{base}");
        assert_eq!(name(&base).base(), base);
        assert_eq!(token_of(&unique), Some(namer.token()));
    }
}

/// `octets` and `octets_crlf` of 3 and 4, and the hash whose octets are all 0xab.
fn vouches(text: &str) -> Option<bool> {
    name(text).vouches_for(3, 4, &Sha256([0xab; 32]))
}

#[test]
fn r1_the_name_of_a_whole_message_tells_what_it_was() {
    let namer = Namer::new("mail.example.org", 7, "0123456789abcdef");
    let unique = namer.unique(1_700_000_000_000_042);
    let base = base(&unique, (3, 4), &Sha256([0xab; 32]));
    let made = "1700000000.M42P7Q0R0123456789abcdef";
    assert_eq!(
        base,
        format!("{made}abababababababab.mail.example.org,S=3,W=4")
    );
    assert_eq!(token_of(&base), Some(namer.token()));
    assert_eq!(vouches(&base), Some(true));
    assert_eq!(vouches(&format!("{base}:2,FS")), Some(true));
    for other in [
        base.replace("abababababababab", "abababababababac"),
        base.replace("S=3", "S=4"),
        base.replace(",W=4", ""),
    ] {
        assert_eq!(vouches(&other), Some(false), "{other}");
    }
    for silent in [&*unique, "1.host,S=3,W=4", "abababababababab,S=3,W=4"] {
        assert_eq!(vouches(silent), None, "{silent}");
    }
}

#[test]
fn two_lives_have_two_tokens() {
    let (a, b) = (Namer::random_token(), Namer::random_token());
    assert_ne!(a, b);
    assert_eq!(a.len(), 16);
}

#[test]
fn others_files_have_no_token_of_ours() {
    for name in [
        "1700000000.M42P4711.host",
        "1.M1P1Q1R123.host",
        "a.M1P1Q1R12345678.h",
        "1.M1P1Q1R1234567g.h",
        "1_0.vm",
        "",
    ] {
        assert_eq!(token_of(name), None, "{name}");
    }
}

/// Found by the fuzz target `maildir_names`: `!` and `2` were kept as letters, and made a second mark.
#[test]
fn what_is_left_of_a_broken_mark_makes_no_other() {
    let flagged = name(",!2,!2S,").with_flags(&FlagSet::new());
    assert_eq!(flagged.as_str(), ",!2,2,");
    assert_eq!(flagged.with_flags(&FlagSet::new()), flagged);
}

proptest! {
    #[test]
    fn any_name_survives_and_takes_flags(text in "[a-z.,:;!2SFxa=-]{1,30}", bits in "[DFPRST]{0,6}") {
        prop_assume!(!text.starts_with('.'));
        let name = name(&text);
        prop_assert_eq!(format!("{}{}", name.base(), name.info()), text);
        let flags = FlagSet::from_letters(&bits);
        let flagged = name.with_flags(&flags);
        prop_assert_eq!(FileName::parse(flagged.as_str()), Some(flagged.clone()));
        prop_assert_eq!(flagged.base(), name.base());
        prop_assert_eq!(&flagged.flags(), &flags);
        prop_assert_eq!(flagged.with_flags(&flags), flagged);
    }
}
