//! Lines as the package wrote them (`written.jsonl`), and lines that were touched.

use omega_core::{StateKey, Verdict};
use omega_log::{Chain, Checked, Lost, Response, Rollout, Spoken, check, read};

const LOG: &[u8] = include_bytes!("written.jsonl");
const FIRST: Chain = [0; 16];

fn all(bytes: &[u8]) -> Checked {
    check(bytes, FIRST, usize::MAX)
}

fn lines() -> Vec<&'static [u8]> {
    LOG.split_inclusive(|&byte| byte == b'\n').collect()
}

#[test]
fn good_lines_are_told_with_their_kinds_and_payloads() {
    let checked = all(LOG);
    assert_eq!((checked.lines.len(), checked.length, checked.damage), (4, LOG.len(), None));
    let kinds: Vec<&[u8]> = checked.lines.iter().map(|line| line.kind(LOG)).collect();
    assert_eq!(kinds, [&b"question"[..], b"rollout", b"verdict", b"lost"]);
    assert_eq!(checked.lines[0].open_payload(LOG), br#"{"n":0,"kind":"question","body":{"id":"q0"}"#);
    assert!(LOG.ends_with(format!("{:032x}\"}}\n", u128::from_be_bytes(checked.chain)).as_bytes()));
}

#[test]
fn any_part_can_be_checked_from_the_chain_before_it() {
    let one = check(LOG, FIRST, 1);
    assert_eq!((one.lines.len(), one.damage), (1, None));
    let rest = check(&LOG[one.length..], one.chain, usize::MAX);
    assert_eq!((rest.lines.len(), rest.chain), (3, all(LOG).chain));
    assert_eq!(check(LOG, FIRST, 0).lines, []);
    assert_eq!(check(&LOG[one.length..], FIRST, 1).lines, []);
}

#[test]
fn a_line_without_its_newline_is_left_alone() {
    let checked = all(&LOG[..LOG.len() - 1]);
    assert_eq!((checked.lines.len(), checked.damage), (3, None));
    assert_eq!(all(b"").lines, []);
    assert_eq!(all(b"torn").damage, None);
}

#[test]
fn no_bit_can_be_turned_unseen() {
    for place in 0..LOG.len() {
        for bit in 0..8 {
            let mut bytes = LOG.to_vec();
            bytes[place] ^= 1 << bit;
            let good = LOG[..place].split(|&byte| byte == b'\n').count() - 1;
            let checked = all(&bytes);
            let last = place == LOG.len() - 1;
            assert_eq!(checked.lines.len(), good, "bit {bit} of byte {place}");
            assert_eq!(checked.damage.is_none(), last, "bit {bit} of byte {place}");
        }
    }
}

/// As many lines of different lengths, sealed here.
fn sealed(count: usize) -> Vec<Vec<u8>> {
    let mut chain = FIRST;
    let seal = |at: usize| {
        let payload = format!(r#"{{"n":{at},"kind":"lost","body":"{}"}}"#, "x".repeat(at * 37 % 700));
        let mut hash = blake2b_simd::Params::new().hash_length(16).to_state();
        hash.update(&chain).update(payload.as_bytes());
        chain = hash.finalize().as_bytes().try_into().unwrap();
        let (crc, open) = (crc32fast::hash(payload.as_bytes()), payload.strip_suffix('}').unwrap());
        let chain = u128::from_be_bytes(chain);
        format!("{open},\"crc\":\"{crc:08x}\",\"chain\":\"{chain:032x}\"}}\n").into_bytes()
    };
    (0..count).map(seal).collect()
}

#[test]
fn the_first_bad_one_of_many_lines_is_found() {
    let lines = sealed(200);
    assert_eq!((all(&lines.concat()).lines.len(), all(&lines.concat()).damage), (200, None));
    assert_eq!(check(&lines.concat(), FIRST, 130).lines.len(), 130);
    for bad in [0, 1, 63, 64, 65, 127, 128, 197] {
        let mut lost = lines.clone();
        lost.remove(bad);
        let mut altered = lines.clone();
        altered[bad][10] ^= 1;
        // A damaged line further on is not what is told.
        lost[bad + 1][10] ^= 1;
        for (lines, why) in [(lost, "does not follow"), (altered, "does not match")] {
            let checked = all(&lines.concat());
            assert_eq!(checked.lines.len(), bad, "{why}");
            assert_eq!(checked.length, lines[..bad].concat().len());
            assert!(checked.damage.unwrap().starts_with(why), "{bad}: {:?}", checked.damage);
        }
    }
}

#[test]
fn what_is_wrong_with_a_line_is_told() {
    let damage = |parts: &[&[u8]]| all(&parts.concat()).damage.unwrap();
    let [first, second, third, ..] = lines()[..] else { panic!("there are four") };
    let moved = "does not follow the line before it: a line was lost, added or moved";
    assert_eq!(damage(&[first, third]), moved);
    assert_eq!(damage(&[first, first]), moved);
    assert_eq!(damage(&[second]), moved);
    assert_eq!(damage(&[first, b"\n"]), "does not end in a checksum");
    assert_eq!(damage(&[first, b"{\"n\":1}\n"]), "does not end in a checksum");
    let altered = [b" ", first].concat();
    assert_eq!(damage(&[&altered]), "does not match its checksum");
    let upper = first.to_ascii_uppercase();
    assert_eq!(damage(&[&upper]), "does not end in a checksum");
}

#[test]
fn responses_say_what_was_written() {
    let question = || "q0".to_owned();
    let rollout = Rollout {
        question: question(),
        state: StateKey(10),
        draw: 3,
        text: "one\nπ \"two\"\n".into(),
        token_ids: vec![5, 6],
        token_ends: vec![4, -1],
        n_tokens: 3,
        n_prompt_tokens: 2,
        finish: "stop".into(),
        early_prefix: None,
        usage: None,
    };
    let spoken = Spoken {
        question: question(),
        state: StateKey(10),
        draw: 3,
        version: "v1".into(),
        verdict: Verdict::NoAnswer,
        answer: None,
        early_prefix: None,
    };
    let lost = Lost { question: question(), state: StateKey(11), draw: 0, early_prefix: None };
    let expected = vec![Response::Rollout(rollout), Response::Spoken(spoken), Response::Lost(lost)];
    assert_eq!(read(LOG, &all(LOG).lines), Ok(expected));
}

#[test]
fn a_response_that_this_version_cannot_read_is_told_with_its_beginning() {
    let line = |body: &str| format!(r#"{{"n":0,"kind":"lost","body":{body}"#).into_bytes();
    for (body, why) in [
        (r#"{"question":"q","state":"0a","draw":0}"#, "32 hexadecimal digits"),
        (r#"{"question":"q","draw":0}"#, "missing field `state`"),
        (r#"{"question":"q","state":"0000000000000000000000000000000a","draw":-1}"#, "invalid value"),
    ] {
        let bytes = line(body);
        let told = read(&bytes, &[omega_log::Line { start: 0, end: bytes.len() }]).unwrap_err();
        assert!(told.contains(why) && told.contains(r#""kind":"lost""#), "{told}");
    }
}

#[test]
fn ids_are_read_as_json_has_them_or_refused() {
    let line = |ids: &str, ends: &str| {
        let name = r#""question":"q","state":"0000000000000000000000000000000a","draw":0"#;
        let text = r#""text":",\"token_ids\":[9]""#;
        let arrays = format!(r#""token_ids":[{ids}],"token_ends":[{ends}]"#);
        let rest = r#""n_tokens":1,"n_prompt_tokens":1,"finish":"stop""#;
        format!(r#"{{"n":0,"kind":"rollout","body":{{{name},{text},{arrays},{rest}}}"#).into_bytes()
    };
    let told = |ids: &str, ends: &str| {
        let bytes = line(ids, ends);
        match read(&bytes, &[omega_log::Line { start: 0, end: bytes.len() }])?.remove(0) {
            Response::Rollout(rollout) => Ok((rollout.token_ids, rollout.token_ends, rollout.text)),
            other => Err(format!("{other:?}")),
        }
    };
    let text = || r#","token_ids":[9]"#.to_owned();
    assert_eq!(
        told("0,7,4294967295", "-1,2147483647,0"),
        Ok((vec![0, 7, u32::MAX], vec![-1, i32::MAX, 0], text()))
    );
    assert_eq!(told("", ""), Ok((vec![], vec![], text())));
    assert_eq!(told("5", ""), Ok((vec![5], vec![], text())));
    assert_eq!(told(" 1 , 2", "3,4 "), Ok((vec![1, 2], vec![3, 4], text())));
    for (ids, ends) in [
        ("4294967296", "1"),
        ("-1", "1"),
        ("1", "2147483648"),
        ("01", "1"),
        ("1,", "1"),
        ("1.5", "1"),
        ("--1", "1"),
    ] {
        assert!(told(ids, ends).is_err(), "{ids} {ends}");
    }
}
