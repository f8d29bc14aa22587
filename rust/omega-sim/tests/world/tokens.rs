//! Ids stay with the prefixes they were generated as.

use crate::support::{Recorder, config, questions, run};
use omega_sim::{Tokens, World, spell};

#[test]
fn requests_carry_the_ids_that_spell_their_prefix() {
    let world = World { tokens: Tokens::EndWithSteps, ..World::five_steps(4) };
    let recorder = Recorder::new(&world);
    let all = run(config(8), &recorder, questions(&world, 20));
    for (request, _) in recorder.log.into_inner() {
        let expected = world.tokens.encode(&request.prefix).0;
        assert_eq!(spell(&expected), request.prefix);
        assert_eq!(request.prefix_tokens, Some(expected));
    }
    assert!(all.iter().all(|artifacts| artifacts.counts.retokenised == 0));
}

#[test]
fn cuts_inside_tokens_are_counted_and_leave_no_ids() {
    let world = World { tokens: Tokens::Straddle, ..World::five_steps(4) };
    let recorder = Recorder::new(&world);
    let all = run(config(8), &recorder, questions(&world, 20));
    let mut without = 0;
    for (request, _) in recorder.log.into_inner() {
        match request.prefix_tokens {
            Some(ids) => assert_eq!(spell(&ids), request.prefix),
            None => without += 1,
        }
    }
    assert!(without > 0);
    assert_eq!(all.iter().map(|artifacts| artifacts.counts.retokenised).sum::<u32>(), without);
}
