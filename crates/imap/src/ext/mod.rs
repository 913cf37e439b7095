//! One file per capability.
//!
//! | capability | RFC | file | without it |
//! |---|---|---|---|
//! | APPENDLIMIT | 7889 | `append_limit.rs` | the server says what is too large |
//! | COMPRESS=DEFLATE | 4978 | `compress.rs` | octets come as they are |
//! | CONDSTORE | 7162 | `condstore.rs` | flags of all messages are listed |
//! | ENABLE | 5161 | `enable.rs` | nothing that changes the server's answers |
//! | X-GM-EXT-1 | none | `gmail.rs` | one message in two mailboxes is two |
//! | ID | 2971 | `id.rs` | we stay unnamed |
//! | IDLE | 2177 | `idle.rs` | new mail is found when somebody looks |
//! | LIST-EXTENDED | 5258 | `list_extended.rs` | LSUB for subscriptions, where they are wanted |
//! | LIST-STATUS | 5819 | `list_status.rs` | STATUS for each mailbox, pipelined |
//! | LITERAL+, LITERAL- | 7888 | `literal.rs` | literals wait for the server's `+` |
//! | MOVE | 6851 | `mov.rs` | COPY, STORE and EXPUNGE |
//! | MULTIAPPEND | 3502 | `multi_append.rs` | a command for each message |
//! | NAMESPACE | 2342 | `namespace.rs` | what LIST shows is all there is |
//! | NOTIFY | 5465 | `notify.rs` | IDLE, for one mailbox |
//! | OBJECTID | 8474 | `object_id.rs` | renames and moves are guessed from content |
//! | QRESYNC | 7162 | `qresync.rs` | flags and UIDs are listed |
//! | QUOTA | 9208 | `quota.rs` | nobody knows how full the box is |
//! | SPECIAL-USE | 6154 | `special_use.rs` | roles only where LIST tells them unasked |
//! | STARTTLS | 9051 | `starttls.rs` | an error: never cleartext instead |
//! | UIDPLUS | 4315 | `uidplus.rs` | EXPUNGE, where nobody else's `\Deleted` is in the mailbox |
//! | UNSELECT | 3691 | `unselect.rs` | a new session for a new listing |
//! | UTF8=ACCEPT | 6855 | `utf8_accept.rs` | names in modified UTF-7 |

pub(crate) mod append_limit;
pub(crate) mod compress;
pub(crate) mod condstore;
pub(crate) mod enable;
pub(crate) mod gmail;
pub(crate) mod id;
pub(crate) mod idle;
pub(crate) mod list_extended;
pub(crate) mod list_status;
pub(crate) mod literal;
pub(crate) mod mov;
pub(crate) mod multi_append;
pub(crate) mod namespace;
pub(crate) mod notify;
pub(crate) mod object_id;
pub(crate) mod qresync;
pub(crate) mod quota;
pub(crate) mod special_use;
pub(crate) mod starttls;
pub(crate) mod uidplus;
pub(crate) mod unselect;
pub(crate) mod utf8_accept;
