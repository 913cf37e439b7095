//! Opening the index: where it is, how SQLite is to treat it, whether it is sound.

use crate::error::IndexError;
use crate::migrate::migrate;
use crate::owned::{check_dir, check_file};
use crate::seal;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Row, Transaction, TransactionBehavior};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long to wait for another program that holds the database (a backup, a shell with `.dump`).
const BUSY: Duration = Duration::from_secs(5);

/// Pages of 4 KiB that the write-ahead log may have before it is folded in.
const LOG_PAGES: i64 = 4_000;

const WRITING: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// The index of one state directory.
#[derive(Debug)]
pub struct Index {
    pub(crate) connection: Connection,
}

impl Index {
    /// Opens the index for writing; makes it, and the state directory, where missing (0700, 0600).
    /// One that was not closed in order ([`Index::close`]) is checked first, which reads all of it.
    ///
    /// Take the [`crate::StateLock`] first.
    ///
    /// # Errors
    /// When the directory or file cannot be had, the database is damaged, or a newer postrider made it.
    pub fn open(state_dir: &Path) -> Result<Self, IndexError> {
        create_private_dir(state_dir)?;
        let path = file(state_dir);
        for beside in ["", "-wal", "-shm"] {
            let mut name = path.clone().into_os_string();
            name.push(beside);
            check_file(Path::new(&name))?;
        }
        let is_new = !exists(&path)?;
        if is_new {
            Self::make(&path)?;
        }
        let sealed = seal::take_off(&path)?;
        let mut index = Self::connect(&path, WRITING)?;
        index.pragmas().map_err(opening(&path))?;
        if !sealed && !is_new {
            index.check_quickly(&path)?;
        }
        migrate(&mut index.connection, &path)?;
        Ok(index)
    }

    /// Opens the index for reading, beside a daemon that writes it.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or a newer postrider made it.
    pub fn open_read_only(state_dir: &Path) -> Result<Self, IndexError> {
        let path = file(state_dir);
        if !exists(&path)? {
            return Err(IndexError::Missing { path });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let index = Self::connect(&path, flags)?;
        match crate::migrate::version(&index.connection, &path)? {
            // An empty file, which is a database to SQLite.
            0 => Err(IndexError::Missing { path }),
            _ => Ok(index),
        }
    }

    /// Opens the index beside a daemon that writes it, for a word that a person says to it
    /// ([`Index::approve`]) and nothing else: passes belong to whoever holds the lock (R10).
    ///
    /// # Errors
    /// When there is none, it cannot be written, or another version of postrider made it.
    pub fn open_beside(state_dir: &Path) -> Result<Self, IndexError> {
        let reader = Self::open_read_only(state_dir)?;
        drop(reader);
        let path = file(state_dir);
        let index = Self::connect(&path, WRITING)?;
        index.pragmas().map_err(opening(&path))?;
        Ok(index)
    }

    /// Makes an empty index beside its place, and puts it there whole: SQLite would flush each step of it, and what a
    /// kill leaves half-made is never opened.
    fn make(path: &Path) -> Result<(), IndexError> {
        let new = seal::beside(path, "-new");
        // SQLite would take the log of an index that is gone for the new one's.
        for left in ["-wal", "-shm", "-new", "-new-wal", "-new-shm"] {
            let left = seal::beside(path, left);
            seal::remove(&left).map_err(IndexError::io("remove", &left))?;
        }
        create_private_file(&new)?;
        let mut index = Self::connect(&new, WRITING)?;
        let pragma = |index: &Self, name: &str, value: &str| {
            let set = index.connection.pragma_update(None, name, value);
            set.map_err(opening(&new))
        };
        pragma(&index, "synchronous", "OFF")?;
        pragma(&index, "journal_mode", "MEMORY")?;
        migrate(&mut index.connection, &new)?;
        pragma(&index, "journal_mode", "WAL")?;
        let closed = index.connection.close();
        closed.map_err(|(_, source)| opening(&new)(source))?;
        let flush = |path: &Path| File::open(path)?.sync_all();
        flush(&new).map_err(IndexError::io("flush", &new))?;
        fs::rename(&new, path).map_err(IndexError::io("create", path))?;
        let directory = path.parent().unwrap_or(path);
        flush(directory).map_err(IndexError::io("flush", directory))
    }

    pub(crate) fn connect(path: &Path, flags: OpenFlags) -> Result<Self, IndexError> {
        let connection = Connection::open_with_flags(path, flags).map_err(opening(path))?;
        connection.busy_timeout(BUSY).map_err(opening(path))?;
        connection.set_prepared_statement_cache_capacity(64);
        // Without this SQLite may look at the values bound to a statement to plan it, and then plans it anew
        // for each: a third of the time of recording a message (perf, SQLite 3.54).
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(opening(path))?;
        Ok(Self { connection })
    }

    fn pragmas(&self) -> rusqlite::Result<()> {
        // Readers never wait for us nor we for them, and a commit is one sequential write.
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        // NORMAL would not flush the WAL at commit: after a power cut a row that let a server copy
        // go could be gone (R1 wants it "committed and flushed"). See `flushed_later`.
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        // A first sync changes every page of two indexes over hashes with each batch: folded in for several
        // batches at once, each is written to the file once.
        self.connection
            .pragma_update(None, "wal_autocheckpoint", LOG_PAGES)
    }

    /// Every row of a query, as a collection of what `each` makes of them.
    pub(crate) fn list<T, C: FromIterator<T>>(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: impl Params,
        each: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<C, IndexError> {
        let read = || {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement
                .query_map(parameters, each)?
                .collect::<rusqlite::Result<C>>()
        };
        read().map_err(IndexError::sql(doing))
    }

    /// Several reads of one state. Each alone would take SQLite's locks and give them back.
    pub(crate) fn read_at_once<T>(
        &self,
        doing: &'static str,
        read: impl FnOnce() -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(IndexError::sql(doing))?;
        let found = read()?;
        transaction.commit().map_err(IndexError::sql(doing))?;
        Ok(found)
    }

    /// Runs one transaction that need not be flushed by itself: a power cut may take it back, as long as
    /// nothing that was committed after it is flushed. For what the next start finds out anew, when
    /// nothing is done before a later commit that cannot be undone. A killed process takes nothing back.
    pub(crate) fn flushed_later<T>(
        &mut self,
        doing: &'static str,
        run: impl FnOnce(&mut Self) -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        let flush = |connection: &Connection, level: &str| {
            let set = connection.pragma_update(None, "synchronous", level);
            set.map_err(IndexError::sql(doing))
        };
        flush(&self.connection, "NORMAL")?;
        let done = run(self);
        flush(&self.connection, "FULL")?;
        done
    }

    /// A transaction that takes the write lock at once, so that it cannot fail halfway for want of it.
    pub(crate) fn transaction(
        &mut self,
        doing: &'static str,
    ) -> Result<Transaction<'_>, IndexError> {
        let begun = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate);
        begun.map_err(IndexError::sql(doing))
    }
}

/// Adapts what SQLite says on opening: what is no database is damage, with its own hint.
pub(crate) fn opening(path: &Path) -> impl FnOnce(rusqlite::Error) -> IndexError {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => IndexError::Corrupt {
            path,
            found: source.to_string(),
        },
        _ => IndexError::Sql {
            doing: "open the index",
            source,
        },
    }
}

pub(crate) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("index.db")
}

/// Makes a directory for us alone; one that exists is the user's (or systemd's) choice, as long as it is ours.
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), IndexError> {
    if dir.is_dir() {
        return check_dir(dir);
    }
    let failed = || IndexError::io("create", dir);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed())?;
    fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(failed())
}

fn exists(path: &Path) -> Result<bool, IndexError> {
    path.try_exists().map_err(IndexError::io("look for", path))
}

/// SQLite gives the `-wal` and `-shm` beside it the same mode.
fn create_private_file(path: &Path) -> Result<(), IndexError> {
    let failed = || IndexError::io("create", path);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let file = file.map_err(failed())?;
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(failed())
}
