//! GSSAPI (RFC 4752): a Kerberos ticket lets us in. Only with the feature `gssapi`.
//!
//! Not rsasl's: it asks for every flag that there is, delegation among them, and a ticket that may be forwarded
//! would go to the mail server, which could then be the user anywhere. We ask for mutual authentication
//! and integrity, and for nothing else. Besides, rsasl does not say whom to log in.
//!
//! **Invariant:** no security layer is ever agreed on: TLS does that work.

use crate::TransportError;
use libgssapi::context::{ClientCtx, CtxFlags, SecurityContext};
use libgssapi::credential::{Cred, CredUsage};
use libgssapi::error::{Error, MajorFlags};
use libgssapi::name::Name;
use libgssapi::oid::{GSS_MECH_KRB5, GSS_NT_HOSTBASED_SERVICE, OidSet};
use tokio::runtime::{Handle, RuntimeFlavor};

/// The layer that is none, in the bit-mask of RFC 4752 §3.3.
const NO_LAYER: u8 = 1;

// Kerberos' own numbers (krb5.h), as GSSAPI hands them on.
const TICKET_EXPIRED: i32 = -1_765_328_352;
const NO_KDC_ANSWERS: i32 = -1_765_328_228;
const NO_KDC_FOUND: i32 = -1_765_328_164;

/// One exchange, as octets.
pub(super) struct Gssapi {
    /// Whom to log in.
    user: String,
    /// The server, as [`crate::Login::service`] has it.
    service: String,
    stage: Stage,
}

enum Stage {
    Start,
    /// Both sides prove who they are.
    Proof(ClientCtx),
    /// They have; what the server wants to lay over the connection is next.
    Layers(ClientCtx),
    Over,
}

impl Gssapi {
    pub(super) fn new(user: &str, service: &str) -> Self {
        Self {
            user: user.to_owned(),
            service: service.to_owned(),
            stage: Stage::Start,
        }
    }

    /// The next message, and whether it is the last. Without a challenge, the first. May wait for a KDC, and for a
    /// resolver.
    ///
    /// # Errors
    /// [`TransportError::NoTicket`], [`TransportError::KdcSilent`] and [`TransportError::NoServiceTicket`] for the first message;
    /// later, when the server does not prove that it has the service's key, or wants a security layer.
    pub(super) fn step(
        &mut self,
        challenge: Option<&[u8]>,
    ) -> Result<(Vec<u8>, bool), TransportError> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Start => {
                let begun = apart(|| begin(&self.service));
                let (context, message) = begun.map_err(|error| self.no_ticket(error))?;
                self.proved(context, message)
            }
            Stage::Proof(mut context) => {
                let message = apart(|| context.step(challenge, None)).map_err(unproven)?;
                let message = message.map(|token| token.to_vec()).unwrap_or_default();
                self.proved(context, message)
            }
            Stage::Layers(mut context) => {
                let offer = context.unwrap(challenge.unwrap_or_default());
                let answer = answer(&offer.map_err(unproven)?, &self.user)?;
                let answer = context.wrap(false, &answer).map_err(unproven)?;
                Ok((answer.to_vec(), true))
            }
            Stage::Over => Err(wrong("comes after the end of the exchange")),
        }
    }

    /// After a step of the proof: a context that is complete is good only with what was asked for.
    fn proved(
        &mut self,
        context: ClientCtx,
        message: Vec<u8>,
    ) -> Result<(Vec<u8>, bool), TransportError> {
        if !context.is_complete() {
            self.stage = Stage::Proof(context);
            return Ok((message, false));
        }
        if !context.flags().map_err(unproven)?.contains(wanted()) {
            let mechanism = "GSSAPI".to_owned();
            return Err(TransportError::ServerUnproven { mechanism });
        }
        self.stage = Stage::Layers(context);
        Ok((message, false))
    }

    fn no_ticket(&self, error: Error) -> TransportError {
        let (user, service, why) = (self.user.clone(), self.service.clone(), told(error));
        match error.minor.cast_signed() {
            NO_KDC_ANSWERS | NO_KDC_FOUND => TransportError::KdcSilent { service, why },
            TICKET_EXPIRED => TransportError::NoTicket { user, service, why },
            _ if is_unready(error.major) => TransportError::NoTicket { user, service, why },
            _ => TransportError::NoServiceTicket { service, why },
        }
    }
}

/// What both sides must have done when the context is complete.
fn wanted() -> CtxFlags {
    CtxFlags::GSS_C_MUTUAL_FLAG | CtxFlags::GSS_C_INTEG_FLAG
}

/// The context, and the first message: the ticket for the service, fetched where it is not in the cache.
fn begin(service: &str) -> Result<(ClientCtx, Vec<u8>), Error> {
    let service = Name::new(service.as_bytes(), Some(GSS_NT_HOSTBASED_SERVICE))?;
    let mut kerberos = OidSet::new();
    kerberos.add(GSS_MECH_KRB5)?;
    // Whose ticket it is, is said by the cache, the keytab and ~/.k5identity: `user` is a name at the mail server.
    let ours = Cred::acquire(None, None, CredUsage::Initiate, Some(&kerberos))?;
    let mut context = ClientCtx::new(Some(ours), service, wanted(), Some(GSS_MECH_KRB5));
    let message = context.step(None, None)?;
    let message = message.map(|token| token.to_vec()).unwrap_or_default();
    Ok((context, message))
}

/// What is said to the server's offer (RFC 4752 §3.1): a bit-mask of layers, three octets of length; no layer, and who
/// is to be logged in.
fn answer(offer: &[u8], user: &str) -> Result<Vec<u8>, TransportError> {
    let [layers, _, _, _] = offer else {
        return Err(wrong("is no offer of security layers"));
    };
    if layers & NO_LAYER == 0 {
        return Err(failed(
            "the server demands a security layer, and postrider has none but TLS".to_owned(),
        ));
    }
    let mut answer = vec![NO_LAYER, 0, 0, 0];
    answer.extend_from_slice(user.as_bytes());
    Ok(answer)
}

/// Waits for others without holding up the tasks of this thread, where the runtime can do that.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Whether there is no ticket, or an old one. Compared whole: what libgssapi has for flags are numbers, whose bits overlap.
fn is_unready(error: MajorFlags) -> bool {
    error.bits() == MajorFlags::GSS_S_NO_CRED.bits()
        || error.bits() == MajorFlags::GSS_S_CREDENTIALS_EXPIRED.bits()
}

/// In words, and at once: Kerberos remembers them by thread.
fn told(error: Error) -> String {
    error.to_string()
}

fn unproven(error: Error) -> TransportError {
    failed(told(error))
}

fn failed(why: String) -> TransportError {
    TransportError::Sasl {
        mechanism: "GSSAPI".to_owned(),
        source: why.into(),
    }
}

fn wrong(problem: &'static str) -> TransportError {
    TransportError::Challenge {
        mechanism: "GSSAPI".to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postrider_core::fault::Fault;

    #[test]
    fn no_layer_is_taken_and_a_demand_for_one_refused() {
        for offered in [1, 7] {
            let said = answer(&[offered, 0, 255, 255], "ada").unwrap();
            assert_eq!(said, b"\x01\0\0\0ada");
        }
        let demanded = answer(&[6, 0, 255, 255], "ada").unwrap_err();
        assert_eq!(demanded.fault(), Fault::Auth);
        for nonsense in [&b""[..], b"\x01\0\0", b"\x01\0\0\0ada"] {
            let error = answer(nonsense, "ada").unwrap_err();
            assert_eq!(error.fault(), Fault::Protocol, "{nonsense:?}");
        }
    }

    #[test]
    fn what_kerberos_says_is_told_apart() {
        let gssapi = Gssapi::new("ada", "imap@mail.example.org");
        let of = |major, minor: i32| {
            let minor = minor.cast_unsigned();
            gssapi.no_ticket(Error { major, minor })
        };
        let none = of(MajorFlags::GSS_S_NO_CRED, 0);
        let said = none.to_string();
        assert!(said.contains("imap@mail.example.org"), "{said}");
        assert!(none.hint().unwrap().contains("kinit ada"), "{none:?}");
        for (major, minor, fault, hint) in [
            (
                MajorFlags::GSS_S_CREDENTIALS_EXPIRED,
                0,
                Fault::Auth,
                "kinit",
            ),
            (
                MajorFlags::GSS_S_FAILURE,
                TICKET_EXPIRED,
                Fault::Auth,
                "kinit",
            ),
            (
                MajorFlags::GSS_S_FAILURE,
                NO_KDC_ANSWERS,
                Fault::Unreachable,
                "krb5.conf",
            ),
            (MajorFlags::GSS_S_FAILURE, -1, Fault::Auth, "`host:`"),
        ] {
            let error = of(major, minor);
            assert_eq!(error.fault(), fault, "{error:?}");
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
    }

    #[test]
    fn nothing_comes_after_the_end() {
        let mut gssapi = Gssapi::new("ada", "imap@localhost");
        gssapi.stage = Stage::Over;
        let error = gssapi.step(Some(b"")).unwrap_err();
        assert_eq!(error.fault(), Fault::Protocol);
    }
}
