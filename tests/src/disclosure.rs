//! Whether a secret can be found anywhere: in what was printed, and in every file of a home.

use crate::postrider::Home;
use crate::rig::files;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The forms in which a login carries a secret.
#[derive(Clone, Debug)]
pub struct Forms(Vec<Vec<u8>>);

impl Forms {
    /// Of the password of a user: as it is, as an IMAP quoted string and as JSON have it, in hexadecimal, in base64 by
    /// itself, and at each of the three places where base64 can meet it in the middle of something longer (PLAIN).
    ///
    /// # Panics
    /// When the password is too short to be told from chance.
    #[must_use]
    pub fn of(password: &str) -> Self {
        assert!(password.len() >= 8, "a longer password, please");
        let mut forms = vec![
            password.to_owned(),
            password.replace('\\', "\\\\").replace('"', "\\\""),
            serde_json::Value::from(password)
                .to_string()
                .trim_matches('"')
                .to_owned(),
            password
                .bytes()
                .map(|octet| format!("{octet:02x}"))
                .collect(),
        ];
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.push(engine.encode(password));
            for before in 0..3 {
                // Without the groups that its neighbours take part in.
                let (_, inner) = password.as_bytes().split_at((3 - before) % 3);
                let (inner, _) = inner.split_at(inner.len() / 3 * 3);
                forms.push(engine.encode(inner));
            }
        }
        Self(forms.into_iter().map(String::into_bytes).collect())
    }

    /// The first of them that stands in there.
    #[must_use]
    pub fn found_in(&self, octets: &[u8]) -> Option<String> {
        let stands = |form: &&Vec<u8>| octets.windows(form.len()).any(|window| window == **form);
        let found = self.0.iter().find(stands);
        found.map(|form| String::from_utf8_lossy(form).into_owned())
    }

    /// Ends the test if one of them was `said`, or stands in a file below the home, except in those named so.
    ///
    /// # Panics
    /// With the form and the place.
    pub fn assert_undisclosed(&self, home: &Home, said: &str, except: &[&str]) {
        if let Some(form) = self.found_in(said.as_bytes()) {
            panic!("{form} was said:\n{said}");
        }
        for path in files(home.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if except.contains(&&*name) {
                continue;
            }
            let octets = std::fs::read(&path).unwrap_or_default();
            if let Some(form) = self.found_in(&octets) {
                panic!("{form} stands in {}", path.display());
            }
        }
    }
}
