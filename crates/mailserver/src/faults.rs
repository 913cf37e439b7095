//! How the server goes wrong, on demand and while it runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

/// What happens instead of, before or after the right answer to one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The command is not carried out and answered with this text (`NO [OVERQUOTA] full`, `BAD what`,
    /// `-ERR [IN-USE] locked`); in IMAP the tag goes in front.
    Answer(String),
    /// `* BYE text` (POP3: `-ERR text`) and the connection ends; the command is not carried out.
    Bye(String),
    /// The connection ends; the command is not carried out.
    Cut,
    /// The right answer, this much later.
    Delay(Duration),
    /// These octets, then the right answer.
    Garbage(Bytes),
    /// The first literal of the answer announces this many octets more than it has (fewer, when negative).
    LiteralAnnounces(i64),
    /// The command is carried out and its data sent, but the status is this text: a FETCH that ends in NO,
    /// a QUIT that deletes and says `-ERR`.
    PerformAnswer(String),
    /// The command is carried out and its data sent, then `* BYE text` in place of the tagged line.
    PerformBye(String),
    /// The command is carried out, so many octets of the answer are sent, and the connection ends.
    PerformCut(u64),
    /// The command is carried out, so many octets of the answer are sent, and then nothing, for ever.
    PerformStall(u64),
    /// No answer, for ever; the command is not carried out.
    Stall,
}

/// One planned fault: at which command, and what happens there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    command: String,
    action: Action,
    nth: u32,
    always: bool,
    seen: u32,
}

impl Fault {
    /// `action` at the first command that starts with `command` (`UID FETCH`, `DELE 3`; any case; the
    /// empty text is every command). It happens once.
    #[must_use]
    pub fn on(command: &str, action: Action) -> Self {
        Self {
            command: command.to_ascii_uppercase(),
            action,
            nth: 1,
            always: false,
            seen: 0,
        }
    }

    /// At the `nth` such command, counted from one, instead of the first.
    #[must_use]
    pub const fn nth(mut self, nth: u32) -> Self {
        self.nth = nth;
        self
    }

    /// At every such command from the nth on.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.always = true;
        self
    }
}

/// A lasting bad habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Misbehaviour {
    /// POP3: UIDLs differ from session to session.
    ChangesUidls,
    /// IMAP: who idles is told nothing, and DONE is never answered: a line that is dead and does not know it.
    /// NOTIFY tells nothing either.
    DeafWhileIdling,
    /// POP3: a connection that ends without QUIT deletes what was marked.
    DeletesWithoutQuit,
    /// POP3: all messages have one UIDL.
    DuplicatesUidls,
    /// POP3: `+OK` to DELE and to QUIT, and nothing is deleted.
    ForgetsDele,
    /// POP3: what was retrieved in a session that ended with QUIT is not listed again, as Gmail does.
    HidesRetrieved,
    /// POP3: no TOP command.
    NoTop,
    /// POP3: no UIDL command.
    NoUidl,
    /// IMAP: at the first news NOTIFY has to tell, it says that there are too many, and tells no more.
    OverflowsNotify,
    /// POP3: QUIT is answered `-ERR` and deletes nothing.
    QuitFails,
    /// Connections are closed before the greeting. (For a refused one, drop the server.)
    RefusesConnections,
    /// Every password is wrong.
    RefusesLogins,
    /// IMAP: who idles is told of messages that came and one that went, and nothing of it is true.
    TellsOfNothing,
}

/// All faults of a server, planned or going on. Clones are handles to the same plan.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
    /// The last words to all who idle.
    byes: Arc<watch::Sender<String>>,
}

#[derive(Debug, Default)]
struct State {
    planned: Vec<Fault>,
    habits: BTreeSet<Misbehaviour>,
    delay: Duration,
    size_lie: i64,
    session_limit: Option<usize>,
    /// UIDs that [`Misbehaviour::HidesRetrieved`] hides.
    hidden: BTreeSet<u32>,
    idle_limit: Option<Duration>,
    cut_after: Option<u64>,
    octets_sent: u64,
    cut_after_hearing: Option<u64>,
    octets_heard: u64,
}

impl Faults {
    /// Plans a fault.
    pub fn plan(&self, fault: Fault) {
        self.lock().planned.push(fault);
    }

    /// Starts a bad habit.
    pub fn start(&self, habit: Misbehaviour) {
        self.lock().habits.insert(habit);
    }

    /// Ends a bad habit.
    pub fn stop(&self, habit: Misbehaviour) {
        self.lock().habits.remove(&habit);
    }

    /// Makes every answer this much later.
    pub fn delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// Makes RFC822.SIZE, and the sizes of LIST and STAT, wrong by so many octets.
    pub fn size_lie(&self, octets: i64) {
        self.lock().size_lie = octets;
    }

    /// Says BYE to all who idle now, with this text.
    pub fn bye_to_idlers(&self, text: &str) {
        self.byes.send_replace(text.to_owned());
    }

    /// Makes the server say BYE to whoever idles for so long (RFC 2177 §3).
    pub fn limit_idle(&self, limit: Duration) {
        self.lock().idle_limit = Some(limit);
    }

    /// Makes POP3 sessions list only the first so many messages.
    pub fn limit_sessions(&self, messages: usize) {
        self.lock().session_limit = Some(messages);
    }

    /// Ends the connection that sends the `octets`th octet from now on, right after it; zero: before
    /// anything. Counted over all connections, and done once, so that a sweep over all values meets every
    /// point of a whole run, the next connections included.
    pub fn cut_after_octets(&self, octets: u64) {
        self.lock().cut_after = Some(octets);
    }

    /// How many octets the server has sent on all connections: the end of such a sweep.
    #[must_use]
    pub fn octets_sent(&self) -> u64 {
        self.lock().octets_sent
    }

    /// Ends the connection on which the `octets`th octet from now on comes, right after it, and carries out
    /// nothing that was not whole by then: an upload ends in its midst. Counted and done as
    /// [`Faults::cut_after_octets`].
    pub fn cut_after_hearing(&self, octets: u64) {
        self.lock().cut_after_hearing = Some(octets);
    }

    /// How many octets clients have sent on all connections.
    #[must_use]
    pub fn octets_heard(&self) -> u64 {
        self.lock().octets_heard
    }

    /// Whether a planned cut is still to come.
    #[must_use]
    pub fn cut_is_pending(&self) -> bool {
        let state = self.lock();
        state.cut_after.or(state.cut_after_hearing).is_some()
    }

    /// How many planned faults have not happened yet; those that happen always count too.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.lock().planned.len()
    }

    /// From now on a good server.
    pub fn clear(&self) {
        let mut state = self.lock();
        let (octets_sent, octets_heard) = (state.octets_sent, state.octets_heard);
        *state = State {
            octets_sent,
            octets_heard,
            ..State::default()
        };
    }

    /// The fault that `command` (upper case, without tag) meets, if any.
    pub(crate) fn take(&self, command: &str) -> Option<Action> {
        let mut state = self.lock();
        let mut hit = None;
        for (at, fault) in state.planned.iter_mut().enumerate() {
            if !command.starts_with(&fault.command) {
                continue;
            }
            fault.seen += 1;
            let due = fault.seen == fault.nth || (fault.always && fault.seen > fault.nth);
            if due && hit.is_none() {
                hit = Some((at, fault.always, fault.action.clone()));
            }
        }
        let (at, always, action) = hit?;
        if !always {
            state.planned.remove(at);
        }
        Some(action)
    }

    pub(crate) fn has(&self, habit: Misbehaviour) -> bool {
        self.lock().habits.contains(&habit)
    }

    pub(crate) fn answer_delay(&self) -> Duration {
        self.lock().delay
    }

    pub(crate) fn byes(&self) -> watch::Receiver<String> {
        self.byes.subscribe()
    }

    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        self.lock().idle_limit
    }

    pub(crate) fn session_limit(&self) -> usize {
        self.lock().session_limit.unwrap_or(usize::MAX)
    }

    pub(crate) fn hide(&self, uids: &BTreeSet<u32>) {
        self.lock().hidden.extend(uids);
    }

    pub(crate) fn is_hidden(&self, uid: u32) -> bool {
        self.lock().hidden.contains(&uid)
    }

    /// A size as it is told, after [`Faults::size_lie`].
    pub(crate) fn told_size(&self, octets: usize) -> u64 {
        let octets = u64::try_from(octets).unwrap_or(u64::MAX);
        octets.saturating_add_signed(self.lock().size_lie)
    }

    /// Counts octets about to be sent: how many of them may be, and whether the connection ends there.
    pub(crate) fn allow(&self, octets: usize) -> (usize, bool) {
        let mut state = self.lock();
        let (allowed, is_cut) = count(&mut state.cut_after, octets);
        state.octets_sent += u64::try_from(allowed).unwrap_or(u64::MAX);
        (allowed, is_cut)
    }

    /// Counts octets that have come: how many of them are heard, and whether the connection ends there.
    pub(crate) fn hear(&self, octets: usize) -> (usize, bool) {
        let mut state = self.lock();
        let (heard, is_cut) = count(&mut state.cut_after_hearing, octets);
        state.octets_heard += u64::try_from(heard).unwrap_or(u64::MAX);
        (heard, is_cut)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of `octets` come before a cut, if that is among them.
fn count(cut: &mut Option<u64>, octets: usize) -> (usize, bool) {
    let wanted = u64::try_from(octets).unwrap_or(u64::MAX);
    match cut.filter(|left| *left <= wanted) {
        Some(left) => {
            *cut = None;
            (usize::try_from(left).unwrap_or(octets), true)
        }
        None => {
            *cut = cut.map(|left| left - wanted);
            (octets, false)
        }
    }
}
