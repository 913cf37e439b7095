//! The proof of one batch while the next arrives.

use crate::context::Account;
use crate::error::EngineError;
use crate::prove::prove;
use postrider_core::message::MessageKey;
use tokio::task::JoinSet;

/// A proof under way. Given up when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Proving(JoinSet<Result<(), EngineError>>);

impl Proving {
    /// Begins with a batch that is recorded, when the one before is done: a disk that is slower at reading
    /// than at writing holds up what is to come.
    pub(super) async fn begin(
        &mut self,
        account: &Account,
        keys: Vec<MessageKey>,
    ) -> Result<(), EngineError> {
        self.done().await?;
        let account = account.clone();
        let prove = async move { prove(&account, &keys).await.map(drop) };
        self.0.spawn(prove);
        Ok(())
    }

    pub(super) async fn done(&mut self) -> Result<(), EngineError> {
        while let Some(done) = self.0.join_next().await {
            done.map_err(|_| EngineError::JobLost)??;
        }
        Ok(())
    }
}
