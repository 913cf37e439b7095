//! QUOTA (RFC 9208).

use super::{Client, LEAP_DAY, MAIL, ada};
use crate::{Options, Service};

#[tokio::test]
async fn one_root_counts_every_mailbox() {
    let (store, account) = ada();
    account.append("INBOX", MAIL, &[], LEAP_DAY);
    account.append("Work", vec![b'x'; 2_048], &[], LEAP_DAY);
    account.set_quota(Some(10), Some(4));
    let service = Service::new(store.clone(), Options::default().with(&["QUOTA"]));
    let mut client = Client::imap(&service).await;
    let heard = client.tell("1 GETQUOTAROOT Work", "1 ").await;
    assert_eq!(
        heard,
        "* QUOTAROOT \"Work\" \"\"\r\n* QUOTA \"\" (STORAGE 3 10 MESSAGE 2 4)\r\n1 OK that is all\r\n"
    );
    let heard = client.tell("2 GETQUOTAROOT none", "2 ").await;
    assert!(heard.starts_with("2 NO"), "{heard}");
    let service = Service::new(store, Options::default());
    let mut client = Client::imap(&service).await;
    let heard = client.tell("1 GETQUOTAROOT INBOX", "1 ").await;
    assert!(heard.starts_with("1 BAD"), "{heard}");
}
