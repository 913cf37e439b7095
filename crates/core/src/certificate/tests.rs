use super::*;

const DAYS: i64 = 86_400;

/// A certificate that lives `life` days from the epoch.
fn certificate(life: i64) -> Certificate {
    let pin = Pin::of_digest([0; 32]);
    Certificate {
        subject: "CN=localhost".to_owned(),
        issuer: "CN=us".to_owned(),
        names: Vec::new(),
        validity: Validity {
            from: UnixTime::from_seconds(0),
            until: UnixTime::from_seconds(life * DAYS),
        },
        sha256: pin,
        key_sha256: pin,
    }
}

fn secured(life: i64, trust: Trust) -> Secured {
    Secured {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_128_GCM_SHA256".to_owned(),
        chain: vec![certificate(life)],
        trust,
        resumed: false,
        client: None,
    }
}

fn at(seconds: i64) -> Now {
    Now(UnixTime::from_seconds(seconds))
}

/// The first second in which a warning is due, as seconds before the end.
fn first_warning(secured: &Secured, life: i64) -> i64 {
    let due = |left: i64| expiring(secured, at(life * DAYS - left), None).is_some();
    let (mut quiet, mut loud) = (life * DAYS, 0);
    assert!(!due(quiet) && due(loud));
    while quiet - loud > 1 {
        let middle = (quiet + loud) / 2;
        if due(middle) {
            loud = middle;
        } else {
            quiet = middle;
        }
    }
    loud
}

#[test]
fn a_warning_comes_after_renewal_was_due_and_before_it_is_too_late() {
    use Trust::{Chain, PinnedCertificate, PinnedKey};
    // Years; Let's Encrypt's 90 days, renewed with 30 left; its 6 days, renewed with 3 left; a day.
    for (life, trust, hours) in [
        (3_650, Chain, 14 * 24),
        (398, Chain, 14 * 24),
        (90, Chain, 14 * 24),
        (45, Chain, 180),
        (6, Chain, 24),
        (1, Chain, 4),
        (90, PinnedKey, 14 * 24),
        (3_650, PinnedCertificate, 30 * 24),
        (90, PinnedCertificate, 30 * 24),
        (6, PinnedCertificate, 48),
    ] {
        let secured = secured(life, trust);
        let first = first_warning(&secured, life);
        assert_eq!(first, hours * 3_600 - 1, "{life} days, {trust:?}");
    }
}

#[test]
fn our_own_certificate_is_warned_of_too_and_what_ends_first_comes_first() {
    let mut secured = secured(400, Trust::Chain);
    secured.client = Some(certificate(390));
    assert_eq!(first_warning(&secured, 390), 30 * DAYS - 1);
    let client = expiring(&secured, at(389 * DAYS), None).unwrap();
    let told = (client.side, client.days_left, client.pinned);
    assert_eq!(told, (Side::Client, 1, false));
    assert!(client.hint().contains("client_cert"));
    secured.chain = vec![certificate(388)];
    let server = expiring(&secured, at(387 * DAYS + 1), None).unwrap();
    assert_eq!((server.side, server.days_left), (Side::Server, 0));
}

#[test]
fn it_is_told_once_a_day() {
    let secured = secured(90, Trust::PinnedCertificate);
    let now = 80 * DAYS;
    let told = |when: i64| expiring(&secured, at(now), Some(UnixTime::from_seconds(when)));
    assert_eq!(told(now), None);
    assert_eq!(told(now - DAYS + 1), None);
    let again = told(now - DAYS).unwrap();
    assert_eq!((again.days_left, again.pinned), (10, true));
    assert!(again.hint().contains("pin:"));
    assert!(told(now + 1).is_some(), "a clock that was set back");
}

#[test]
fn both_ends_of_a_validity_belong_to_it() {
    let validity = certificate(1).validity;
    let standings = [-1, 0, DAYS, DAYS + 1].map(|second| validity.at(at(second)));
    let expected = [
        Standing::NotYet,
        Standing::Valid,
        Standing::Valid,
        Standing::Expired,
    ];
    assert_eq!(standings, expected);
    assert_eq!(validity.days_left(at(2 * DAYS)), 0);
}
