//! Which step an answer belongs to.
//!
//! | response | goes to |
//! |---|---|
//! | FETCH with a body | the oldest `Bodies` |
//! | FETCH with a header | the oldest `Facts` |
//! | FETCH with size or date | the oldest step that asked for these |
//! | FETCH with flags | the oldest `Flags`, else the oldest `StoreFlags`, else it is news |
//! | FETCH with a mod-sequence alone | the oldest `StoreFlags`, else it is news |
//! | LIST | the oldest `List` |
//! | LSUB | the oldest `Subscriptions` |
//! | NAMESPACE | the oldest `List` that asks for it |
//! | STATUS | the `Status` of that name, or the `List` that lists it, else it is heard (NOTIFY) |
//! | QUOTA | the oldest `Quota` |
//! | SEARCH | the oldest `Search`; ESEARCH to the one it names |
//! | COPYUID | the oldest `Copy` or `Move` of these messages |
//! | VANISHED (EARLIER), and FETCH while a SELECT resynchronises | that `Select` |
//! | VANISHED | the oldest step about the open mailbox, and is news besides |
//! | EXISTS, and codes | a `Select`, when nothing before it needs a mailbox; else it is news |
//!
//! No answer about messages goes past a SELECT that is not answered yet.

use crate::code::Code;
use crate::error::ImapError;
use crate::ext::list_extended;
use crate::ext::qresync::Vanished;
use crate::ext::uidplus::CopyUid;
use crate::fetch::{Body, FetchRow, Fetched};
use crate::flight::{BodyFlow, Flight, Gather, InFlight, NO_STEP};
use crate::limits::Limits;
use crate::list::ListRow;
use crate::parse::{Kind, StatusText, Untagged};
use crate::search::Esearch;
use crate::select::Selecting;
use crate::status::StatusRow;
use crate::step::FlightEvent;
use crate::wire::tag_number;
use crate::wire_name::WireName;
use bytes::Bytes;
use postrider_core::uid::{Uid, UidSet};

impl Flight<'_> {
    pub(crate) fn begin_body(&mut self, octets: u64) {
        let step = self.awaits_body();
        self.body = Some(BodyFlow { step, octets });
        if let Some(step) = step {
            self.events
                .push_back(FlightEvent::BodyStart { step, octets });
        }
    }

    /// The step that a body is for which begins now. Bodies beyond all that were asked for are for none: the same
    /// message for ever is no progress.
    fn awaits_body(&mut self) -> Option<usize> {
        let command = self.about_messages(|gather| matches!(gather, Gather::Bodies { .. }))?;
        let step = command.step;
        self.bodies.one_begins().then_some(step)
    }

    pub(crate) fn take_chunk(&mut self, chunk: Bytes) {
        if self.body.as_ref().is_some_and(|body| body.step.is_some()) {
            self.session.wire.body_progressed(chunk.len() as u64);
            self.events.push_back(FlightEvent::BodyChunk(chunk));
        }
    }

    pub(crate) fn take_untagged(&mut self, untagged: Untagged) -> Result<(), ImapError> {
        match untagged {
            Untagged::Esearch(answer) => self.take_esearch(&answer),
            Untagged::Exists(count) => match self.select_in_hand() {
                Some((_, selecting)) => selecting.selected.exists = Some(count),
                None => self.session.take_unsolicited(&untagged),
            },
            Untagged::Fetch(mut row) => {
                self.count_flags(&mut row)?;
                self.take_fetch(*row);
            }
            Untagged::List(row) => self.take_list(row)?,
            Untagged::Lsub(row) => self.take_subscription(row)?,
            Untagged::MailboxStatus(row) => self.take_status(row),
            Untagged::Malformed(kind) => self.take_malformed(kind),
            Untagged::Namespace(prefixes) => self.take_namespaces(prefixes),
            Untagged::Quota(quota) => {
                let asks = |command: &&InFlight| matches!(command.gather, Gather::Quota);
                if let Some(step) = self.in_flight.iter().find(asks).map(|c| c.step) {
                    self.events.push_back(FlightEvent::Quota { step, quota });
                }
            }
            Untagged::Search(answer) => {
                let of = self.about_messages(searches);
                add_found(of, &answer.uids);
            }
            Untagged::Status(StatusText {
                code: Some(Code::CopyUid(copied)),
                ..
            }) => self.take_copied(copied),
            Untagged::Status(status) => {
                if let (Some(code), Some((_, selecting))) = (&status.code, self.select_in_hand()) {
                    selecting.take_code(code);
                }
            }
            // It says less than PERMANENTFLAGS, but that the SELECT is under way.
            Untagged::Flags(_) => {
                if let Some((_, selecting)) = self.select_in_hand() {
                    selecting.begun = true;
                }
            }
            Untagged::Vanished(vanished) => self.take_vanished(vanished),
            Untagged::Capability(_)
            | Untagged::Enabled(_)
            | Untagged::Expunge(_)
            | Untagged::Id(_)
            | Untagged::Unknown => self.session.take_unsolicited(&untagged),
        }
        Ok(())
    }

    /// Counts what flags cost whoever keeps them all. Those that come with a body are let go with it, and whoever
    /// asks for headers names the messages.
    fn count_flags(&mut self, row: &mut FetchRow) -> Result<(), ImapError> {
        if let (Some(flags), None, None) = (&mut row.flags, &row.body, &row.header) {
            let labels = row.gmail_labels.iter().flatten();
            let names = row.email_id.iter().chain(labels).map(String::len);
            let names = names.sum::<usize>().saturating_sub(Limits::NAMES_OCTETS);
            let octets = Limits::MESSAGE_OCTETS + names + self.keywords.share(flags);
            self.flags_octets = self.flags_octets.saturating_add(octets);
            let limit = self.session.limits.flags_octets;
            if self.flags_octets > limit {
                return Err(ImapError::TooManyMessages { limit });
            }
        }
        Ok(())
    }

    /// The oldest command about messages that fits, up to the first unanswered SELECT.
    fn about_messages(&mut self, fits: impl Fn(&Gather) -> bool) -> Option<&mut InFlight> {
        let of_this_mailbox =
            |command: &&mut InFlight| !matches!(command.gather, Gather::Select(_));
        let mut commands = self.in_flight.iter_mut().take_while(of_this_mailbox);
        commands.find(|command| !command.void && fits(&command.gather))
    }

    /// The SELECT that the server must be working on, if it can be at one.
    fn select_in_hand(&mut self) -> Option<(usize, &mut Selecting)> {
        for command in &mut self.in_flight {
            match &mut command.gather {
                Gather::Select(selecting) => return Some((command.step, selecting)),
                gather if gather.needs_mailbox() => return None,
                _ => {}
            }
        }
        None
    }

    fn take_fetch(&mut self, row: FetchRow) {
        if let Some(BodyFlow { step, octets }) = self.body.take() {
            if let Some(step) = step {
                self.end_body(step, row, octets);
            }
        } else if row.body.is_some() {
            self.take_whole_body(row);
        } else if !self.take_facts(&row)
            && !self.take_flags(&row)
            && !self.take_stored(&row)
            && !self.take_change(&row)
        {
            let news = Untagged::Fetch(Box::new(row));
            self.session.take_unsolicited(&news);
        }
    }

    fn end_body(&mut self, step: usize, row: FetchRow, octets: u64) {
        let whole = matches!(row.body, Some(Body::Streamed(announced)) if announced == octets);
        let fetched = row.uid.filter(|_| whole).map(|uid| Fetched {
            uid,
            flags: row.flags,
            internal_date: row.internal_date,
            size_octets: row.size_octets,
            octets,
        });
        let told = fetched.as_ref().map(|fetched| fetched.uid);
        if told.is_some() {
            self.body_arrived(octets);
        }
        self.events.push_back(match fetched {
            Some(fetched) => FlightEvent::BodyEnd { step, fetched },
            None => FlightEvent::BodyMissing { step, uid: row.uid },
        });
        self.told(step, told);
    }

    /// A body that did not flow: a quoted string, or NIL.
    fn take_whole_body(&mut self, mut row: FetchRow) {
        let Some(step) = self.awaits_body() else {
            return;
        };
        let Some(Body::Inline(octets)) = row.body.take() else {
            let uid = row.uid;
            self.events
                .push_back(FlightEvent::BodyMissing { step, uid });
            return self.told(step, uid);
        };
        let length = octets.len() as u64;
        row.body = Some(Body::Streamed(length));
        self.events.push_back(FlightEvent::BodyStart {
            step,
            octets: length,
        });
        if !octets.is_empty() {
            self.events.push_back(FlightEvent::BodyChunk(octets.into()));
        }
        self.end_body(step, row, length);
    }

    fn take_facts(&mut self, row: &FetchRow) -> bool {
        let asked =
            row.header.is_some() || row.size_octets.is_some() || row.internal_date.is_some();
        let (true, Some(facts)) = (asked, row.as_facts()) else {
            return false;
        };
        // `Flags` may have asked for size and date too; a header is wanted by `Facts` alone.
        let could_be = |gather: &Gather| match gather {
            Gather::Facts => true,
            Gather::Flags(items) => row.header.is_none() && (items.size || items.internal_date),
            _ => false,
        };
        let of = self.about_messages(could_be);
        let of = of.filter(|command| matches!(command.gather, Gather::Facts));
        let Some(step) = of.map(|command| command.step) else {
            return false;
        };
        let uid = facts.uid;
        self.events
            .push_back(FlightEvent::Facts { step, row: facts });
        self.told(step, Some(uid));
        true
    }

    fn take_flags(&mut self, row: &FetchRow) -> bool {
        let Some(flags) = row.as_flags() else {
            return false;
        };
        let of = self.about_messages(|gather| matches!(gather, Gather::Flags(_)));
        let Some(step) = of.map(|command| command.step) else {
            return false;
        };
        let uid = flags.uid;
        self.events
            .push_back(FlightEvent::Flags { step, row: flags });
        self.told(step, Some(uid));
        true
    }

    /// A row that STORE brings: the mod-sequence of what was changed (RFC 7162 §3.1.3), which nobody asks
    /// for, and the flags by a server that does not know SILENT.
    fn take_stored(&mut self, row: &FetchRow) -> bool {
        let stores = |gather: &Gather| matches!(gather, Gather::Store { .. });
        let (Some(uid), Some(command)) = (row.uid, self.about_messages(stores)) else {
            return false;
        };
        let step = command.step;
        if let Some(row) = row.as_flags() {
            self.events.push_back(FlightEvent::Flags { step, row });
        }
        self.told(step, Some(uid));
        true
    }

    /// A row that a SELECT with [`Resync`](crate::Resync) brings: what changed since then.
    fn take_change(&mut self, row: &FetchRow) -> bool {
        let in_hand = self.select_in_hand();
        let resyncing = in_hand.filter(|(_, selecting)| selecting.resync && selecting.begun);
        let Some((step, _)) = resyncing else {
            return false;
        };
        match row.as_flags() {
            Some(row) => {
                let uid = row.uid;
                self.events.push_back(FlightEvent::Flags { step, row });
                self.told(step, Some(uid));
            }
            // Something changed, and nobody knows of which message.
            None => {
                let kind = Kind::Fetch;
                self.events
                    .push_back(FlightEvent::Unreadable { step, kind });
            }
        }
        true
    }

    /// MOVE tells it untagged, before the messages go (RFC 6851 §4.3).
    fn take_copied(&mut self, copied: CopyUid) {
        let asks =
            |gather: &Gather| matches!(gather, Gather::Copy { uids } if copied.is_about(uids));
        if let Some(step) = self.about_messages(asks).map(|command| command.step) {
            self.events.push_back(FlightEvent::Copied { step, copied });
        }
    }

    fn take_vanished(&mut self, vanished: Vanished) {
        let earlier = vanished.earlier;
        let enabled = self.session.enabled.qresync;
        let of = match self.select_in_hand() {
            Some((step, selecting)) if selecting.resync && (earlier || selecting.begun) => {
                // Only SELECT makes a server say that something vanished earlier.
                selecting.begun = true;
                Some(step)
            }
            // News of the mailbox that is being left.
            Some(_) => None,
            None if enabled && !earlier => {
                let of = self.about_messages(|_| true);
                of.map(|command| command.step)
            }
            // Nobody asked for it.
            None => None,
        };
        if earlier && of.is_none() {
            return;
        }
        self.session
            .take_unsolicited(&Untagged::Vanished(vanished.clone()));
        let uids = vanished.uids;
        let event = |step| FlightEvent::Vanished {
            step,
            uids,
            earlier,
        };
        self.events
            .extend(of.filter(|step| *step != NO_STEP).map(event));
    }

    /// Gives the server new time if the step has come to a UID it had not reached before: rows of
    /// the same messages for ever are no progress.
    fn told(&mut self, step: usize, uid: Option<Uid>) {
        let command = self
            .in_flight
            .iter_mut()
            .find(|command| command.step == step);
        if let (Some(command), Some(uid)) = (command, uid)
            && uid.as_u32() > command.highest
        {
            command.highest = uid.as_u32();
            self.session.wire.progressed();
        }
    }

    fn take_list(&mut self, row: ListRow) -> Result<(), ImapError> {
        let limit = self.session.limits.listing_octets;
        let of = self.in_flight.iter().find(|command| lists(&command.gather));
        let open = of.and_then(|command| self.open.get_mut(&command.step));
        if let Some(listing) = open.and_then(|open| open.listing.as_mut()) {
            let before = listing.count();
            listing.take_row(row);
            if listing.octets() > limit {
                return Err(ImapError::ListingTooLong { limit });
            }
            if listing.count() > before {
                self.session.wire.progressed();
            }
        }
        Ok(())
    }

    fn take_subscription(&mut self, row: ListRow) -> Result<(), ImapError> {
        let limit = self.session.limits.listing_octets;
        let mut commands = self.in_flight.iter_mut();
        let of = commands.find_map(|command| match &mut command.gather {
            Gather::Subscriptions(names) => Some(names),
            _ => None,
        });
        if let (Some(names), Some(name)) = (of, list_extended::subscription(row)) {
            names.push(name);
            let octets = names.iter().map(|name| name.octets().len());
            // The sum is taken rarely: at every doubling.
            if names.len().is_power_of_two()
                && octets.sum::<usize>() + names.len() * Limits::ROW_OCTETS > limit
            {
                return Err(ImapError::ListingTooLong { limit });
            }
        }
        Ok(())
    }

    fn take_namespaces(&mut self, prefixes: Vec<WireName>) {
        let asks = |command: &&InFlight| matches!(command.gather, Gather::Namespaces);
        let of = self.in_flight.iter().find(asks);
        let open = of.and_then(|command| self.open.get_mut(&command.step));
        if let Some(listing) = open.and_then(|open| open.listing.as_mut()) {
            listing.prefixes.get_or_insert(prefixes);
        }
    }

    fn take_status(&mut self, row: StatusRow) {
        for command in &mut self.in_flight {
            let taken = match &mut command.gather {
                Gather::Status { mailbox, told } if *mailbox == row.wire_name && !*told => {
                    *told = true;
                    let (step, status) = (command.step, row.status.clone());
                    self.events.push_back(FlightEvent::Status { step, status });
                    true
                }
                gather if lists(gather) => {
                    let open = self.open.get_mut(&command.step);
                    let listing = open.and_then(|open| open.listing.as_mut());
                    listing.is_some_and(|listing| listing.take_status(&row))
                }
                _ => false,
            };
            if taken {
                return self.session.wire.progressed();
            }
        }
        self.session.hear_status(row);
    }

    fn take_esearch(&mut self, answer: &Esearch) {
        let number = answer.tag.as_deref().and_then(tag_number);
        let named = |command: &&mut InFlight| Some(command.number) == number;
        let of = match answer.tag {
            Some(_) => self.in_flight.iter_mut().find(named),
            None => self.about_messages(searches),
        };
        add_found(of, &answer.uids);
    }

    /// A row is lost: whoever waits for rows of its kind must know.
    fn take_malformed(&mut self, kind: Kind) {
        if let Some(BodyFlow { step, .. }) = self.body.take() {
            let missing = |step| FlightEvent::BodyMissing { step, uid: None };
            self.events.extend(step.map(missing));
            return;
        }
        let fits = |gather: &Gather| match kind {
            Kind::Fetch => matches!(
                gather,
                Gather::Bodies { .. } | Gather::Facts | Gather::Flags(_)
            ),
            Kind::List => lists(gather) || matches!(gather, Gather::Subscriptions(_)),
            Kind::Quota => matches!(gather, Gather::Quota),
            Kind::Search => searches(gather),
            Kind::Status => lists(gather) || matches!(gather, Gather::Status { .. }),
            Kind::Vanished => false,
        };
        // What a SELECT cannot tell of changes, its caller must find out by other means.
        let fits = |gather: &Gather| match gather {
            Gather::Select(selecting) => {
                selecting.resync && matches!(kind, Kind::Fetch | Kind::Vanished)
            }
            other => fits(other),
        };
        let mut commands = self.in_flight.iter();
        let command = commands.find(|command| fits(&command.gather));
        if let Some(command) = command.filter(|command| command.step != NO_STEP) {
            let step = command.step;
            self.events
                .push_back(FlightEvent::Unreadable { step, kind });
        }
    }
}

fn add_found(of: Option<&mut InFlight>, uids: &UidSet) {
    if let Some(InFlight {
        gather: Gather::Search(found),
        void: false,
        ..
    }) = of
    {
        found.get_or_insert_default().take(uids);
    }
}

const fn lists(gather: &Gather) -> bool {
    matches!(gather, Gather::List | Gather::ListBelow)
}

const fn searches(gather: &Gather) -> bool {
    matches!(gather, Gather::Search(_))
}

#[cfg(test)]
mod tests;
