//! Server text for people: data, never trusted to a terminal or a log.

/// Text with its control characters escaped and its length capped.
pub(crate) fn shown(octets: &[u8]) -> String {
    postrider_transport::escape_server_text(octets)
}
