//! What binds a login to the TLS connection that it goes over (RFC 5056).

use crate::Stream;
use crate::tls::secured::SecuredStream;
use rustls::ProtocolVersion;
use std::any::Any;
use std::fmt;

/// What an exporter is asked for (RFC 9266 §2).
const LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// How much of it, in octets.
const LENGTH: usize = 32;

/// What both ends of a TLS connection know and nobody between them.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding {
    /// Its type: `tls-exporter` (RFC 9266).
    pub name: &'static str,
    /// Its octets.
    pub octets: Vec<u8>,
}

impl ChannelBinding {
    /// Of a connection of ours, where it is under TLS 1.3. Of older versions there are types that servers and we
    /// have in common by chance only (`tls-unique` is broken without RFC 7627, `tls-server-end-point` proves
    /// less).
    pub(crate) fn of(stream: &dyn Any) -> Option<Self> {
        let connection = stream.downcast_ref::<SecuredStream<Stream>>()?.connection();
        if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return None;
        }
        let octets = connection.export_keying_material(vec![0; LENGTH], LABEL, Some(&[]));
        Some(Self {
            name: "tls-exporter",
            octets: octets.ok()?,
        })
    }
}

impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelBinding({})", self.name)
    }
}

#[cfg(test)]
mod tests;
