//! One signal tells everybody to come to a safe point and stop.

use tokio::sync::watch;

/// Tells every holder of the paired [`Shutdown`] to stop.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

/// Held by whoever must stop when asked.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A trigger and what it triggers. Dropping the trigger triggers it too: whoever could have asked
    /// for an orderly end is gone.
    #[must_use]
    pub fn new() -> (ShutdownTrigger, Self) {
        let (sender, receiver) = watch::channel(false);
        (ShutdownTrigger(sender), Self(receiver))
    }

    /// Whether it is time to stop.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is time to stop.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the trigger was dropped, which is a request.
        let _sender_gone = receiver.wait_for(|requested| *requested).await.is_err();
    }
}

impl ShutdownTrigger {
    /// Asks everybody to stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}
