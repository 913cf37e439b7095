//! What lies in the maildrop: STAT, LIST and UIDL, in one flight where the server can.

use crate::command::Command;
use crate::error::Pop3Error;
use crate::listing::{ListedMessage, MOST_OCTETS, Rows, parse_stat};
use crate::reply::Reply;
use crate::session::{Transaction, demanded};
use crate::wire::Follows;

/// The largest answer to LIST or UIDL, in octets. It bounds what a hostile server can make us read;
/// what we keep of it is bounded by [`MOST_OCTETS`].
const LARGEST_LISTING: u64 = 64 * 1024 * 1024;

/// The maildrop as STAT, LIST and UIDL tell it. Good for one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maildrop {
    /// STAT's count of messages.
    pub count: u32,
    /// STAT's sum of their sizes in octets; servers lie about it.
    pub octets: u64,
    /// The messages that LIST names, as far as STAT covers their numbers; ascending.
    pub messages: Vec<ListedMessage>,
    /// Whether the server answered UIDL.
    pub uidl_supported: bool,
    /// STAT, LIST and (where supported) UIDL tell of the same messages and no row was odd. Only then
    /// is what the listing lacks believed to be gone (R5): an empty LIST whose STAT is not zero is
    /// one witness against another.
    pub witnesses_agree: bool,
}

impl Transaction {
    /// Asks what lies in the maildrop: one round trip with PIPELINING, three without.
    ///
    /// # Errors
    /// When STAT or LIST is refused, a listing is larger than 64 MiB or costs more than 40 MiB to keep, or the
    /// session breaks.
    pub async fn survey(&mut self) -> Result<Maildrop, Pop3Error> {
        self.wire.expect_idle()?;
        let pipelined = self.window() > 1;
        self.wire.send(Command::Stat)?;
        if pipelined {
            self.wire.send(Command::List)?;
            self.wire.send(Command::Uidl)?;
        }
        let stat = self.wire.reply(Follows::Nothing).await?;
        let stat = demanded("STAT", stat)?;
        let (count, octets) = parse_stat(&stat).ok_or_else(|| Pop3Error::Reply {
            command: "STAT",
            line: stat.into_bytes(),
        })?;
        let mut rows = Rows::new(count);
        if !pipelined {
            self.wire.send(Command::List)?;
        }
        let list = self.wire.reply(Follows::Data).await?;
        demanded("LIST", list)?;
        let sizes = self.wire.rows(LARGEST_LISTING, |row| rows.take_size(row));
        sizes.await?;
        fits("LIST", &rows)?;
        if !pipelined {
            self.wire.send(Command::Uidl)?;
        }
        let uidl = self.wire.reply(Follows::Data).await?;
        let uidl_supported = matches!(uidl, Reply::Ok(_));
        if uidl_supported {
            let uidls = self.wire.rows(LARGEST_LISTING, |row| rows.take_uidl(row));
            uidls.await?;
            fits("UIDL", &rows)?;
        }
        let (messages, witnesses_agree) = rows.finish(uidl_supported);
        Ok(Maildrop {
            count,
            octets,
            messages,
            uidl_supported,
            witnesses_agree,
        })
    }
}

/// Whether what was listed can be kept.
fn fits(command: &'static str, rows: &Rows) -> Result<(), Pop3Error> {
    if rows.is_too_large() {
        let limit = MOST_OCTETS as u64;
        return Err(Pop3Error::TooLarge { command, limit });
    }
    Ok(())
}
