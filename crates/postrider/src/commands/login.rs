//! `postrider login`: a person lets us in, and the tokens that come of it are kept.

use super::{answer, chosen, quiet};
use crate::cli::LoginArgs;
use crate::config::Config;
use crate::config::surroundings::Surroundings;
use crate::control::client;
use crate::control::words::Request;
use crate::error::Error;
use crate::logging::Logging;
use crate::words::span;
use postrider_core::account::AccountName;
use postrider_core::oauth2::{AuthorizationServer, TokenSource};
use postrider_core::secret::Secret;
use postrider_core::settings::{AccountSettings, PasswordSource};
use postrider_oauth::{Device, Grant, Http, Keeper, OAuthError, Redirect};
use std::io::{self, BufRead};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long a person may take in a browser.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The longest line that is read, in octets: an address with a code.
const LONGEST: u64 = 32 * 1024;

/// One of the ways in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Device,
    Browser,
    Paste,
}

/// Logs in to one account.
///
/// # Errors
/// When the account is not known or has no `oauth2`, when nobody is let in, and when the tokens cannot be kept.
pub async fn run(
    args: &LoginArgs,
    config: &Config,
    around: &Surroundings,
) -> Result<Vec<Error>, Error> {
    let _logging = Logging::start(quiet(config.log), around, None)?;
    let named = chosen(config, std::slice::from_ref(&args.account))?;
    let mut done = Vec::new();
    for settings in named {
        let way = way(args, around, settings)?;
        log_in(settings, way, around).await?;
        done.push(settings.name.to_string());
    }
    tell_daemon(config, done)?;
    Ok(Vec::new())
}

/// The way that was asked for, or the one that suits the server and this machine.
fn way(args: &LoginArgs, around: &Surroundings, settings: &AccountSettings) -> Result<Way, Error> {
    let server = server(settings)?;
    let (device, page) = (server.device_url.is_some(), server.auth_url.is_some());
    let way = match args {
        LoginArgs { device: true, .. } => Way::Device,
        LoginArgs { browser: true, .. } => Way::Browser,
        LoginArgs { paste: true, .. } => Way::Paste,
        _ if device => Way::Device,
        _ if has_screen(around) => Way::Browser,
        _ => Way::Paste,
    };
    let refuse = |problem, hint| {
        let account = settings.name.clone();
        Err(Error::NoLogin {
            account,
            problem,
            hint,
        })
    };
    match way {
        Way::Device if !device => refuse(
            "its `oauth2` has no `device_url`",
            "without --device it goes by the browser, or by pasting",
        ),
        Way::Browser | Way::Paste if !page => refuse(
            "its `oauth2` has no `auth_url`",
            "without --browser and --paste it goes by a code",
        ),
        way => Ok(way),
    }
}

/// The account's authorization server.
fn server(settings: &AccountSettings) -> Result<&AuthorizationServer, Error> {
    let no_login = |problem, hint| Error::NoLogin {
        account: settings.name.clone(),
        problem,
        hint,
    };
    match &settings.password {
        PasswordSource::Token(TokenSource::Server(server)) => Ok(server),
        PasswordSource::Token(TokenSource::Command(_)) => Err(no_login(
            "its tokens are kept by the `token_command`",
            "log in with the program that it runs",
        )),
        _ => Err(no_login(
            "it has no `oauth2`, so there is nothing to log in to",
            "docs/login.md says how accounts that want OAuth2 are set up",
        )),
    }
}

fn has_screen(around: &Surroundings) -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .into_iter()
        .any(|name| around.var(name).is_some())
}

async fn log_in(settings: &AccountSettings, way: Way, around: &Surroundings) -> Result<(), Error> {
    let server = server(settings)?;
    let account = &settings.name;
    let engine = |source| Error::Account {
        account: account.clone(),
        source,
        logged: false,
    };
    let secret = postrider_engine::client_secret(server)
        .await
        .map_err(engine)?;
    let http = Http::trusting(server.ca_file.clone()).by_proxy_of(&settings.server.way);
    let grant = match way {
        Way::Device => by_device(settings, (server, &http), secret.as_ref()).await?,
        Way::Browser | Way::Paste => {
            by_redirect(settings, (server, &http), secret.as_ref(), (way, around)).await?
        }
    };
    let keeper = Keeper::new(server, http);
    keeper.take(&grant).await.map_err(failed(account))?;
    let file = server.token_file.display();
    let mut said = format!("{account}: logged in; the tokens are in {file}\n");
    if grant.refresh.is_none() {
        said.push_str(
            "The server gave no refresh token: when this one ends, log in again. For Microsoft and many others \
             the scope must contain offline_access.\n",
        );
    }
    answer(&said)
}

fn failed(account: &AccountName) -> impl Fn(OAuthError) -> Error {
    move |source| Error::Login {
        account: account.clone(),
        source,
    }
}

async fn by_device(
    settings: &AccountSettings,
    (server, http): (&AuthorizationServer, &Http),
    secret: Option<&Secret>,
) -> Result<Grant, Error> {
    let failed = failed(&settings.name);
    let begun = Device::begin(server, http, secret).await.map_err(&failed)?;
    let device = begun.ok_or_else(|| {
        failed(OAuthError::Redirect {
            problem: "the server has no codes",
        })
    })?;
    let code = device.code();
    let whole = code.whole_url.map_or_else(String::new, |url| {
        format!("or, with the code in it: {url}\n")
    });
    answer(&format!(
        "Open this page in any browser:\n\n  {}\n\nlog in as {}, and type the code\n\n  {}\n\n{whole}\
         The code is good for {}.",
        code.url,
        settings.user,
        code.code,
        span(code.expires_in)
    ))?;
    device.wait().await.map_err(&failed)
}

async fn by_redirect(
    settings: &AccountSettings,
    (server, http): (&AuthorizationServer, &Http),
    secret: Option<&Secret>,
    (way, around): (Way, &Surroundings),
) -> Result<Grant, Error> {
    let failed = failed(&settings.name);
    let begun = Redirect::begin(server, &settings.user).await;
    let redirect = begun.map_err(&failed)?.ok_or_else(|| {
        failed(OAuthError::Redirect {
            problem: "the server has no page to log in",
        })
    })?;
    let url = redirect.url();
    let coming = match way {
        Way::Paste => {
            answer(&format!(
                "Open this page in any browser, and log in as {}:\n\n  {url}\n\nAfterwards the browser goes to an \
                 address that begins with http://, and says perhaps that nobody answers there. Paste that \
                 address here, or the code in it:",
                settings.user
            ))?;
            timeout(PATIENCE, visited_or_pasted(&redirect)).await
        }
        Way::Browser | Way::Device => {
            answer(&format!(
                "Open this page in a browser on this machine, and log in as {}:\n\n  {url}\n",
                settings.user
            ))?;
            if has_screen(around) {
                show(url);
            }
            timeout(PATIENCE, redirect.visited()).await
        }
    };
    let late = |_| OAuthError::NotAllowed {
        reason: format!("nobody came within {}", span(PATIENCE)),
    };
    let code = coming.map_err(late).and_then(|code| code);
    let code = code.map_err(&failed)?;
    let redeemed = redirect.redeem((server, http), secret, &code).await;
    redeemed.map_err(&failed)
}

/// Lets the desktop open a page. When it has no browser, the page was printed.
fn show(url: &str) {
    let begun = Command::new("xdg-open")
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    drop(begun);
}

/// The browser may be on this machine after all, or its way be led here.
async fn visited_or_pasted(redirect: &Redirect) -> Result<Secret, OAuthError> {
    let pasted = async {
        match line().await {
            Some(line) => redirect.pasted(line.reveal()),
            None => Err(OAuthError::NotAllowed {
                reason: "standard input ended before anything was pasted".to_owned(),
            }),
        }
    };
    tokio::select! {
        code = redirect.visited() => code,
        code = pasted => code,
    }
}

/// One line of standard input; `None`: there is none. It is read by a thread of its own, which nobody waits for.
async fn line() -> Option<Secret> {
    let (said, heard) = oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let stdin = io::Read::take(io::stdin().lock(), LONGEST);
        let read = io::BufReader::new(stdin).read_line(&mut line);
        let line = read
            .is_ok_and(|octets| octets > 0)
            .then(|| Secret::new(line));
        // Whoever asked may have been served by a browser.
        let _gone = said.send(line).is_err();
    });
    heard.await.ok().flatten()
}

/// A running daemon need not wait for the account's next pass, which may be hours away.
fn tell_daemon(config: &Config, accounts: Vec<String>) -> Result<(), Error> {
    let Some(client) = client::reach(config)? else {
        return Ok(());
    };
    let names = accounts.join(", ");
    client.ask_all(&Request::SyncNow { accounts })?;
    answer(&format!("The running daemon goes on with {names}."))
}
