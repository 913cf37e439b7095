use super::*;

#[test]
fn a_private_key_is_the_owners_or_what_root_gives_to_a_group() {
    for (mode, owner, exposed) in [
        (0o100_600, 1_000, false),
        (0o100_400, 0, false),
        (0o100_640, 1_000, true),
        (0o100_440, 0, false),
        (0o100_644, 0, true),
        (0o100_604, 1_000, true),
    ] {
        assert_eq!(is_exposed(mode, owner), exposed, "{mode:o} of {owner}");
    }
}
