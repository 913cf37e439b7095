//! The words of `core` as columns, both ways.

use postrider_core::message::{ServerRef, Sha256};
use postrider_core::time::UnixTime;
use postrider_core::uid::{Uid, UidValidity};
use postrider_core::uidl::Uidl;
use rusqlite::types::Type;
use rusqlite::{Error, Result, Row, RowIndex};

/// A count or size for SQLite, whose integers have a sign. No file has 2^63 octets.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count or size that we wrote.
pub(crate) fn count(row: &Row<'_>, column: impl RowIndex) -> Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    number
        .map(|number| u64::try_from(number).map_err(|_| out_of_range(number)))
        .transpose()
}

pub(crate) fn time(row: &Row<'_>, column: impl RowIndex) -> Result<Option<UnixTime>> {
    let seconds: Option<i64> = row.get(column)?;
    Ok(seconds.map(UnixTime::from_seconds))
}

pub(crate) fn sha256(row: &Row<'_>, column: impl RowIndex) -> Result<Sha256> {
    Ok(Sha256(row.get(column)?))
}

pub(crate) fn uid(row: &Row<'_>, column: impl RowIndex) -> Result<Option<Uid>> {
    let number: Option<i64> = row.get(column)?;
    let uid = |number: i64| {
        u32::try_from(number)
            .ok()
            .and_then(Uid::new)
            .ok_or_else(|| out_of_range(number))
    };
    number.map(uid).transpose()
}

pub(crate) fn uid_validity(row: &Row<'_>, column: impl RowIndex) -> Result<Option<UidValidity>> {
    let number: Option<i64> = row.get(column)?;
    let epoch = |number: i64| {
        u32::try_from(number)
            .ok()
            .and_then(UidValidity::new)
            .ok_or_else(|| out_of_range(number))
    };
    number.map(epoch).transpose()
}

/// Who a row's message is to the server. Without a UID it is a maildrop's, which may have no name at
/// all.
pub(crate) fn server(row: &Row<'_>) -> Result<ServerRef> {
    if let (Some(uid_validity), Some(uid)) = (uid_validity(row, "uid_validity")?, uid(row, "uid")?)
    {
        return Ok(ServerRef::Imap { uid_validity, uid });
    }
    let uidl: Option<String> = row.get("uidl")?;
    Ok(ServerRef::Pop3 {
        uidl: uidl.as_deref().map(Uidl::from_index),
    })
}

/// The three columns of a message's identity at its server.
pub(crate) fn identity(server: &ServerRef) -> (Option<u32>, Option<u32>, Option<&str>) {
    match server {
        ServerRef::Imap { uid_validity, uid } => {
            (Some(uid_validity.as_u32()), Some(uid.as_u32()), None)
        }
        ServerRef::Pop3 { uidl } => (None, None, uidl.as_ref().map(Uidl::as_str)),
    }
}

/// What a row lacks that it cannot lack.
pub(crate) fn absent(what: &'static str) -> Error {
    Error::FromSqlConversionFailure(0, Type::Null, what.into())
}

fn out_of_range(number: i64) -> Error {
    Error::IntegralValueOutOfRange(0, number)
}
