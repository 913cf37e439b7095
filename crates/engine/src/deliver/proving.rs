//! The proof of one batch while the next arrives.

use crate::context::Account;
use crate::error::EngineError;
use crate::prove::prove;
use postrider_core::message::MessageKey;
use tokio::task::JoinSet;

/// Batches that are read back at once. The last ones of a delivery have the machine for themselves.
const AT_ONCE: usize = 2;

/// Proofs under way. Given up when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Proving(JoinSet<Result<(), EngineError>>);

impl Proving {
    /// Begins with a batch that is recorded, when few others are under way: a disk that is slower at reading
    /// than at writing holds up what is to come.
    pub(super) async fn begin(
        &mut self,
        account: &Account,
        keys: Vec<MessageKey>,
    ) -> Result<(), EngineError> {
        while self.0.len() >= AT_ONCE {
            self.one_done().await?;
        }
        let account = account.clone();
        let prove = async move { prove(&account, &keys).await.map(drop) };
        self.0.spawn(prove);
        Ok(())
    }

    pub(super) async fn done(&mut self) -> Result<(), EngineError> {
        while !self.0.is_empty() {
            self.one_done().await?;
        }
        Ok(())
    }

    async fn one_done(&mut self) -> Result<(), EngineError> {
        match self.0.join_next().await {
            Some(done) => done.map_err(|_| EngineError::JobLost)?,
            None => Ok(()),
        }
    }
}
