//! A warning before a certificate runs out.

use crate::context::{Account, now};
use crate::error::EngineError;
use crate::events;
use postrider_core::certificate::expiring;

/// Tells the log, once a day, that the server's certificate or ours runs out. It is about the latest connection, which
/// may be days old where one was kept.
pub(crate) async fn tell(account: &Account) -> Result<(), EngineError> {
    let Some(secured) = account.shared.connector.secured() else {
        return Ok(());
    };
    // Nearly always there is nothing to tell, and then nothing to ask.
    if expiring(&secured, now(), None).is_none() {
        return Ok(());
    }
    let (id, index) = (account.id, &account.shared.index);
    let told = index.call(move |index| index.certificate_told(id)).await?;
    let Some(expiring) = expiring(&secured, now(), told) else {
        return Ok(());
    };
    let note = move |index: &mut postrider_index::Index| index.note_certificate_told(id, now());
    index.call(note).await?;
    events::CertificateExpiring {
        account: account.log_name(),
        host: &account.settings.server.host,
        side: expiring.side.as_str(),
        days_left: expiring.days_left,
        not_after: &expiring.until.to_string_utc(),
        pinned: expiring.pinned,
        hint: expiring.hint(),
    }
    .emit();
    Ok(())
}
