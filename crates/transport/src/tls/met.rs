//! What one handshake has met, for whoever tells of it afterwards.
//!
//! rustls asks verifier and identity while the handshake is polled, so a value of its task reaches both, and neither
//! has a state that handshakes share.

use rustls::pki_types::CertificateDer;
use std::cell::RefCell;
use std::future::Future;

/// What was met.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// The server's certificates, whether they were good or not. Empty where a session was resumed.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// The server wanted a certificate of ours.
    pub(super) asked_for_ours: bool,
}

tokio::task_local! {
    static MET: RefCell<Met>;
}

/// Shakes hands, and tells what was met.
pub(super) async fn during<T>(handshake: impl Future<Output = T>) -> (T, Met) {
    let watched = async move {
        let ended = handshake.await;
        (ended, MET.with(RefCell::take))
    };
    MET.scope(RefCell::default(), watched).await
}

/// Notes something; without a handshake that is watched, nothing.
pub(super) fn note(change: impl FnOnce(&mut Met)) {
    // Outside, nobody wants to know.
    MET.try_with(|met| change(&mut met.borrow_mut())).ok();
}
