//! The server's side of SCRAM (RFC 5802, RFC 7677), with ring.

use super::ScramServer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SecureRandom as _;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;

const SALT: &[u8] = b"salt of postrider tests";

const ITERATIONS: NonZeroU32 = NonZeroU32::new(4096).expect("not zero");

/// What the server shows of its own knowledge of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The signature that only it can make.
    Right,
    /// Another one.
    Wrong,
    /// None: it says OK at once.
    Missing,
}

/// What a mechanism hashes with.
struct Hash {
    digest: &'static digest::Algorithm,
    hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

impl Hash {
    fn of(mechanism: &str) -> Self {
        if mechanism.starts_with("SCRAM-SHA-256") {
            Self {
                digest: &digest::SHA256,
                hmac: hmac::HMAC_SHA256,
                pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256,
            }
        } else {
            Self {
                digest: &digest::SHA1_FOR_LEGACY_USE_ONLY,
                hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                pbkdf2: pbkdf2::PBKDF2_HMAC_SHA1,
            }
        }
    }

    fn mac(&self, key: &[u8], text: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(self.hmac, key);
        hmac::sign(&key, text).as_ref().to_vec()
    }

    fn salted_password(&self) -> Vec<u8> {
        let mut salted = vec![0; self.digest.output_len()];
        let password = ScramServer::PASSWORD.as_bytes();
        pbkdf2::derive(self.pbkdf2, ITERATIONS, SALT, password, &mut salted);
        salted
    }
}

/// One exchange.
pub(super) struct Exchange {
    hash: Hash,
    binds: bool,
    /// Whether any mechanism that is offered binds.
    could_bind: bool,
    binding: [u8; 32],
    /// What the client's last message must begin its `c=` with.
    header: String,
    nonce: String,
    /// The first two messages, as they are signed.
    transcript: String,
}

impl Exchange {
    pub(super) fn new(mechanism: &str, offered: &[&str], binding: [u8; 32]) -> Self {
        let binds = |mechanism: &str| mechanism.ends_with("-PLUS");
        Self {
            hash: Hash::of(mechanism),
            binds: binds(mechanism),
            could_bind: offered.iter().any(|mechanism| binds(mechanism)),
            binding,
            header: String::new(),
            nonce: String::new(),
            transcript: String::new(),
        }
    }

    /// What the client says of binding.
    pub(super) fn flag(&self) -> &str {
        self.header.split(',').next().unwrap_or_default()
    }

    /// client-first-message → server-first-message.
    pub(super) fn first(&mut self, message: &str) -> Result<String, &'static str> {
        let mut parts = message.splitn(3, ',');
        let (Some(flag), Some(authorize), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err("other-error");
        };
        self.header = format!("{flag},{authorize},");
        match (self.binds, flag) {
            (true, "p=tls-exporter") | (false, "n") => {}
            (true, flag) if flag.starts_with("p=") => {
                return Err("unsupported-channel-binding-type");
            }
            // Who says so has not been shown what we offer (RFC 5802 §6).
            (false, "y") if self.could_bind => return Err("server-does-support-channel-binding"),
            (false, "y") => {}
            _ => return Err("other-error"),
        }
        let user = format!("n={},r=", ScramServer::USER);
        let nonce = bare.strip_prefix(&user).ok_or("unknown-user")?;
        let mut ours = [0; 18];
        ring::rand::SystemRandom::new()
            .fill(&mut ours)
            .map_err(|_| "other-error")?;
        self.nonce = format!("{nonce}{}", STANDARD.encode(ours));
        let answer = format!(
            "r={},s={},i={ITERATIONS}",
            self.nonce,
            STANDARD.encode(SALT)
        );
        self.transcript = format!("{bare},{answer}");
        Ok(answer)
    }

    /// client-final-message → server-final-message.
    pub(super) fn last(&self, message: &str) -> Result<String, &'static str> {
        let (unproven, proof) = message.split_once(",p=").ok_or("other-error")?;
        let (bound, nonce) = unproven.split_once(",r=").ok_or("other-error")?;
        let bound = bound.strip_prefix("c=").ok_or("other-error")?;
        let binding: &[u8] = if self.binds { &self.binding } else { &[] };
        let wanted = [self.header.as_bytes(), binding].concat();
        if bound != STANDARD.encode(wanted) {
            return Err("channel-bindings-dont-match");
        }
        if nonce != self.nonce {
            return Err("other-error");
        }
        let transcript = format!("{},{unproven}", self.transcript);
        let salted = self.hash.salted_password();
        let client_key = self.hash.mac(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest, &client_key);
        let signature = self.hash.mac(stored_key.as_ref(), transcript.as_bytes());
        let proof = STANDARD.decode(proof).map_err(|_| "invalid-encoding")?;
        let shown: Vec<u8> = proof.iter().zip(&signature).map(|(a, b)| a ^ b).collect();
        if proof.len() != signature.len() || shown != client_key {
            return Err("invalid-proof");
        }
        let server_key = self.hash.mac(&salted, b"Server Key");
        let verifier = self.hash.mac(&server_key, transcript.as_bytes());
        Ok(format!("v={}", STANDARD.encode(verifier)))
    }
}
