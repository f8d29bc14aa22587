//! Bytes that are no snapshot are refused.

use crate::support::{config, policy, question, respond};
use omega_core::{Error, Scheduler};
use proptest::prelude::*;

fn snapshot() -> Vec<u8> {
    let mut scheduler = Scheduler::new(config()).unwrap();
    scheduler.add_question(question()).unwrap();
    scheduler.add_question(question()).unwrap();
    let requests = scheduler.poll_requests(3);
    scheduler.handle_responses(requests.iter().map(|one| respond(one, policy)).collect()).unwrap();
    scheduler.snapshot()
}

fn is_refused(bytes: &[u8]) -> bool {
    matches!(Scheduler::restore(bytes), Err(Error::Snapshot(_)))
}

#[test]
fn a_snapshot_of_a_restored_scheduler_is_the_same() {
    let bytes = snapshot();
    assert!(Scheduler::restore(&bytes).unwrap().snapshot() == bytes);
}

#[test]
fn a_shortened_snapshot_is_refused() {
    let bytes = snapshot();
    assert!((0..bytes.len()).all(|length| is_refused(&bytes[..length])));
}

#[test]
fn a_lengthened_snapshot_is_refused() {
    assert!(is_refused(&[snapshot(), vec![0]].concat()));
}

#[test]
fn a_snapshot_with_a_changed_byte_is_refused() {
    let bytes = snapshot();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(is_refused(&changed), "byte {at}");
    }
}

#[test]
fn a_snapshot_of_another_version_is_refused_by_its_number() {
    let mut bytes = snapshot();
    bytes[0] += 1;
    let Err(error) = Scheduler::restore(&bytes) else { panic!("another version was taken") };
    assert!(error.to_string().contains("version"), "{error}");
}

proptest! {
    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(is_refused(&bytes));
    }
}
