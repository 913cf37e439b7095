use super::*;
use crate::testing::{Authority, params};
use proptest::prelude::*;
use rcgen::{KeyPair, PublicKeyData as _};

#[test]
fn a_certificate_is_read() {
    let authority = Authority::new();
    let issued = authority.issue(&["mail.example.org", "127.0.0.1", "2001:db8::1"], -1..9);
    let read = certificate(&issued.der()).unwrap();
    assert_eq!(read.names, ["mail.example.org", "127.0.0.1", "2001:db8::1"]);
    assert!(read.issuer.starts_with("CN=authority"), "{read:?}");
    let days = read.validity.until.since(read.validity.from).as_secs() / 86_400;
    assert_eq!((days, read.is_self_signed()), (10, false));
    let by_ring = |octets: &[u8]| {
        let digest = ring::digest::digest(&ring::digest::SHA256, octets);
        Pin::of_digest(digest.as_ref().try_into().unwrap())
    };
    assert_eq!(read.sha256, by_ring(&issued.der()));
    assert_eq!(
        read.key_sha256,
        by_ring(&issued.key.subject_public_key_info())
    );
    assert!(
        certificate(&authority.certificate)
            .unwrap()
            .is_self_signed()
    );
}

#[test]
fn a_name_that_is_empty_says_so_and_many_are_cut() {
    let names: Vec<String> = (0..500).map(|n| format!("h{n}.example.org")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut many = params(&names, -1..1);
    many.distinguished_name = rcgen::DistinguishedName::new();
    let authority = Authority::new();
    let issued = authority.vouch(many, KeyPair::generate().unwrap());
    let read = certificate(&issued.der()).unwrap();
    assert_eq!((read.subject.as_str(), read.names.len()), ("(none)", NAMES));
}

proptest! {
    /// What a server sends before anything is verified: read, or not, and nothing else.
    #[test]
    fn r11_anything_is_read_or_is_no_certificate(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            Authority::new().issue(&["mail.example.org", "127.0.0.1"], -1..1).der().to_vec()
        });
        let mut octets = GOOD.clone();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if cut {
            octets.truncate(keep.index(octets.len()));
        }
        if let Some(read) = certificate(&CertificateDer::from(octets)) {
            prop_assert!(!read.subject.contains(char::is_control));
        }
    }
}
