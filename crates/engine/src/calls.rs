//! Passes that somebody waits for: `sync`, asked of a running daemon.
//!
//! A call is answered by a pass that begins after it came, so that what was at the server when it came is here
//! when it is answered. A pass over some mailboxes is made before the next one over all, which follows at once:
//! what ended the account's pause (a local change, a push) is in no other way seen again.

use crate::account::pass;
use crate::context::Account;
use crate::error::EngineError;
use crate::report::PassReport;
use postrider_core::fault::Fault;
use postrider_core::time::UnixTime;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Calls that may wait for one account. People and scripts make them; what is more is told to come later.
const WAITING: usize = 64;

/// A failure for several ears: what an error says, without the error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What it means.
    pub fault: Fault,
    /// What we were doing.
    pub error: String,
    /// Why it failed, from the nearest cause on.
    pub caused_by: Vec<String>,
    /// What a person can type or change next, where there is something.
    pub hint: Option<String>,
}

impl From<&EngineError> for Failure {
    fn from(error: &EngineError) -> Self {
        let mut caused_by = Vec::new();
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            caused_by.push(error.to_string());
            cause = error.source();
        }
        Self {
            fault: error.fault(),
            error: error.to_string(),
            caused_by,
            hint: error.hint(),
        }
    }
}

/// Why an account's last pass failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastFailure {
    /// When.
    pub at: UnixTime,
    /// What it means.
    pub fault: Fault,
    /// The whole story in one line.
    pub error: String,
    /// What a person can type or change next, where there is something.
    pub hint: Option<String>,
}

impl LastFailure {
    pub(crate) fn of(at: UnixTime, error: &EngineError) -> Self {
        Self {
            at,
            fault: error.fault(),
            error: error.story(),
            hint: error.hint(),
        }
    }
}

/// What a pass that was asked for came to.
pub type Outcome = Result<PassReport, Failure>;

/// Somebody waits for a pass.
#[derive(Debug)]
pub(crate) struct Call {
    /// Only over mailboxes that match this glob.
    pub(crate) mailbox: Option<Arc<str>>,
    pub(crate) answer: oneshot::Sender<Outcome>,
}

impl Call {
    fn end(self, result: &Result<PassReport, EngineError>) {
        let outcome = match result {
            Ok(report) => Ok(report.clone()),
            Err(error) => Err(Failure::from(error)),
        };
        let _caller_gone = self.answer.send(outcome).is_err();
    }
}

/// The calls of one account; its task holds them.
#[derive(Debug)]
pub(crate) struct Calls(mpsc::Receiver<Call>);

/// A way to call.
#[derive(Clone, Debug)]
pub(crate) struct Caller(mpsc::Sender<Call>);

pub(crate) fn calls() -> (Caller, Calls) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Caller(sender), Calls(receiver))
}

impl Caller {
    /// `None` when too many wait, or the account's task has ended.
    pub(crate) fn call(&self, mailbox: Option<Arc<str>>) -> Option<oneshot::Receiver<Outcome>> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Call { mailbox, answer }).ok()?;
        Some(answered)
    }
}

impl Calls {
    /// A pass over all mailboxes, and before it those over some that were called for; whoever waits is
    /// answered.
    pub(crate) async fn pass(&mut self, account: &Account) -> Result<PassReport, EngineError> {
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        while let Ok(call) = self.0.try_recv() {
            if call.mailbox.is_some() {
                parts.push(call);
            } else {
                whole.push(call);
            }
        }
        let result = match some(account, &mut parts).await {
            Ok(()) => pass(account).await,
            // What failed for a part fails for the whole; a refused password is not sent twice.
            Err(error) => Err(error),
        };
        whole
            .into_iter()
            .chain(parts)
            .for_each(|call| call.end(&result));
        result
    }
}

/// The passes over some mailboxes, until one fails; those that were not answered stay.
async fn some(account: &Account, parts: &mut Vec<Call>) -> Result<(), EngineError> {
    while let Some(call) = parts.pop() {
        let mut account = account.clone();
        account.only.clone_from(&call.mailbox);
        let result = pass(&account).await;
        call.end(&result);
        result?;
    }
    Ok(())
}
