//! Lines and their seals.

use blake2b_simd::Params;

/// The hash over a line and all before it.
pub type Chain = [u8; 16];

const CRC: &[u8] = br#","crc":""#;
const CHAIN: &[u8] = br#"","chain":""#;
const END: &[u8] = br#""}"#;
const CRC_DIGITS: usize = 8;
const CHAIN_DIGITS: usize = 32;
const SEAL: usize = CRC.len() + CRC_DIGITS + CHAIN.len() + CHAIN_DIGITS + END.len();

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

/// Checks the whole lines that `bytes` begin with, `most` at most, of which the first follows `chain`.
pub fn check(bytes: &[u8], chain: Chain, most: usize) -> Checked {
    let mut checked = Checked { chain, ..Checked::default() };
    for newline in memchr::memchr_iter(b'\n', bytes).take(most) {
        match unseal(&bytes[checked.length..newline], checked.chain) {
            Ok((payload, chain)) => {
                checked.lines.push(Line { start: checked.length, end: checked.length + payload });
                checked.length = newline + 1;
                checked.chain = chain;
            }
            Err(damage) => {
                checked.damage = Some(damage);
                break;
            }
        }
    }
    checked
}

/// The length of the open payload of a line given without its newline, and the chain after it.
fn unseal(line: &[u8], previous: Chain) -> Result<(usize, Chain), &'static str> {
    let (payload, seal) = line.split_at_checked(line.len().wrapping_sub(SEAL)).ok_or(UNSEALED)?;
    let (crc, chain) = digits(seal).ok_or(UNSEALED)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(payload);
    sum.update(b"}");
    if u32::from_str_radix(crc, 16) != Ok(sum.finalize()) {
        return Err(ALTERED);
    }
    let mut hash = Params::new().hash_length(size_of::<Chain>()).to_state();
    let next = hash.update(&previous).update(payload).update(b"}").finalize();
    let written = u128::from_str_radix(chain, 16).map_err(|_| UNSEALED)?.to_be_bytes();
    if next.as_bytes() != written {
        return Err(MISPLACED);
    }
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
