//! The datagrams of sd_notify(3). Without systemd, nothing is sent and nothing is amiss.

use sd_notify::NotifyState;

/// The daemon is ready, or ready again after a reload; `status` is shown by `systemctl status`.
pub(super) fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// What `systemctl status` shows from now on.
pub(super) fn status(status: &str) {
    send(&[NotifyState::Status(status)]);
}

/// All goes on as it should.
pub(super) fn watchdog() {
    send(&[NotifyState::Watchdog]);
}

/// A reload has begun; [`ready`] must follow in every case.
///
/// Both in one datagram: from version 253 systemd takes a RELOADING=1 for the answer to its own
/// signal only when it carries a MONOTONIC_USEC later than that signal.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(error = %error, "reading the monotonic clock"),
    }
}

/// The daemon stops.
pub(super) fn stopping() {
    send(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// A datagram that does not arrive is systemd's to notice: it has its own timeouts.
fn send(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(error = %error, "notifying the service manager");
    }
}
