//! CRLF to LF, whole messages at a time or octet by octet.

/// Turns every CRLF into LF and leaves every other octet alone: a lone CR stays, and `\r\r\n`
/// becomes `\r\n`. It also counts what the result would be with CRLF.
#[derive(Debug, Default)]
pub(crate) struct LineEnds {
    /// A CR that ended the last chunk and may belong to an LF in the next.
    held: bool,
    /// Whether the last octet given out was a CR.
    after_cr: bool,
    octets: u64,
    bare: u64,
}

impl LineEnds {
    /// Appends to `out` what `chunk` becomes. A CR at its end is held back.
    pub(crate) fn convert(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let mut rest = chunk;
        if self.held
            && let Some(first) = rest.first()
        {
            self.held = false;
            if *first != b'\n' {
                self.give_cr(out);
            }
        }
        if let Some((b'\r', before)) = rest.split_last() {
            self.held = true;
            rest = before;
        }
        let before = out.len();
        out.reserve(rest.len());
        // What was not given out yet; it begins with an LF whose CR was left out.
        let mut from = 0;
        for at in memchr::memchr_iter(b'\n', rest) {
            let text = rest.get(..at).unwrap_or_default();
            let kept = text.strip_suffix(b"\r").unwrap_or(text);
            if kept.len() < at {
                out.extend_from_slice(kept.get(from..).unwrap_or_default());
                from = at;
            }
            let after_cr = kept.last().map_or(self.after_cr, |octet| *octet == b'\r');
            self.bare += u64::from(!after_cr);
        }
        out.extend_from_slice(rest.get(from..).unwrap_or_default());
        self.given(before, out);
    }

    /// Appends what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held) {
            self.give_cr(out);
        }
    }

    /// Octets given out so far.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// Octets given out, an LF that no CR precedes counted as two.
    ///
    /// Dovecot calls this the virtual size and serves it as RFC822.SIZE from the `W=` in a name.
    pub(crate) const fn octets_crlf(&self) -> u64 {
        self.octets + self.bare
    }

    fn give_cr(&mut self, out: &mut Vec<u8>) {
        let before = out.len();
        out.push(b'\r');
        self.given(before, out);
    }

    /// Takes note of what was appended behind `before`.
    fn given(&mut self, before: usize, out: &[u8]) {
        let Some(last) = out.get(before..).and_then(<[u8]>::last) else {
            return;
        };
        self.after_cr = *last == b'\r';
        // A usize of octets in memory fits 64 bits.
        self.octets += (out.len() - before) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(chunks: &[&[u8]]) -> (Vec<u8>, u64, u64) {
        let (mut ends, mut out) = (LineEnds::default(), Vec::new());
        for chunk in chunks {
            ends.convert(chunk, &mut out);
        }
        ends.finish(&mut out);
        (out, ends.octets(), ends.octets_crlf())
    }

    #[test]
    fn only_crlf_changes() {
        for (from, to, crlf) in [
            (&b""[..], &b""[..], 0),
            (b"a\r\nb\r\n", b"a\nb\n", 6),
            (b"a\nb", b"a\nb", 4),
            (b"a\rb", b"a\rb", 3),
            (b"a\r", b"a\r", 2),
            (b"\r\r\n", b"\r\n", 2),
            (b"\r\r\r\n\n", b"\r\r\n\n", 5),
            (b"\r\n\r\n", b"\n\n", 4),
            (b"\0\xFF\r\n", b"\0\xFF\n", 4),
        ] {
            let (out, octets, octets_crlf) = convert(&[from]);
            assert_eq!((out.as_slice(), octets_crlf), (to, crlf), "{from:?}");
            assert_eq!(octets, to.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn borders_of_chunks_do_not_show(
            octets in prop::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'x')], 0..40),
            size in 1_usize..7,
        ) {
            let whole = convert(&[&octets]);
            let chunks: Vec<&[u8]> = octets.chunks(size).collect();
            prop_assert_eq!(&convert(&chunks), &whole);
            // Said another way: replace every CRLF, and count the LFs without a CR before them.
            let plain = String::from_utf8(octets).unwrap().replace("\r\n", "\n");
            let bare = plain.matches('\n').count() - plain.matches("\r\n").count();
            prop_assert_eq!(whole, (plain.clone().into_bytes(), plain.len() as u64, (plain.len() + bare) as u64));
        }
    }
}
