//! STLS (RFC 2595 §4): TLS on the cleartext port.
//!
//! Two attacks end here: a man in the middle who strips the capability, and one who appends answers
//! to the server's `+OK` that would be taken for the server's own under TLS (CVE-2021-22946 and
//! CVE-2021-22947 in curl, and some forty more of "NO STARTTLS").

use crate::command::Command;
use crate::error::Pop3Error;
use crate::reply::Reply;
use crate::session::Authorization;
use crate::wire::Follows;
use postrider_core::settings::ServerAddress;
use postrider_transport::Connector;

impl Authorization {
    /// Goes over to TLS. What was learnt before is forgotten, capabilities included.
    ///
    /// # Errors
    /// When STLS is not offered or refused, when cleartext follows its answer, and when the
    /// certificate is not good. There is no way back to cleartext.
    pub async fn start_tls(
        mut self,
        connector: &Connector,
        address: &ServerAddress,
    ) -> Result<Self, Pop3Error> {
        if !self.capabilities().await?.has("STLS") {
            return Err(Pop3Error::StlsMissing);
        }
        match self.wire.ask(Command::Stls, Follows::Nothing).await? {
            Reply::Ok(_) => {}
            Reply::Refused(refusal) => return Err(Pop3Error::StlsRefused { refusal }),
            Reply::Challenge(text) => {
                return Err(Pop3Error::Reply {
                    command: Command::Stls.name(),
                    line: text.into_bytes(),
                });
            }
        }
        let tls = self.tls();
        let so_far = (self.wire.round_trips(), self.wire.patience());
        let stream = self.wire.into_stream();
        let stream = stream.ok_or(Pop3Error::InjectedBeforeTls)?;
        let stream = connector.start_tls(stream, address).await?;
        Ok(Self::encrypted(stream, tls, so_far))
    }
}
