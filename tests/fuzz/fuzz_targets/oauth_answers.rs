//! Whatever an authorization server answers, and whatever a person pastes, is tokens, a code or an error; and no
//! error shows a token.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postrider_oauth::{Pasted, read_answer, read_redirect};

fuzz_target!(|input: (bool, &[u8])| {
    let (good, body) = input;
    let status = if good { 200 } else { 400 };
    match read_answer(status, body) {
        Ok(grant) => {
            assert!(good, "an error let somebody in");
            assert!(!grant.access.reveal().is_empty());
            let tokens = [Some(&grant.access), grant.refresh.as_ref()];
            for token in tokens.into_iter().flatten() {
                let fits = |octet: u8| (0x21..0x7f).contains(&octet);
                assert!(token.reveal().bytes().all(fits));
            }
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
            assert!(said.chars().count() < 1_000, "{said}");
        }
    }
    if let Ok(text) = str::from_utf8(body)
        && let Some(Pasted::Code(code)) = read_redirect(text)
    {
        assert_eq!(code.reveal(), text.trim());
    }
});
