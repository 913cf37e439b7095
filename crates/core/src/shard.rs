//! Which accounts are whose, where several daemons share one list of accounts and do not know of each other.
//!
//! Rendezvous hashing (Thaler and Ravishankar, 1998): every shard has a weight for every account, the
//! heaviest keeps it. Whoever knows how many shards there are knows whose an account is, nobody has to agree
//! with anybody, and one shard more takes its part from all the others and moves nothing else.

use crate::account::AccountName;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The most shards: each account is weighed once for every one of them.
const MOST: u32 = 1_000;

/// One of several daemons that share the accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

/// The text names no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// It is not of the form `I/N`.
    #[error("a shard is `I/N`: the I-th of N, counted from 0, as in `0/3`")]
    Form,
    /// There cannot be so many.
    #[error("there can be 1 to {MOST} shards, not {of}")]
    Count {
        /// How many were asked for.
        of: u32,
    },
    /// Counting begins at 0.
    #[error("shards are counted from 0: of {of} the last is `{}/{of}`, and there is no `{number}/{of}`", .of - 1)]
    Number {
        /// The number that was asked for.
        number: u32,
        /// How many shards there are.
        of: u32,
    },
}

impl Shard {
    /// Whether this shard keeps the account.
    #[must_use]
    pub fn keeps(self, account: &AccountName) -> bool {
        owner(account, self.of) == self.number
    }
}

/// The shard that keeps an account, of so many. Of equal weights, which nobody will see, the first.
fn owner(account: &AccountName, of: u32) -> u32 {
    let heavier = |best: (u64, u32), number: u32| {
        let weight = weight(account, number);
        if weight > best.0 {
            (weight, number)
        } else {
            best
        }
    };
    (1..of).fold((weight(account, 0), 0), heavier).1
}

/// The first eight octets, the most significant first, of the SHA-256 of `<number>:<name>`. Others may compute
/// it too, so it stays as it is (docs/scaling.md).
fn weight(account: &AccountName, number: u32) -> u64 {
    let hash = Sha256::digest(format!("{number}:{account}"));
    let octets = hash.iter().take(8);
    octets.fold(0, |weight, octet| weight << 8 | u64::from(*octet))
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let digits = |text: &str| {
            // `parse` would take a plus sign.
            let plain = text.bytes().all(|octet| octet.is_ascii_digit());
            plain.then(|| text.parse::<u32>().ok()).flatten()
        };
        let (number, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let number = digits(number).ok_or(ShardError::Form)?;
        let of = digits(of).ok_or(ShardError::Form)?;
        if !(1..=MOST).contains(&of) {
            return Err(ShardError::Count { of });
        }
        if number >= of {
            return Err(ShardError::Number { number, of });
        }
        Ok(Self { number, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(count: usize) -> Vec<AccountName> {
        let name = |n| AccountName::parse(&format!("user{n}@example.org")).unwrap();
        (0..count).map(name).collect()
    }

    /// Computed by others: `printf '1:ada' | sha256sum`.
    #[test]
    fn weights_are_what_anybody_can_compute() {
        let ada = AccountName::parse("ada").unwrap();
        assert_eq!(format!("{:016x}", weight(&ada, 0)), "77f1fbe1fbb54eda");
        assert_eq!(format!("{:016x}", weight(&ada, 1)), "31a9390db59a21a0");
        assert_eq!(format!("{:016x}", weight(&ada, 2)), "49d2dbb398b070df");
        assert_eq!(owner(&ada, 3), 0);
    }

    #[test]
    fn shares_are_about_even() {
        let names = names(10_000);
        for of in [2, 3, 7, 16] {
            let mut shares = vec![0_usize; of as usize];
            for name in &names {
                shares[owner(name, of) as usize] += 1;
            }
            let even = names.len() / of as usize;
            // Five standard deviations of a fair draw.
            let off = 5 * even.isqrt();
            let fair = |share: &usize| share.abs_diff(even) <= off;
            assert!(shares.iter().all(fair), "{of}: {shares:?}");
        }
    }

    #[test]
    fn one_shard_more_takes_its_part_and_moves_nothing_else() {
        let names = names(10_000);
        for of in 1..12 {
            let moved = names.iter().filter(|name| {
                let (before, after) = (owner(name, of), owner(name, of + 1));
                assert!(
                    after == before || after == of,
                    "{name}: {before} to {after}"
                );
                after != before
            });
            let (moved, part) = (moved.count(), names.len() / (of as usize + 1));
            assert!(moved.abs_diff(part) <= 5 * part.isqrt(), "{of}: {moved}");
        }
    }

    proptest! {
        #[test]
        fn every_account_is_kept_by_exactly_one(name in "[a-z0-9_.@+é]{1,64}", of in 1_u32..40) {
            prop_assume!(AccountName::parse(&name).is_ok());
            let name = AccountName::parse(&name).unwrap();
            let shards = (0..of).map(|number| format!("{number}/{of}").parse::<Shard>().unwrap());
            prop_assert_eq!(shards.filter(|shard| shard.keeps(&name)).count(), 1);
        }
    }

    #[test]
    fn what_is_no_shard_is_told_in_words() {
        let shard = |text: &str| text.parse::<Shard>();
        assert_eq!(shard("0/1").unwrap().to_string(), "0/1");
        assert_eq!(shard("999/1000").unwrap().to_string(), "999/1000");
        for text in [
            "",
            "1",
            "a/3",
            "1/",
            "/3",
            "+1/3",
            "1/3/5",
            "-1/3",
            "1 / 3",
            "9999999999/9",
        ] {
            assert_eq!(shard(text), Err(ShardError::Form), "{text}");
        }
        assert_eq!(shard("0/0"), Err(ShardError::Count { of: 0 }));
        assert_eq!(shard("0/1001"), Err(ShardError::Count { of: 1_001 }));
        assert_eq!(
            shard("3/3").unwrap_err().to_string(),
            "shards are counted from 0: of 3 the last is `2/3`, and there is no `3/3`"
        );
    }
}
