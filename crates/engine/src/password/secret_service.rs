//! The desktop's Secret Service (GNOME Keyring, KWallet, KeePassXC) over D-Bus: a secret that is found by its
//! attributes.
//!
//! It travels encrypted with a key of the session, so nobody who listens on the bus sees it.

use super::{first_line, no_password};
use crate::error::EngineError;
use postrider_core::secret::Secret;
use secret_service::{EncryptionType, SecretService};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The secret with these attributes. A locked collection is unlocked, for which the desktop may ask the user, within
/// `patience`.
pub(super) async fn look_up(
    attributes: &BTreeMap<String, String>,
    patience: Duration,
) -> Result<Secret, EngineError> {
    let told = shown(attributes);
    let failed = |error: secret_service::Error| {
        no_password(format!("the Secret Service, asked for {told}: {error}"))
    };
    let Ok(found) = timeout(patience, find(attributes)).await else {
        let seconds = patience.as_secs();
        return Err(no_password(format!(
            "the Secret Service, asked for {told}, did not answer for {seconds} s"
        )));
    };
    match found.map_err(failed)? {
        Found::One(octets) => first_line(octets, &format!("the secret with {told}")),
        Found::None => Err(no_password(format!(
            "the Secret Service has no secret with {told}: secret-tool store --label=postrider {}",
            arguments(attributes)
        ))),
        Found::Several(number) => Err(no_password(format!(
            "the Secret Service has {number} secrets with {told}: more attributes are wanted"
        ))),
    }
}

enum Found {
    None,
    One(Zeroizing<Vec<u8>>),
    Several(usize),
}

async fn find(attributes: &BTreeMap<String, String>) -> Result<Found, secret_service::Error> {
    let service = SecretService::connect(EncryptionType::Dh).await?;
    let wanted: HashMap<&str, &str> = attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let found = service.search_items(wanted).await?;
    let number = found.unlocked.len() + found.locked.len();
    let item = match (found.unlocked.first(), found.locked.first()) {
        _ if number > 1 => return Ok(Found::Several(number)),
        (Some(item), _) => item,
        (None, Some(item)) => {
            item.unlock().await?;
            item
        }
        (None, None) => return Ok(Found::None),
    };
    Ok(Found::One(Zeroizing::new(item.get_secret().await?)))
}

/// `service=imap user=ada`, as secret-tool(1) shows it.
fn shown(attributes: &BTreeMap<String, String>) -> String {
    let pairs = attributes.iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(" ")
}

/// As secret-tool(1) wants it.
fn arguments(attributes: &BTreeMap<String, String>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let pairs = attributes.iter();
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{} {}", quoted(name), quoted(value)))
        .collect();
    pairs.join(" ")
}
