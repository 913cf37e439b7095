//! Only some, for now.

#[cfg(test)]
mod dialogues;
#[cfg(test)]
mod push;
#[cfg(test)]
mod push_dovecot;
#[cfg(test)]
mod push_lost;
