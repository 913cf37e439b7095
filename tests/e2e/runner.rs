//! The one end-to-end test binary: every file beside this one is a module here (`tidy` checks it).

#[cfg(test)]
mod accounts_from;
#[cfg(test)]
mod append_cuts;
#[cfg(test)]
mod bound_logins;
#[cfg(test)]
mod control;
#[cfg(test)]
mod control_kit;
#[cfg(test)]
mod control_sync;
#[cfg(test)]
mod control_watch;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod daemon;
#[cfg(test)]
mod dialogue_kit;
#[cfg(test)]
mod dialogues;
#[cfg(test)]
mod disk_free;
#[cfg(test)]
mod dovecot_brake;
#[cfg(test)]
mod dovecot_changes;
#[cfg(test)]
mod dovecot_compress;
#[cfg(test)]
mod dovecot_daemon;
#[cfg(test)]
mod dovecot_deletions;
#[cfg(test)]
mod dovecot_dry_run;
#[cfg(test)]
mod dovecot_kit;
#[cfg(test)]
mod dovecot_ledger;
#[cfg(test)]
mod dovecot_readers;
#[cfg(test)]
mod dovecot_refusals;
#[cfg(test)]
mod explorer;
#[cfg(test)]
mod exports;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod line_sweep;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod mailboxes;
#[cfg(test)]
mod maildir_kit;
#[cfg(test)]
mod mailserver_kit;
#[cfg(test)]
mod mechanisms;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod named_tests;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod oauth_daemon;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod power_cut;
#[cfg(test)]
mod private_files;
#[cfg(test)]
mod private_memory;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod push;
#[cfg(test)]
mod push_dovecot;
#[cfg(test)]
mod push_further;
#[cfg(test)]
mod push_lost;
#[cfg(test)]
mod reader_kit;
#[cfg(test)]
mod real_servers;
#[cfg(test)]
mod secret_trace;
#[cfg(test)]
mod shards;
#[cfg(test)]
mod shares;
#[cfg(test)]
mod simulation_deletions;
#[cfg(test)]
mod simulation_dry_run;
#[cfg(test)]
mod simulation_imap;
#[cfg(test)]
mod simulation_knowing;
#[cfg(test)]
mod simulation_ledger;
#[cfg(test)]
mod simulation_life;
#[cfg(test)]
mod simulation_pop3;
#[cfg(test)]
mod simulation_pop3_alike;
#[cfg(test)]
mod simulation_pop3_servers;
#[cfg(test)]
mod simulation_pop3_shared;
#[cfg(test)]
mod simulation_pop3_trips;
#[cfg(test)]
mod simulation_proof;
#[cfg(test)]
mod simulation_push_dry_run;
#[cfg(test)]
mod simulation_push_flags;
#[cfg(test)]
mod simulation_push_moves;
#[cfg(test)]
mod simulation_push_uploads;
#[cfg(test)]
mod simulation_rebuild;
#[cfg(test)]
mod simulation_recovery;
#[cfg(test)]
mod simulation_retention_imap;
#[cfg(test)]
mod simulation_retention_pop3;
#[cfg(test)]
mod simulation_returned;
#[cfg(test)]
mod simulation_server_changes;
#[cfg(test)]
mod simulation_strays;
#[cfg(test)]
mod simulation_undo_lost;
#[cfg(test)]
mod simulation_verify;
#[cfg(test)]
mod soak;
#[cfg(test)]
mod starttls;
#[cfg(test)]
mod systemd;
#[cfg(test)]
mod systemd_users;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tunnels;
#[cfg(test)]
mod watch;
#[cfg(test)]
mod watchdog;
