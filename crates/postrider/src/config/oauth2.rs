//! `oauth2`: who gives the tokens.

use super::account::Account;
use super::error::Problem;
use super::file::{Entry, Node};
use super::password;
use super::reading::{Reading, find, or};
use postrider_core::account::Protocol;
use postrider_core::oauth2::{AuthorizationServer, Provider, TokenSource};
use postrider_oauth::check_url;
use std::path::PathBuf;

/// Every key of `oauth2`.
pub(super) const KEYS: &[&str] = &[
    "provider",
    "client_id",
    "client_secret",
    "auth_url",
    "token_url",
    "device_url",
    "scope",
    "token_command",
];

/// The directory of the tokens, in the state directory.
const DIRECTORY: &str = "oauth";

/// Who we are at a known provider, where whoever built this binary has registered it there.
pub(super) struct Packaged {
    client_id: Option<&'static str>,
    client_secret: Option<&'static str>,
}

impl Packaged {
    fn of(provider: Option<Provider>) -> Self {
        match provider {
            Some(Provider::Google) => Self {
                client_id: option_env!("POSTRIDER_GOOGLE_CLIENT_ID"),
                client_secret: option_env!("POSTRIDER_GOOGLE_CLIENT_SECRET"),
            },
            Some(Provider::Microsoft) => Self {
                client_id: option_env!("POSTRIDER_MICROSOFT_CLIENT_ID"),
                client_secret: None,
            },
            None => Self {
                client_id: None,
                client_secret: None,
            },
        }
    }
}

/// Reads `oauth2`.
pub(super) fn source(
    reading: &mut Reading<'_>,
    (keys, node): (&Account<'_>, &Node),
    protocol: Protocol,
) -> Option<TokenSource> {
    let entries = reading.map("oauth2", node)?;
    reading.keys(entries, KEYS);
    if let Some(command) = find(entries, "token_command") {
        if entries.len() > 1 {
            let what =
                "with `token_command`, `oauth2` has no other key: the command keeps the tokens";
            reading.complain(command.at, Problem::Clash { what });
            return None;
        }
        let command = reading.text("token_command", command)?;
        return Some(TokenSource::Command(command.to_owned()));
    }
    let words = [Provider::Google, Provider::Microsoft].map(|it| (it.as_str(), it));
    let provider = or(find(entries, "provider"), None, |node| {
        reading.word("provider", node, &words).map(Some)
    })?;
    let packaged = Packaged::of(provider);
    server(
        reading,
        (keys, node, entries),
        (provider, protocol),
        &packaged,
    )
    .map(|server| TokenSource::Server(Box::new(server)))
}

fn server(
    reading: &mut Reading<'_>,
    (keys, node, entries): (&Account<'_>, &Node, &[Entry]),
    (provider, protocol): (Option<Provider>, Protocol),
    packaged: &Packaged,
) -> Option<AuthorizationServer> {
    let preset = provider.map(|provider| provider.preset(protocol));
    let client_id = match (find(entries, "client_id"), packaged.client_id) {
        (Some(node), _) => reading.text("client_id", node).map(str::to_owned),
        (None, Some(packaged)) => Some(packaged.to_owned()),
        (None, None) => {
            let what = "`oauth2` has no `client_id`: the name by which the authorization server knows this program; \
                docs/login.md tells how to get one";
            reading.complain(node.at, Problem::Clash { what });
            None
        }
    };
    let secret = or(find(entries, "client_secret"), None, |node| {
        password::secret(reading, "client_secret", node).map(Some)
    });
    let auth_url = url(reading, entries, ("auth_url", preset.map(|it| it.auth_url)));
    let token_url = url(
        reading,
        entries,
        ("token_url", preset.map(|it| it.token_url)),
    );
    let device = preset.and_then(|preset| preset.device_url);
    let device_url = url(reading, entries, ("device_url", device));
    let scope = or(find(entries, "scope"), None, |node| {
        reading
            .text("scope", node)
            .map(|scope| Some(scope.to_owned()))
    });
    let usual = preset.map_or(&[][..], |preset| preset.scopes);
    let (auth_url, token_url, device_url) = (auth_url?, token_url?, device_url?);
    let (client_id, secret, scope) = (client_id?, secret?, scope?);
    if token_url.is_none() || (auth_url.is_none() && device_url.is_none()) {
        let what = "`oauth2` wants a `provider`, or `token_url` and at least one of `auth_url` and `device_url`";
        reading.complain(node.at, Problem::Clash { what });
        return None;
    }
    let scopes = match scope {
        Some(scope) => scope.split_whitespace().map(str::to_owned).collect(),
        None => usual.iter().map(|scope| (*scope).to_owned()).collect(),
    };
    // With a name of one's own goes a secret of one's own, or none.
    let own_name = find(entries, "client_id").is_some();
    let packaged_secret = packaged.client_secret.filter(|_| !own_name);
    Some(AuthorizationServer {
        provider,
        client_id,
        client_secret: secret.or_else(|| packaged_secret.map(password::built_in)),
        auth_url,
        token_url: token_url?,
        device_url,
        scopes,
        token_file: token_file(reading, keys)?,
        ca_file: or(keys.find("ca_file"), None, |node| {
            reading.path("ca_file", node).map(Some)
        })?,
    })
}

/// Where the tokens of an account are kept. Without a state directory there is nothing to say: that is
/// complained of elsewhere.
fn token_file(reading: &Reading<'_>, keys: &Account<'_>) -> Option<PathBuf> {
    let state_dir = reading.state_dir.as_ref()?;
    let name = format!("{}.json", keys.name);
    Some(state_dir.join(DIRECTORY).join(name))
}

/// An address of the file, or the provider's; `None` of neither.
fn url(
    reading: &mut Reading<'_>,
    entries: &[Entry],
    (key, usual): (&'static str, Option<&str>),
) -> Option<Option<String>> {
    let Some(node) = find(entries, key) else {
        return Some(usual.map(str::to_owned));
    };
    let found = reading.text(key, node)?;
    match check_url(found) {
        Ok(()) => Some(Some(found.to_owned())),
        Err(wanted) => {
            reading.wrong_form(key, node.at, (found, wanted.to_owned()));
            None
        }
    }
}
