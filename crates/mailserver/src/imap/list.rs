//! LIST and LSUB (RFC 3501 §6.3.8, §6.3.9; 5258; 5819; 6154).

use std::collections::{BTreeMap, BTreeSet};

use super::args::Arg;
use super::{Outcome, Refusal, Session};
use crate::store::{Mailbox, State};

/// What a LIST asks for beyond names.
#[derive(Debug, Default)]
struct Wish {
    asks: BTreeSet<Ask>,
    return_status: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    /// In the words of RFC 5258.
    Extended,
    SpecialOnly,
    SubscribedOnly,
    TellSubscribed,
}

impl Wish {
    fn asks(&self, ask: Ask) -> bool {
        self.asks.contains(&ask)
    }
}

impl Session {
    pub(super) fn list(&mut self, args: &[Arg]) -> Outcome {
        let (selection, args) = match args {
            [Arg::List(selection), rest @ ..] => (selection.as_slice(), rest),
            args => (&[][..], args),
        };
        let ([reference, pattern], rest) = args
            .split_first_chunk()
            .ok_or(Refusal::Bad("LIST reference pattern"))?;
        if !selection.is_empty() || pattern.list().is_some() {
            self.needs("LIST-EXTENDED")?;
        }
        // RFC 5819 and RFC 6154 bring the RETURN syntax of RFC 5258 with them.
        let knows_return = ["LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE"];
        if !rest.is_empty() && !knows_return.iter().any(|capability| self.has(capability)) {
            return Err(Refusal::Bad("No extended LIST here"));
        }
        let wish = self.wish(selection, rest)?;
        let patterns = pattern
            .texts()
            .ok_or(Refusal::Bad("LIST reference pattern"))?;
        let reference = reference
            .text()
            .ok_or(Refusal::Bad("LIST reference pattern"))?;
        let patterns: Vec<String> = patterns.iter().map(|p| format!("{reference}{p}")).collect();
        if patterns == [""] {
            // RFC 3501 §6.3.8: an empty name asks for the separator.
            let separator = self.quoted_separator();
            self.reply
                .line(&format!("* LIST (\\Noselect) {separator} \"\""));
            return Ok("listed".to_owned());
        }
        self.list_matching(&patterns, &wish)?;
        Ok("listed".to_owned())
    }

    pub(super) fn lsub(&mut self, args: &[Arg]) -> Outcome {
        let [reference, pattern] = args else {
            return Err(Refusal::Bad("LSUB reference pattern"));
        };
        let pattern = reference.text().zip(pattern.text());
        let (reference, pattern) = pattern.ok_or(Refusal::Bad("LSUB reference pattern"))?;
        let account = self.account()?;
        let separator = self.quoted_separator();
        let state = account.lock();
        for name in state.subscribed() {
            if self.matches(&format!("{reference}{pattern}"), &name) {
                let name = self.quoted_name(&name);
                self.reply.line(&format!("* LSUB () {separator} {name}"));
            }
        }
        Ok("listed".to_owned())
    }

    fn wish(&self, selection: &[Arg], rest: &[Arg]) -> Result<Wish, Refusal> {
        let mut wish = Wish::default();
        if !(selection.is_empty() && rest.is_empty()) {
            wish.asks.insert(Ask::Extended);
        }
        for word in selection {
            wish.asks.insert(match word.word().as_deref() {
                Some("SUBSCRIBED") => Ask::SubscribedOnly,
                Some("SPECIAL-USE") if self.has("SPECIAL-USE") => Ask::SpecialOnly,
                Some("RECURSIVEMATCH" | "REMOTE") => Ask::Extended,
                _ => return Err(Refusal::Bad("Unknown LIST selection option")),
            });
        }
        let options = match rest {
            [] => return Ok(wish),
            [word, Arg::List(options)] if word.word().is_some_and(|w| w == "RETURN") => options,
            _ => return Err(Refusal::Bad("LIST … RETURN (options)")),
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match option.word().as_deref() {
                Some("SUBSCRIBED") => {
                    wish.asks.insert(Ask::TellSubscribed);
                }
                Some("SPECIAL-USE") if self.has("SPECIAL-USE") => {}
                Some("CHILDREN") => {}
                Some("STATUS") if self.has("LIST-STATUS") => {
                    let items = options.next().and_then(Arg::texts);
                    wish.return_status = Some(items.ok_or(Refusal::Bad("STATUS (items)"))?);
                }
                _ => return Err(Refusal::Bad("Unknown LIST return option")),
            }
        }
        Ok(wish)
    }

    fn list_matching(&mut self, patterns: &[String], wish: &Wish) -> Result<(), Refusal> {
        let account = self.account()?;
        let separator = self.quoted_separator();
        let state = account.lock();
        for (name, mailbox) in self.candidates(&state, wish) {
            let matches = patterns.iter().any(|pattern| self.matches(pattern, &name));
            let Some(attributes) = self.attributes(&state, &name, wish).filter(|_| matches) else {
                continue;
            };
            let wire = self.quoted_name(&name);
            self.reply
                .line(&format!("* LIST ({attributes}) {separator} {wire}"));
            let mailbox = mailbox.filter(|mailbox| mailbox.selectable);
            if let (Some(mailbox), Some(items)) = (mailbox, &wish.return_status) {
                let values = self.status_values(mailbox, items)?;
                self.reply.line(&format!("* STATUS {wire} ({values})"));
            }
        }
        Ok(())
    }

    /// Every mailbox, the levels above them that are none themselves, and, where subscriptions are asked
    /// for, those that outlived their mailbox.
    fn candidates<'a>(
        &self,
        state: &'a State,
        wish: &Wish,
    ) -> BTreeMap<String, Option<&'a Mailbox>> {
        let mut all = BTreeMap::new();
        if wish.asks(Ask::SubscribedOnly) {
            all.extend(state.orphans.iter().map(|name| (name.clone(), None)));
        }
        for (name, mailbox) in &state.mailboxes {
            let levels = self.service.options.separator.map(|_| '/');
            for (at, _) in levels.into_iter().flat_map(|c| name.match_indices(c)) {
                if let Some((parent, _)) = name.split_at_checked(at) {
                    all.entry(parent.to_owned()).or_insert(None);
                }
            }
            all.insert(name.clone(), Some(mailbox));
        }
        all
    }

    /// What stands in the parentheses; `None` when the mailbox is not wished for.
    fn attributes(&self, state: &State, name: &str, wish: &Wish) -> Option<String> {
        let mailbox = state.mailbox(name);
        let role = mailbox.and_then(|m| m.role.as_deref());
        let role = role.filter(|_| self.has("SPECIAL-USE"));
        let subscribed = match mailbox {
            Some(mailbox) => mailbox.subscribed,
            None => state.orphans.contains(name),
        };
        let unsubscribed = wish.asks(Ask::SubscribedOnly) && !subscribed;
        if unsubscribed || (wish.asks(Ask::SpecialOnly) && role.is_none()) {
            return None;
        }
        let mut attributes = vec![];
        match mailbox {
            // RFC 5258 §3: it implies \\Noselect.
            None if wish.asks(Ask::Extended) => attributes.push("\\NonExistent"),
            None => attributes.push("\\Noselect"),
            Some(mailbox) if !mailbox.selectable => attributes.push("\\Noselect"),
            Some(_) => {}
        }
        if self.has("CHILDREN") {
            let below = format!("{name}/");
            let mut names = state.mailboxes.range(below.clone()..);
            let child = names.next().is_some_and(|(n, _)| n.starts_with(&below));
            let levels = self.service.options.separator.is_some();
            attributes.push(if child && levels {
                "\\HasChildren"
            } else {
                "\\HasNoChildren"
            });
        }
        let tells = wish.asks(Ask::TellSubscribed) || wish.asks(Ask::SubscribedOnly);
        attributes.extend((subscribed && tells).then_some("\\Subscribed"));
        attributes.extend(role);
        Some(attributes.join(" "))
    }

    /// Whether a wire pattern (`*` anything, `%` anything but the separator) fits a store name.
    fn matches(&self, pattern: &str, name: &str) -> bool {
        if pattern.eq_ignore_ascii_case("INBOX") && name == "INBOX" {
            return true;
        }
        let separator = self.service.options.separator;
        let wire: Vec<char> = self.spelling().encode(name).chars().collect();
        let wild: Vec<char> = pattern.chars().collect();
        fits(&wild, &wire, separator) && self.reaches(pattern, name)
    }
}

fn fits(pattern: &[char], name: &[char], separator: Option<char>) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((wild @ ('*' | '%'), rest)) => {
            let reach = match wild {
                '*' => name.len(),
                _ => name
                    .iter()
                    .position(|c| Some(*c) == separator)
                    .unwrap_or(name.len()),
            };
            (0..=reach).any(|at| {
                name.get(at..)
                    .is_some_and(|tail| fits(rest, tail, separator))
            })
        }
        Some((c, rest)) => match name.split_first() {
            Some((first, tail)) => first == c && fits(rest, tail, separator),
            None => false,
        },
    }
}
