//! What the records of responses say.

use crate::line::Line;
use omega_core::{StateKey, Verdict};
use serde::{Deserialize, Deserializer, de};

/// A record that speaks of a draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// A continuation came.
    Rollout(Rollout),
    /// A verifier spoke on it.
    Spoken(Spoken),
    /// It will not come.
    Lost(Lost),
}

/// A recorded continuation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rollout {
    /// The question's id.
    pub question: String,
    /// The state.
    #[serde(deserialize_with = "state")]
    pub state: StateKey,
    /// Which draw from it.
    pub draw: u32,
    /// The continuation alone.
    pub text: String,
    /// The ids it was generated as.
    pub token_ids: Vec<u32>,
    /// Where each ends in the text.
    pub token_ends: Vec<i32>,
    /// Tokens paid for.
    pub n_tokens: u32,
    /// Tokens of prompt and prefix.
    pub n_prompt_tokens: u32,
    /// Why it ended.
    pub finish: String,
    /// If it was made before a decision asked for it: the digest of the ids its prefix went out as.
    pub early_prefix: Option<u32>,
    /// What a server reported of it: tokens of the prompt, of these cached, and generated.
    pub usage: Option<[u64; 3]>,
}

/// A recorded verdict on a continuation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Spoken {
    /// The question's id.
    pub question: String,
    /// The state.
    #[serde(deserialize_with = "state")]
    pub state: StateKey,
    /// Which draw from it.
    pub draw: u32,
    /// The verifier's version.
    pub version: String,
    /// Its word.
    pub verdict: Verdict,
    /// The answer it found.
    pub answer: Option<String>,
    /// As in the rollout it speaks of.
    pub early_prefix: Option<u32>,
}

/// A draw recorded as lost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Lost {
    /// The question's id.
    pub question: String,
    /// The state.
    #[serde(deserialize_with = "state")]
    pub state: StateKey,
    /// Which draw from it.
    pub draw: u32,
    /// If it was asked for before a decision did: the digest of the ids its prefix went out as.
    pub early_prefix: Option<u32>,
}

/// The records of responses among good lines of `bytes`, other kinds passed over; or why one cannot be read.
pub fn read(bytes: &[u8], lines: &[Line]) -> Result<Vec<Response>, String> {
    let mut responses = Vec::with_capacity(lines.len());
    let mut scratch = Vec::new();
    for line in lines {
        let payload = line.open_payload(bytes);
        responses.push(match line.kind(bytes) {
            b"rollout" => Response::Rollout(rollout(payload, &mut scratch)?),
            b"verdict" => Response::Spoken(body(payload)?),
            b"lost" => Response::Lost(body(payload)?),
            _ => continue,
        });
    }
    Ok(responses)
}

const IDS: &[u8] = br#","token_ids":["#;
const BETWEEN: &[u8] = br#"],"token_ends":["#;

/// A rollout; its ids are read apart, which takes a third of the time.
fn rollout(payload: &[u8], scratch: &mut Vec<u8>) -> Result<Rollout, String> {
    let Some((token_ids, token_ends)) = without_ids(payload, scratch) else { return body(payload) };
    Ok(Rollout { token_ids, token_ends, ..body(scratch)? })
}

/// What is in the arrays of ids and ends of a rollout's payload, which is left in `rest` with empty ones; `None` if
/// that is not all plain.
///
/// A quote inside a JSON text is escaped, so what is looked for can be no part of one.
fn without_ids(payload: &[u8], rest: &mut Vec<u8>) -> Option<(Vec<u32>, Vec<i32>)> {
    let at = memchr::memmem::find(payload, IDS)? + IDS.len();
    let (head, tail) = payload.split_at(at);
    let (ids, tail) = tail.split_at(memchr::memchr(b']', tail).filter(|&length| length > 0)?);
    let tail = tail.strip_prefix(BETWEEN)?;
    let (ends, tail) = tail.split_at(memchr::memchr(b']', tail)?);
    rest.clear();
    for part in [head, BETWEEN, tail] {
        rest.extend_from_slice(part);
    }
    Some((numbers(ids)?, numbers(ends)?))
}

/// Whole numbers with nothing but commas between; `None` if there is anything else.
fn numbers<T: TryFrom<i64>>(text: &[u8]) -> Option<Vec<T>> {
    let mut numbers = Vec::with_capacity(text.len() / 3 + 1);
    let (mut size, mut digits, mut negative) = (0_i64, 0, false);
    for &byte in text.iter().chain(b",") {
        match byte {
            b'0'..=b'9' if digits < 10 && (size > 0 || digits == 0) => {
                size = size * 10 + i64::from(byte - b'0');
                digits += 1;
            }
            b',' if digits > 0 => {
                numbers.push(T::try_from(if negative { -size } else { size }).ok()?);
                (size, digits, negative) = (0, 0, false);
            }
            b'-' if digits == 0 && !negative => negative = true,
            _ => return None,
        }
    }
    Some(numbers)
}

/// The body of a record, whose closing brace is missing.
fn body<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, String> {
    let told = |error: &dyn std::fmt::Display| {
        let head = String::from_utf8_lossy(&payload[..payload.len().min(80)]).into_owned();
        format!("a record of the log cannot be read ({error}): {head}...")
    };
    let at = memchr::memmem::find(payload, br#","body":"#).ok_or_else(|| told(&"it has no body"))?;
    serde_json::from_slice(&payload[at + br#","body":"#.len()..]).map_err(|error| told(&error))
}

fn state<'de, D: Deserializer<'de>>(input: D) -> Result<StateKey, D::Error> {
    let digits = <&str>::deserialize(input)?;
    let key = u128::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 32);
    key.map(StateKey).ok_or_else(|| de::Error::custom("a state has 32 hexadecimal digits"))
}
