//! `ca_file`, `pin`, `client_cert` and `client_key`: which certificate the server must have, and which is ours.

use super::account::Account;
use super::error::Problem;
use super::reading::{Reading, or};
use postrider_core::pin::{Pin, PinError};
use postrider_core::settings::{ClientIdentity, TlsMode};
use std::path::PathBuf;

/// Authorities besides the system's. An authorization server may be of one where the mail server has no TLS.
pub(super) fn authorities(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    tls: Option<TlsMode>,
) -> Option<Option<PathBuf>> {
    or(keys.find("ca_file"), None, |node| {
        if keys.find("oauth2").is_none() {
            needs_tls(reading, keys, "ca_file", tls)?;
        }
        reading.path("ca_file", node).map(Some)
    })
}

/// The pins; none is a chain's business. `[]` in an account takes back what stands under `defaults`.
pub(super) fn pins(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    tls: Option<TlsMode>,
) -> Option<Vec<Pin>> {
    let Some(node) = keys.find("pin") else {
        return Some(Vec::new());
    };
    needs_tls(reading, keys, "pin", tls)?;
    let texts = reading.texts("pin", node)?;
    let (pins, wrong): (Vec<_>, Vec<_>) = texts
        .into_iter()
        .map(|text| text.parse().map_err(|error: PinError| (text, error)))
        .partition(Result::is_ok);
    for (text, error) in wrong.iter().filter_map(|wrong| wrong.as_ref().err()) {
        let wanted = format!("{error}; `postrider check` shows the server's");
        reading.wrong_form("pin", node.at, (text, wanted));
    }
    wrong
        .is_empty()
        .then(|| pins.into_iter().flatten().collect())
}

/// Our own certificate and its key, of which neither is anything without the other.
pub(super) fn client(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    tls: Option<TlsMode>,
) -> Option<Option<ClientIdentity>> {
    let [cert, key] = ["client_cert", "client_key"].map(|name| {
        or(keys.find(name), None, |node| {
            needs_tls(reading, keys, name, tls)?;
            reading.path(name, node).map(Some)
        })
    });
    match (cert?, key?) {
        (Some(cert), Some(key)) => Some(Some(ClientIdentity { cert, key })),
        (None, None) => Some(None),
        (Some(_), None) => alone(reading, keys, ("client_cert", "client_key")),
        (None, Some(_)) => alone(reading, keys, ("client_key", "client_cert")),
    }
}

fn alone<T>(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    (key, lacking): (&'static str, &'static str),
) -> Option<T> {
    reading.complain(keys.place(key), Problem::Alone { key, lacking });
    None
}

/// Without TLS there is no certificate. Under `defaults` a key is meant for the other accounts.
fn needs_tls(
    reading: &mut Reading<'_>,
    keys: &Account<'_>,
    key: &'static str,
    tls: Option<TlsMode>,
) -> Option<()> {
    if tls == Some(TlsMode::None) && keys.is_own(key) {
        reading.complain(keys.place(key), Problem::NeedsTls { key });
        return None;
    }
    Some(())
}
