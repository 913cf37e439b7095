//! APPEND (RFC 9051 §6.3.12): putting messages into a mailbox, their octets streamed as the server takes
//! them; several in one command where it has MULTIAPPEND.
//!
//! It is no step of a flight: a synchronising literal holds up whatever is behind it anyway, and
//! whoever puts a message back wants to know of each what became of it.

use crate::code::Code;
use crate::date::format_internal_date;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
use crate::ext::literal::{first_form, further_form};
use crate::ext::{append_limit, multi_append};
use crate::session::Session;
use crate::source::Source;
use crate::store::sendable;
use crate::wire_name::WireName;
use postrider_core::flag::FlagSet;
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidValidity};

/// Where a message goes, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The mailbox.
    pub mailbox: WireName,
    /// Its flags.
    pub flags: FlagSet,
    /// INTERNALDATE; the server's present where it is `None`.
    pub internal_date: Option<UnixTime>,
    /// How many octets will come: exactly so many, line ends CRLF.
    pub octets: u64,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is there.
    Done {
        /// Who it is now. Requires UIDPLUS (RFC 4315), and a server that tells.
        uid: Option<(UidValidity, Uid)>,
    },
    /// The server did not want it.
    Refused(Refusal),
}

/// What became of messages that went in one command: all of them are there or none is (RFC 3502 §6.3.11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppendedAll {
    /// They are there.
    Done {
        /// Who they are now, in the order in which they were given. Requires UIDPLUS (RFC 4315), and a
        /// server that tells.
        uids: Option<(UidValidity, Vec<Uid>)>,
    },
    /// The server did not want one of them, and does not say which. Append each alone to learn it.
    Refused(Refusal),
}

impl Session {
    /// Appends a message whose octets `source` gives. One that the server is known to find too large is
    /// refused without being sent ([`Code::TooBig`]).
    ///
    /// # Errors
    /// As [`crate::Flight::next`]. A source that ends early or fails ends the session: the server
    /// has been promised more, and must not take what came for a message. Whatever the error, the
    /// message may be there or not.
    pub async fn append(&mut self, append: &Append, source: Source) -> Result<Appended, ImapError> {
        if let Some(refusal) = append_limit::refusal(self.capabilities(), append.octets) {
            return Ok(Appended::Refused(refusal));
        }
        let appended = self.append_in_one(vec![(append, source)]).await?;
        Ok(match appended {
            AppendedAll::Refused(refusal) => Appended::Refused(refusal),
            AppendedAll::Done { uids } => {
                let only = |(epoch, uids): (_, Vec<Uid>)| Some((epoch, *uids.first()?));
                let uid = uids.and_then(only);
                Appended::Done { uid }
            }
        })
    }

    /// How many of the first of `messages` may go in one command ([`Session::append_all`]): one where
    /// the server lacks MULTIAPPEND, and always at least one, if there is any.
    #[must_use]
    pub fn together(&self, messages: &[Append]) -> usize {
        multi_append::together(self.capabilities(), messages)
    }

    /// Appends messages to the mailbox of the first, in one command. No more of them than
    /// [`Session::together`] says: the server holds what it is given until the last has come. Use
    /// [`Source::opened_by`], so that no more than one is open at a time.
    ///
    /// # Errors
    /// As [`Session::append`].
    pub async fn append_all(
        &mut self,
        messages: Vec<(&Append, Source)>,
    ) -> Result<AppendedAll, ImapError> {
        // In a block: a borrowed source must not live until the server has answered.
        let too_big = {
            let mut octets = messages.iter().map(|(append, _)| append.octets);
            octets.find_map(|octets| append_limit::refusal(self.capabilities(), octets))
        };
        match too_big {
            Some(refusal) => Ok(AppendedAll::Refused(refusal)),
            None => self.append_in_one(messages).await,
        }
    }

    async fn append_in_one(
        &mut self,
        messages: Vec<(&Append, Source)>,
    ) -> Result<AppendedAll, ImapError> {
        let (appends, sources): (Vec<_>, Vec<_>) = messages.into_iter().unzip();
        let Some(command) = self.append_command(&appends)? else {
            return Ok(AppendedAll::Done { uids: None });
        };
        let status = self.command_with(command, sources).await?;
        let uids = match &status.code {
            // Any other number of them would be a guess whose is whose.
            Some(Code::AppendUid(epoch, uids)) if uids.count() == appends.len() as u64 => {
                Some((*epoch, uids.iter().collect()))
            }
            _ => None,
        };
        Ok(match Refusal::of(status) {
            Some(refusal) => AppendedAll::Refused(refusal),
            None => AppendedAll::Done { uids },
        })
    }

    /// The command; `None` for no message.
    fn append_command(&self, appends: &[&Append]) -> Result<Option<CommandText>, ImapError> {
        let Some(first) = appends.first() else {
            return Ok(None);
        };
        let mut command = CommandText::new("APPEND ");
        self.dialect().mailbox(&mut command, &first.mailbox)?;
        let mut form_of: fn(&_, u64) -> _ = first_form;
        for append in appends {
            command.text(" ");
            let flags = sendable(&append.flags);
            if !flags.is_empty() {
                command.text(&format!("({flags}) "));
            }
            if let Some(date) = append.internal_date.and_then(format_internal_date) {
                command.text(&format!("\"{date}\" "));
            }
            command.stream(append.octets, form_of(self.capabilities(), append.octets));
            form_of = further_form;
        }
        Ok(Some(command))
    }
}

#[cfg(test)]
mod tests;
