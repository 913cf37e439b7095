//! Reads the tokens of one response: forgiving about spacing, strict about where it ends.

use crate::framer::RawResponse;
use std::borrow::Cow;

/// How deep parentheses may nest in what we skip. ENVELOPE needs 3, a BODYSTRUCTURE one per
/// multipart level; beyond this it is an attack, and the response is given up.
const MAX_DEPTH: usize = 64;

/// The response does not follow the grammar where we need it to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

pub(crate) type Parsed<T> = Result<T, Malformed>;

/// An `nstring` (RFC 9051 §9), or an atom where a server forgot the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Nil,
    Octets(Cow<'a, [u8]>),
    /// A body that was handed out while it arrived.
    Streamed(u64),
}

/// A place in a response.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    streamed: Option<(usize, u64)>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(raw: &'a RawResponse) -> Self {
        Self {
            text: &raw.text,
            at: 0,
            streamed: raw.streamed,
        }
    }

    /// A cursor over a part that has no literals.
    #[cfg(test)]
    pub(crate) const fn over(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            streamed: None,
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Whether only the line end is left.
    pub(crate) fn is_at_end(&self) -> bool {
        matches!(self.rest(), b"" | b"\r\n" | b"\n" | b"\r")
    }

    /// Takes `octet` if it comes next.
    pub(crate) fn eat(&mut self, octet: u8) -> bool {
        let there = self.peek() == Some(octet);
        self.at += usize::from(there);
        there
    }

    pub(crate) fn expect(&mut self, octet: u8) -> Parsed<()> {
        self.eat(octet).then_some(()).ok_or(Malformed)
    }

    /// One space is the rule, two are seen (old Exchange, Courier), none too.
    pub(crate) fn skip_spaces(&mut self) {
        while self.eat(b' ') || self.eat(b'\t') {}
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|octet| !keep(*octet));
        let length = length.unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// A run of octets up to a space, a parenthesis or the line end; empty when there is none.
    pub(crate) fn word(&mut self) -> &'a [u8] {
        self.take_while(|octet| !matches!(octet, b' ' | b'\t' | b'(' | b')' | b'\r' | b'\n'))
    }

    /// As [`Cursor::word`], but `]` ends it too: inside a response code.
    pub(crate) fn code_word(&mut self) -> &'a [u8] {
        self.take_while(|octet| !matches!(octet, b' ' | b'\t' | b'(' | b')' | b']' | b'\r' | b'\n'))
    }

    /// The name of a FETCH item with its section and origin: `BODY[HEADER.FIELDS (MESSAGE-ID)]<0>`.
    pub(crate) fn item_name(&mut self) -> Parsed<&'a [u8]> {
        let start = self.at;
        self.take_while(|o| !matches!(o, b' ' | b'(' | b')' | b'[' | b'\r' | b'\n'));
        if self.peek() == Some(b'[') {
            self.skip_section()?;
            if self.peek() == Some(b'<') {
                self.take_while(|octet| !matches!(octet, b'>' | b'\r' | b'\n'));
                self.expect(b'>')?;
            }
        }
        let name = self.text.get(start..self.at).unwrap_or_default();
        (!name.is_empty()).then_some(name).ok_or(Malformed)
    }

    /// Steps over `[…]` after an item's name. Names of header fields may be quoted, and hold a bracket even
    /// when they are not (RFC 9051 §9, `header-fld-name`).
    fn skip_section(&mut self) -> Parsed<()> {
        self.expect(b'[')?;
        loop {
            self.take_while(|octet| !matches!(octet, b']' | b'(' | b'\r' | b'\n'));
            match self.peek() {
                Some(b'(') => self.skip_value()?,
                _ => return self.expect(b']'),
            }
        }
    }

    /// A number of at most 64 bits.
    pub(crate) fn number(&mut self) -> Parsed<u64> {
        let digits = self.take_while(|octet| octet.is_ascii_digit());
        parse_number(digits)
    }

    /// A number of at most 32 bits.
    pub(crate) fn number32(&mut self) -> Parsed<u32> {
        u32::try_from(self.number()?).map_err(|_| Malformed)
    }

    /// A quoted string, a literal, NIL, or a bare word.
    pub(crate) fn value(&mut self) -> Parsed<Value<'a>> {
        match self.peek() {
            Some(b'"') => self.quoted().map(Value::Octets),
            Some(b'{') => self.literal(),
            Some(b'~') if self.text.get(self.at + 1) == Some(&b'{') => {
                self.at += 1;
                self.literal()
            }
            _ => match self.word() {
                b"" => Err(Malformed),
                word if word.eq_ignore_ascii_case(b"NIL") => Ok(Value::Nil),
                word => Ok(Value::Octets(Cow::Borrowed(word))),
            },
        }
    }

    /// A string where the grammar wants one (`astring`): a name that is spelt NIL is a name.
    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        let start = self.at;
        match self.value()? {
            Value::Octets(octets) => Ok(octets),
            Value::Nil => Ok(Cow::Borrowed(
                self.text.get(start..self.at).unwrap_or_default(),
            )),
            Value::Streamed(_) => Err(Malformed),
        }
    }

    fn quoted(&mut self) -> Parsed<Cow<'a, [u8]>> {
        self.expect(b'"')?;
        let plain = self.take_while(|octet| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n'));
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut octets = plain.to_vec();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(octets));
                }
                Some(b'\\') => {
                    let escaped = self.text.get(self.at + 1).copied().ok_or(Malformed)?;
                    if matches!(escaped, b'\r' | b'\n') {
                        return Err(Malformed);
                    }
                    octets.push(escaped);
                    self.at += 2;
                }
                None | Some(b'\r' | b'\n') => return Err(Malformed),
                Some(_) => octets.extend_from_slice(
                    self.take_while(|octet| !matches!(octet, b'"' | b'\\' | b'\r' | b'\n')),
                ),
            }
        }
    }

    fn literal(&mut self) -> Parsed<Value<'a>> {
        self.expect(b'{')?;
        let octets = self.number()?;
        self.eat(b'+');
        self.expect(b'}')?;
        self.eat(b'\r');
        self.expect(b'\n')?;
        if self.streamed.is_some_and(|(at, _)| at == self.at) {
            return Ok(Value::Streamed(octets));
        }
        let length = usize::try_from(octets).map_err(|_| Malformed)?;
        let kept = self.rest().get(..length).ok_or(Malformed)?;
        self.at += length;
        Ok(Value::Octets(Cow::Borrowed(kept)))
    }

    /// Steps over one value of any shape, nested lists included, without recursion.
    pub(crate) fn skip_value(&mut self) -> Parsed<()> {
        let mut depth = 0_usize;
        loop {
            self.skip_spaces();
            match self.peek() {
                Some(b'(') => {
                    self.at += 1;
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(Malformed);
                    }
                }
                Some(b')') => {
                    depth = depth.checked_sub(1).ok_or(Malformed)?;
                    self.at += 1;
                }
                None | Some(b'\r' | b'\n') => return Err(Malformed),
                Some(_) => {
                    self.value()?;
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Steps over a bracketed response code, whatever is in it.
    pub(crate) fn skip_code(&mut self) -> Parsed<()> {
        self.expect(b'[')?;
        loop {
            self.take_while(|octet| !matches!(octet, b']' | b'"' | b'\r' | b'\n'));
            match self.peek() {
                Some(b'"') => {
                    self.quoted()?;
                }
                _ => return self.expect(b']'),
            }
        }
    }

    /// Everything up to the line end, as text for people.
    pub(crate) fn text(&mut self) -> String {
        self.skip_spaces();
        let rest = self.rest();
        self.at = self.text.len();
        let rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
        // Nobody reads more, and an error must stay printable.
        let shown = rest.get(..rest.len().min(1_024)).unwrap_or_default();
        String::from_utf8_lossy(shown).into_owned()
    }
}

/// A number of at most 64 bits, all of `digits`.
pub(crate) fn parse_number(digits: &[u8]) -> Parsed<u64> {
    let text = std::str::from_utf8(digits).map_err(|_| Malformed)?;
    // `parse` takes a leading `+`, the grammar does not.
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Malformed);
    }
    text.parse().map_err(|_| Malformed)
}
