//! Lines and their seals.

use blake2b_simd::Params;
use blake2b_simd::many::{HashManyJob, hash_many};

/// The hash over a line and all before it.
pub type Chain = [u8; 16];

const CRC: &[u8] = br#","crc":""#;
const CHAIN: &[u8] = br#"","chain":""#;
const END: &[u8] = br#""}"#;
const CRC_DIGITS: usize = 8;
const CHAIN_DIGITS: usize = 32;
const SEAL: usize = CRC.len() + CRC_DIGITS + CHAIN.len() + CHAIN_DIGITS + END.len();

/// Lines whose chains are hashed side by side, in vector code where there is some.
const AT_ONCE: usize = 64;

const UNSEALED: &str = "does not end in a checksum";
const ALTERED: &str = "does not match its checksum";
const MISPLACED: &str = "does not follow the line before it: a line was lost, added or moved";

/// A good line of some bytes: its payload is `bytes[start..end]` and a closing brace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it begins.
    pub start: usize,
    /// Where its seal begins.
    pub end: usize,
}

impl Line {
    /// What the line holds, but for the closing brace that its seal stands before.
    pub fn open_payload(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.end]
    }

    /// The kind of its record; empty if it does not begin as a record does.
    pub fn kind(self, bytes: &[u8]) -> &[u8] {
        let digits = |rest: &[u8]| rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let payload = self.open_payload(bytes);
        let kind = payload.strip_prefix(br#"{"n":"#).and_then(|rest| {
            let rest = rest[digits(rest)..].strip_prefix(br#","kind":""#)?;
            Some(&rest[..memchr::memchr(b'"', rest)?])
        });
        kind.unwrap_or_default()
    }
}

/// The good lines at the beginning of some bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// Bytes they take, newlines included.
    pub length: usize,
    /// The chain after the last of them.
    pub chain: Chain,
    /// Why the next whole line cannot be trusted; `None` if there is none, or enough were asked for.
    pub damage: Option<&'static str>,
}

/// A line that matches its own checksum.
struct Sealed {
    line: Line,
    /// Where the next line begins.
    next: usize,
    /// The chain it says it has.
    chain: Chain,
}

/// Checks the whole lines that `bytes` begin with, `most` at most, of which the first follows `chain`.
pub fn check(bytes: &[u8], chain: Chain, most: usize) -> Checked {
    let mut checked = Checked { chain, ..Checked::default() };
    let mut newlines = memchr::memchr_iter(b'\n', bytes).take(most);
    let (mut sealed, mut hashed) = (Vec::with_capacity(AT_ONCE), Vec::new());
    loop {
        let mut damage = None;
        let mut start = checked.length;
        for newline in newlines.by_ref().take(AT_ONCE) {
            match unseal(&bytes[start..newline]) {
                Ok((payload, chain)) => {
                    let line = Line { start, end: start + payload };
                    start = newline + 1;
                    sealed.push(Sealed { line, next: start, chain });
                }
                Err(why) => {
                    damage = Some(why);
                    break;
                }
            }
        }
        if sealed.is_empty() {
            return Checked { damage, ..checked };
        }
        let follows = in_place(bytes, checked.chain, &sealed, &mut hashed);
        for Sealed { line, next, chain } in sealed.drain(..).take(follows) {
            checked.lines.push(line);
            (checked.length, checked.chain) = (next, chain);
        }
        if checked.length < start {
            return Checked { damage: Some(MISPLACED), ..checked };
        }
        if damage.is_some() {
            return Checked { damage, ..checked };
        }
    }
}

/// How many of these lines follow one another, the first of them `previous`.
///
/// A line is held against the chain that the line before it says it has, so no hash waits for another.
fn in_place(bytes: &[u8], previous: Chain, sealed: &[Sealed], hashed: &mut Vec<u8>) -> usize {
    hashed.clear();
    let before = [previous].into_iter().chain(sealed.iter().map(|one| one.chain));
    let ends: Vec<usize> = before
        .zip(sealed)
        .map(|(previous, one)| {
            for part in [&previous[..], one.line.open_payload(bytes), b"}"] {
                hashed.extend_from_slice(part);
            }
            hashed.len()
        })
        .collect();
    let mut params = Params::new();
    params.hash_length(size_of::<Chain>());
    let mut start = 0;
    let mut jobs: Vec<HashManyJob<'_>> = ends
        .into_iter()
        .map(|end| HashManyJob::new(&params, &hashed[std::mem::replace(&mut start, end)..end]))
        .collect();
    hash_many(&mut jobs);
    jobs.iter().zip(sealed).take_while(|(job, one)| job.to_hash().as_bytes() == one.chain).count()
}

/// The length of the open payload of a line given without its newline, and the chain it says it has.
fn unseal(line: &[u8]) -> Result<(usize, Chain), &'static str> {
    let (payload, seal) = line.split_at_checked(line.len().wrapping_sub(SEAL)).ok_or(UNSEALED)?;
    let (crc, chain) = digits(seal).ok_or(UNSEALED)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(payload);
    sum.update(b"}");
    if u32::from_str_radix(crc, 16) != Ok(sum.finalize()) {
        return Err(ALTERED);
    }
    let written = u128::from_str_radix(chain, 16).map_err(|_| UNSEALED)?.to_be_bytes();
    Ok((payload.len(), written))
}

/// The hexadecimal digits of a seal's checksum and chain, in lower case.
fn digits(seal: &[u8]) -> Option<(&str, &str)> {
    let (crc, rest) = seal.strip_prefix(CRC)?.split_at_checked(CRC_DIGITS)?;
    let (chain, rest) = rest.strip_prefix(CHAIN)?.split_at_checked(CHAIN_DIGITS)?;
    let lower = |digits: &[u8]| digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if rest != END || !lower(crc) || !lower(chain) {
        return None;
    }
    Some((str::from_utf8(crc).ok()?, str::from_utf8(chain).ok()?))
}
