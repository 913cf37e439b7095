//! The one end-to-end test binary: every file beside this one is a module here (`tidy` checks it).

#[cfg(test)]
mod dialogue_kit;
#[cfg(test)]
mod dovecot_kit;
#[cfg(test)]
mod maildir_kit;
#[cfg(test)]
mod mailserver_kit;
#[cfg(test)]
mod tidy;
