//! AUTH (RFC 5034): logging in by SASL.

use crate::command::Command;
use crate::error::Pop3Error;
use crate::reply::Reply;
use crate::session::accept;
use crate::wire::{Follows, Wire};
use postrider_core::secret::Secret;
use postrider_transport::sasl::Exchange;

/// The longest command line, in octets (RFC 2449 §4): an initial response that does not fit waits
/// for the server's empty challenge (RFC 5034 §4).
const LONGEST_COMMAND: usize = 255;

/// The most challenges answered: SCRAM has two, and nobody has more than four.
const MOST_CHALLENGES: usize = 8;

/// Carries an exchange to its end.
pub(crate) async fn authenticate(wire: &mut Wire, mut exchange: Exchange) -> Result<(), Pop3Error> {
    let mechanism = exchange.mechanism().to_owned();
    let mut initial = exchange.initial()?.map(visible_when_empty);
    let fits = |initial: &Secret| {
        "AUTH ".len() + mechanism.len() + 1 + initial.reveal().len() + 2 <= LONGEST_COMMAND
    };
    let inline = initial.take_if(|initial| fits(initial));
    let command = Command::Auth(&mechanism, inline.as_ref());
    let mut reply = wire.ask(command, Follows::Nothing).await?;
    for _ in 0..MOST_CHALLENGES {
        let Reply::Challenge(challenge) = reply else {
            accept(reply).map_err(|error| with_reasons(error, &exchange))?;
            return Ok(exchange.finish()?);
        };
        let response = match initial.take() {
            Some(initial) => initial,
            None => exchange.respond(&challenge)?,
        };
        reply = wire
            .ask(Command::Response(&response), Follows::Nothing)
            .await?;
    }
    Err(Pop3Error::TooManyChallenges)
}

/// The server's reasons for refusing a token, behind what it says to everybody.
fn with_reasons(mut error: Pop3Error, exchange: &Exchange) -> Pop3Error {
    if let (Pop3Error::LoginRefused { refusal, .. }, Some(reasons)) =
        (&mut error, exchange.reasons())
    {
        refusal.text = format!("{}: {reasons}", refusal.text);
    }
    error
}

/// RFC 5034 §4: an empty initial response is sent as `=`.
fn visible_when_empty(initial: Secret) -> Secret {
    if initial.reveal().is_empty() {
        Secret::new("=".to_owned())
    } else {
        initial
    }
}
