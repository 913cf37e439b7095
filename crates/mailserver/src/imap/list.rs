//! LIST, LSUB, NAMESPACE, STATUS (RFC 3501 §6.3; 2342; 5258; 5819; 6154; 8438).

use std::collections::BTreeMap;

use super::args::{Arg, quote};
use super::{Outcome, Refusal, Session};
use crate::store::Mailbox;

/// What a LIST asks for beyond names.
#[derive(Debug, Default)]
struct Wish {
    subscribed_only: bool,
    special_only: bool,
    return_subscribed: bool,
    return_status: Option<Vec<String>>,
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
            let separator = quote(&self.service.options.separator.to_string());
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
        let separator = quote(&self.service.options.separator.to_string());
        let state = account.lock();
        for (name, mailbox) in &state.mailboxes {
            if mailbox.subscribed && self.matches(&format!("{reference}{pattern}"), name) {
                let name = self.quoted_name(name);
                self.reply.line(&format!("* LSUB () {separator} {name}"));
            }
        }
        Ok("listed".to_owned())
    }

    fn wish(&self, selection: &[Arg], rest: &[Arg]) -> Result<Wish, Refusal> {
        let mut wish = Wish::default();
        for word in selection {
            match word.word().as_deref() {
                Some("SUBSCRIBED") => wish.subscribed_only = true,
                Some("SPECIAL-USE") if self.has("SPECIAL-USE") => wish.special_only = true,
                Some("RECURSIVEMATCH" | "REMOTE") => {}
                _ => return Err(Refusal::Bad("Unknown LIST selection option")),
            }
        }
        let options = match rest {
            [] => return Ok(wish),
            [word, Arg::List(options)] if word.word().is_some_and(|w| w == "RETURN") => options,
            _ => return Err(Refusal::Bad("LIST … RETURN (options)")),
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match option.word().as_deref() {
                Some("SUBSCRIBED") => wish.return_subscribed = true,
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
        let separator = quote(&self.service.options.separator.to_string());
        let state = account.lock();
        for (name, mailbox) in with_parents(&state.mailboxes) {
            let role = mailbox.and_then(|m| m.role.as_deref());
            let role = role.filter(|_| self.has("SPECIAL-USE"));
            let subscribed = mailbox.is_some_and(|m| m.subscribed);
            let wanted =
                (subscribed || !wish.subscribed_only) && (role.is_some() || !wish.special_only);
            if !wanted || !patterns.iter().any(|pattern| self.matches(pattern, &name)) {
                continue;
            }
            let below = format!("{name}/");
            let children = state
                .mailboxes
                .keys()
                .any(|other| other.starts_with(&below));
            let mut attributes = vec![];
            attributes.extend(mailbox.is_none().then_some("\\Noselect"));
            if self.has("CHILDREN") {
                attributes.push(if children {
                    "\\HasChildren"
                } else {
                    "\\HasNoChildren"
                });
            }
            let tells = wish.return_subscribed || wish.subscribed_only;
            attributes.extend((subscribed && tells).then_some("\\Subscribed"));
            attributes.extend(role);
            let attributes = attributes.join(" ");
            let wire = self.quoted_name(&name);
            self.reply
                .line(&format!("* LIST ({attributes}) {separator} {wire}"));
            if let (Some(mailbox), Some(items)) = (mailbox, &wish.return_status) {
                let values = self.status_values(mailbox, items)?;
                self.reply.line(&format!("* STATUS {wire} ({values})"));
            }
        }
        Ok(())
    }

    /// Whether a wire pattern (`*` anything, `%` anything but the separator) fits a store name.
    fn matches(&self, pattern: &str, name: &str) -> bool {
        let separator = self.service.options.separator;
        let wire = crate::wire_name::encode(name, separator);
        if pattern.eq_ignore_ascii_case("INBOX") && name == "INBOX" {
            return true;
        }
        let pattern: Vec<char> = pattern.chars().collect();
        let wire: Vec<char> = wire.chars().collect();
        fits(&pattern, &wire, separator)
    }

    pub(super) fn namespace(&mut self) -> Outcome {
        self.needs("NAMESPACE")?;
        self.account()?;
        let separator = quote(&self.service.options.separator.to_string());
        self.reply
            .line(&format!("* NAMESPACE ((\"\" {separator})) NIL NIL"));
        Ok("that is all".to_owned())
    }

    pub(super) fn status(&mut self, args: &[Arg]) -> Outcome {
        let account = self.account()?;
        let name = self.mailbox_name(args.first())?;
        let items = args.get(1).and_then(Arg::texts);
        let items = items.ok_or(Refusal::Bad("STATUS mailbox (items)"))?;
        let state = account.lock();
        let mailbox = state.mailbox(&name);
        let mailbox = mailbox.ok_or(Refusal::No("[NONEXISTENT] No such mailbox"))?;
        let values = self.status_values(mailbox, &items)?;
        let wire = self.quoted_name(&name);
        self.reply.line(&format!("* STATUS {wire} ({values})"));
        Ok("that is all".to_owned())
    }

    fn status_values(&self, mailbox: &Mailbox, items: &[String]) -> Result<String, Refusal> {
        let unseen = |flag: &str| {
            mailbox
                .messages
                .iter()
                .filter(|m| !m.flags.contains(flag))
                .count()
        };
        let mut values = Vec::new();
        for item in items {
            let item = item.to_ascii_uppercase();
            let value = match item.as_str() {
                "MESSAGES" => mailbox.messages.len().to_string(),
                "RECENT" => "0".to_owned(),
                "UIDNEXT" => mailbox.uid_next.to_string(),
                "UIDVALIDITY" => mailbox.uid_validity.to_string(),
                "UNSEEN" => unseen("\\Seen").to_string(),
                "MAILBOXID" if self.has("OBJECTID") => format!("({})", mailbox.object_id()),
                "HIGHESTMODSEQ" if self.has("CONDSTORE") => mailbox.told_mod_seq().to_string(),
                "SIZE" if self.has("STATUS=SIZE") => {
                    let octets: usize = mailbox.messages.iter().map(|m| m.bytes.len()).sum();
                    octets.to_string()
                }
                _ => return Err(Refusal::Bad("Unknown STATUS item")),
            };
            values.push(format!("{item} {value}"));
        }
        Ok(values.join(" "))
    }
}

/// Every mailbox, and the levels above them that are none themselves.
fn with_parents(mailboxes: &BTreeMap<String, Mailbox>) -> BTreeMap<String, Option<&Mailbox>> {
    let mut all = BTreeMap::new();
    for (name, mailbox) in mailboxes {
        for (at, _) in name.match_indices('/') {
            if let Some((parent, _)) = name.split_at_checked(at) {
                all.entry(parent.to_owned()).or_insert(None);
            }
        }
        all.insert(name.clone(), Some(mailbox));
    }
    all
}

fn fits(pattern: &[char], name: &[char], separator: char) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((wild @ ('*' | '%'), rest)) => {
            let reach = match wild {
                '*' => name.len(),
                _ => name
                    .iter()
                    .position(|c| *c == separator)
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
