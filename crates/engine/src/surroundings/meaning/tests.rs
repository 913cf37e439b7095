use super::*;

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + body.len()).unwrap();
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend([0; 10]);
    message.extend(body);
    message.resize(aligned(message.len()), 0);
    message
}

fn link(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    for word in [index, flags, change] {
        body.extend(word.to_ne_bytes());
    }
    body
}

fn with_address(mut body: Vec<u8>, address: &[u8]) -> Vec<u8> {
    for (kind, value) in [(3_u16, &b"eth0\0"[..]), (ATTRIBUTE_ADDRESS, address)] {
        let length = u16::try_from(4 + value.len()).unwrap();
        body.extend(length.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
        body.resize(aligned(body.len()), 0);
    }
    body
}

fn address(flags: u8, scope: u8, address: &[u8]) -> Vec<u8> {
    with_address(vec![2, 24, flags, scope, 7, 0, 0, 0], address)
}

fn route(table: u8, kind: u8, flags: u32, to: &[u8]) -> Vec<u8> {
    let mut body = vec![2, 24, 0, 0, table, 3, 0, kind];
    body.extend(flags.to_ne_bytes());
    with_address(body, to)
}

fn told(known: &mut Known, kind: u16, body: &[u8]) -> Option<Change> {
    known.changes(&message(kind, body)).pop_first()
}

#[test]
fn a_link_counts_when_it_begins_or_ceases_to_work() {
    let mut known = Known::default();
    let (up, scanned, no_carrier) = (0x1_1043, 0x1_1043, 0x1003);
    let mut told = |kind, flags, change| told(&mut known, kind, &link(2, flags, change));
    assert_eq!(
        told(NEW_LINK, scanned, 0),
        None,
        "a scan for other networks"
    );
    assert_eq!(told(NEW_LINK, no_carrier, 0), Some(Change::Link));
    assert_eq!(told(NEW_LINK, no_carrier, 0), None);
    assert_eq!(told(NEW_LINK, up, 0), Some(Change::Link));
    assert_eq!(told(DEL_LINK, up, u32::MAX), Some(Change::Link));
    assert_eq!(told(NEW_LINK, up, u32::MAX), Some(Change::Link));
}

#[test]
fn an_address_counts_when_it_can_be_used_and_when_it_goes() {
    let mut known = Known::default();
    let mut told =
        |kind, flags, scope| told(&mut known, kind, &address(flags, scope, &[10, 0, 0, 7]));
    assert_eq!(told(NEW_ADDRESS, TENTATIVE, 0), None);
    assert_eq!(told(NEW_ADDRESS, 0, 0), Some(Change::Address));
    assert_eq!(told(NEW_ADDRESS, 0, 0), None, "its lifetime was prolonged");
    assert_eq!(told(DEL_ADDRESS, 0, 0), Some(Change::Address));
    assert_eq!(told(NEW_ADDRESS, 0, 0), Some(Change::Address));
    assert_eq!(told(NEW_ADDRESS, 0, 253), None, "of the link alone");
    assert_eq!(told(NEW_ADDRESS, 0, 254), None, "of the machine alone");
}

#[test]
fn routes_count_when_they_lead_somewhere() {
    let mut known = Known::default();
    let mut told =
        |table, kind, flags, to: &[u8]| told(&mut known, NEW_ROUTE, &route(table, kind, flags, to));
    let v6 = |first: u8, second: u8| {
        let mut address = [0; 16];
        address[..2].copy_from_slice(&[first, second]);
        address
    };
    assert_eq!(told(254, UNICAST, 0, &[10, 0, 0, 0]), Some(Change::Route));
    assert_eq!(told(254, UNICAST, 0, &v6(0x20, 0x01)), Some(Change::Route));
    assert_eq!(
        told(52, UNICAST, 0, &[10, 0, 0, 0]),
        Some(Change::Route),
        "a tunnel's table"
    );
    assert_eq!(told(255, 2, 0, &[10, 0, 0, 7]), None);
    assert_eq!(told(254, 5, 0, &[224, 0, 0, 0]), None);
    assert_eq!(told(254, UNICAST, CLONED, &[10, 0, 0, 0]), None);
    assert_eq!(told(254, UNICAST, 0, &v6(0xfe, 0x80)), None);
    assert_eq!(told(254, UNICAST, 0, &v6(0xff, 0)), None);
    assert_eq!(
        told(254, UNICAST, 0, &[254, 128, 0, 0]),
        Some(Change::Route),
        "254.128.0.0 is no IPv6"
    );
}

#[test]
fn all_messages_of_a_datagram_are_read() {
    let mut datagram = message(NEW_LINK, &link(2, 0x1_1043, 1));
    datagram.extend(message(NEW_ADDRESS, &address(0, 0, &[10, 0, 0, 7])));
    datagram.extend(message(99, b"something else"));
    datagram.extend(message(NEW_ROUTE, &route(254, UNICAST, 0, &[10, 0, 0, 0])));
    let all = [Change::Address, Change::Link, Change::Route];
    assert_eq!(Known::default().changes(&datagram), all.into());
}

#[test]
fn what_cannot_be_read_is_no_change_and_no_panic() {
    let mut whole = message(NEW_ADDRESS, &address(0, 0, &[10, 0, 0, 7]));
    for cut in 0..whole.len() {
        assert!(Known::default().changes(&whole[..cut]).is_empty(), "{cut}");
    }
    // Lengths that lie: of the message, of an attribute.
    for at in [0, 24] {
        for length in [0_u8, 1, 3, 15, 255] {
            let mut lying = whole.clone();
            lying[at] = length;
            assert!(
                Known::default().changes(&lying).len() <= 1,
                "{at}: {length}"
            );
        }
    }
    whole.extend([7; 9]);
    assert_eq!(Known::default().changes(&whole).len(), 1);
}
