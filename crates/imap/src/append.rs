//! APPEND (RFC 9051 §6.3.12): putting a message into a mailbox, its octets streamed as the server takes
//! them.
//!
//! It is no step of a flight: a synchronising literal holds up whatever is behind it anyway, and
//! whoever puts a message back wants to know of each what became of it.

use crate::code::Code;
use crate::date::format_internal_date;
use crate::encode::CommandText;
use crate::error::{ImapError, Refusal};
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

impl Session {
    /// Appends a message whose octets `source` gives.
    ///
    /// # Errors
    /// As [`crate::Flight::next`]. A source that ends early or fails ends the session: the server
    /// has been promised more, and must not take what came for a message.
    pub async fn append(&mut self, append: &Append, source: Source) -> Result<Appended, ImapError> {
        let command = self.append_command(append)?;
        let status = self.command_with(command, Some(source)).await?;
        let uid = match &status.code {
            Some(Code::AppendUid(uid_validity, uids)) if uids.count() == 1 => {
                uids.iter().next().map(|uid| (*uid_validity, uid))
            }
            _ => None,
        };
        Ok(match Refusal::of(status) {
            Some(refusal) => Appended::Refused(refusal),
            None => Appended::Done { uid },
        })
    }

    fn append_command(&self, append: &Append) -> Result<CommandText, ImapError> {
        let mut command = CommandText::new("APPEND ");
        self.dialect().mailbox(&mut command, &append.mailbox)?;
        command.text(" ");
        let flags = sendable(&append.flags);
        if !flags.is_empty() {
            command.text(&format!("({flags}) "));
        }
        if let Some(date) = append.internal_date.and_then(format_internal_date) {
            command.text(&format!("\"{date}\" "));
        }
        command.stream(append.octets, self.capabilities());
        Ok(command)
    }
}

#[cfg(test)]
mod tests;
