//! Certificate authorities of our own: certificates of servers on loopback, good and bad, and of users.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use std::error::Error;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// What a server's certificate is like; by default a good one.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// The host names and addresses that it is for.
    pub names: Vec<&'static str>,
    /// When it is valid, in days from now.
    pub days: Range<i64>,
    /// Whether nobody but itself vouches for it, as `openssl req -x509` makes one.
    pub by_itself: bool,
    /// The key in it, a PEM file; without, a new one.
    pub key: Option<PathBuf>,
}

impl Default for Likeness {
    fn default() -> Self {
        Self {
            names: vec!["localhost", "127.0.0.1"],
            days: -1..90,
            by_itself: false,
            key: None,
        }
    }
}

/// Writes `ca.pem`, `server.pem` and `server.key` into `dir`.
pub(crate) fn write(dir: &Path, likeness: &Likeness) -> Result<(), Box<dyn Error>> {
    let authority = authority("postrider tests")?;
    let names = likeness.names.iter().map(ToString::to_string);
    let mut server = params(names.collect(), "localhost", &likeness.days)?;
    server.use_authority_key_identifier_extension = !likeness.by_itself;
    let key = match &likeness.key {
        Some(path) => KeyPair::from_pem(&std::fs::read_to_string(path)?)?,
        None => KeyPair::generate()?,
    };
    let server = if likeness.by_itself {
        server.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        server.self_signed(&key)?
    } else {
        server.signed_by(&key, &authority)?
    };
    std::fs::write(dir.join("ca.pem"), authority.pem())?;
    std::fs::write(dir.join("server.pem"), server.pem())?;
    std::fs::write(dir.join("server.key"), key.serialize_pem())?;
    Ok(())
}

/// An authority for users, and a directory for what it signs: `users.pem` is its own certificate.
#[derive(Debug)]
pub struct Users {
    authority: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
}

impl Users {
    /// A new one.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let authority = authority("users of postrider tests").expect("an authority");
        std::fs::write(dir.path().join("users.pem"), authority.pem())
            .expect("a writable directory");
        Self { authority, dir }
    }

    /// Its own certificate, PEM.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("users.pem")
    }

    /// A certificate for a user, valid these days from now, and its key, both PEM files.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn issue(&self, user: &str, days: Range<i64>) -> (PathBuf, PathBuf) {
        let made = || -> Result<_, Box<dyn Error>> {
            let mut params = params(Vec::new(), user, &days)?;
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &self.authority)?;
            let place = |suffix: &str| self.dir.path().join(format!("{user}.{suffix}"));
            let (at, key_at) = (place("pem"), place("key"));
            std::fs::write(&at, certificate.pem())?;
            std::fs::write(&key_at, key.serialize_pem())?;
            std::fs::set_permissions(&key_at, std::fs::Permissions::from_mode(0o600))?;
            Ok((at, key_at))
        };
        made().expect("a certificate can be made")
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a key into `dir`; the PEM file.
///
/// # Panics
/// When it cannot be made.
#[must_use]
pub fn key(dir: &Path) -> PathBuf {
    let path = dir.join("next.key");
    let key = KeyPair::generate().expect("a key can be made");
    std::fs::write(&path, key.serialize_pem()).expect("a writable directory");
    path
}

fn authority(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, Box<dyn Error>> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate()?;
    Ok(CertifiedIssuer::self_signed(authority, key)?)
}

fn params(
    names: Vec<String>,
    common_name: &str,
    days: &Range<i64>,
) -> Result<CertificateParams, Box<dyn Error>> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    let now = OffsetDateTime::now_utc();
    params.not_before = now + Duration::days(days.start);
    // Less an hour, so that whole days are counted the same all through a test.
    params.not_after = now + Duration::days(days.end) - Duration::HOUR;
    Ok(params)
}
