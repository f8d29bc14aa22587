//! Recorded draws, matched with the requests that ask for them.

use crate::entry::{Lost, Response, Rollout, Spoken};
use omega_core::{
    DrawName, Error, Outcome, QuestionId, Request, RequestId, Response as Answer, RolloutText, Scheduler,
    StateKey, Verdict,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::{BTreeMap, HashMap};

const POLLED_AT_ONCE: usize = 1024;
const ANSWERED_AT_ONCE: usize = 256;

/// The name of a draw within a run; of one made early, with the digest of the ids its prefix went out as. Should a decision
/// ask for the same text as other ids, that is another draw. A state is a hash already, so any quick hasher does.
type Key = (QuestionId, StateKey, u32, Option<u32>);
/// A verdict and the answer it rests on.
type Judgement = (Verdict, Option<String>);

/// The draw that a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The request.
    pub id: RequestId,
    /// The state.
    pub state: StateKey,
    /// Which draw from it.
    pub draw: u32,
    /// The ids to continue.
    pub prefix_tokens: Option<&'a [u32]>,
}

/// What was paid for a question: rollouts, generated tokens by our own counts; billed: of prompts, of these cached, and
/// generated.
pub type Paid = [u64; 5];

/// What lines of a log say besides answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Draws from questions themselves that turned out to be lost.
    pub lost_at_root: Vec<(QuestionId, u32)>,
    /// What was paid, by the question's id.
    pub paid: BTreeMap<String, Paid>,
}

/// Answers requests from a log, as far as it reaches.
#[derive(Debug, Default)]
pub struct Recorded {
    numbers: HashMap<String, QuestionId>,
    version: String,
    last_word: Option<FxHashMap<Key, Judgement>>,
    unjudged: FxHashMap<Key, Rollout>,
    /// Each with its place in the order in which they came up.
    unclaimed: FxHashMap<Key, (u64, DrawName)>,
    polled: u64,
    spare: FxHashMap<Key, (Rollout, Judgement)>,
    spare_of: BTreeMap<QuestionId, Vec<Key>>,
    /// Whether any record is of a draw made early: without, no digest of a prefix is needed.
    any_early: bool,
    lost: FxHashSet<Key>,
    answers: Vec<Answer>,
    told: Told,
    /// Rollouts in the log.
    pub rollouts: u64,
    /// Tokens they took.
    pub tokens: u64,
    /// Responses handed to the scheduler.
    pub answered: u64,
}

impl Recorded {
    /// For the questions with these ids, in the order in which the scheduler has them, and the verdicts of a version.
    pub fn new(questions: impl IntoIterator<Item = String>, version: String) -> Self {
        let numbers = questions.into_iter().zip(0..).map(|(id, number)| (id, QuestionId(number))).collect();
        Self { numbers, version, ..Self::default() }
    }

    /// Takes note of verdicts before anything is fed: where there are several on a draw, the last counts.
    pub fn note_last_words(&mut self, responses: Vec<Response>) {
        let mut last = self.last_word.take().unwrap_or_default();
        for response in responses {
            if let Response::Spoken(spoken) = response
                && spoken.version == self.version
                && let Some(key) = self.key(&spoken.question, spoken.state, spoken.draw, spoken.early_prefix)
            {
                last.insert(key, (spoken.verdict, spoken.answer));
            }
        }
        self.last_word = Some(last);
    }

    /// Hands every response to the scheduler for which a request comes up, and keeps the others.
    ///
    /// Gives what else the responses say.
    pub fn feed(&mut self, scheduler: &mut Scheduler, responses: Vec<Response>) -> Result<Told, Error> {
        for response in responses {
            match response {
                Response::Rollout(rollout) => self.take_rollout(scheduler, rollout)?,
                Response::Spoken(spoken) => self.take_verdict(scheduler, spoken)?,
                Response::Lost(lost) => self.take_lost(scheduler, &lost)?,
            }
            if self.answers.len() >= ANSWERED_AT_ONCE {
                self.hand_over(scheduler)?;
            }
        }
        while self.poll(scheduler) || self.hand_over(scheduler)? {}
        self.forget_finished(scheduler);
        Ok(std::mem::take(&mut self.told))
    }

    /// The recorded answer to a request, if there is one.
    pub fn answer(&mut self, asked: Asked<'_>) -> Option<Answer> {
        let Asked { id, state, draw, prefix_tokens } = asked;
        self.answer_of(id, state, draw, || prefix_digest(prefix_tokens))
    }

    /// The recorded rollout that a request asks for, if nobody has judged it yet.
    pub fn take_unjudged(&mut self, asked: Asked<'_>) -> Option<Rollout> {
        let Asked { id, state, draw, prefix_tokens } = asked;
        self.names(id, state, draw, || prefix_digest(prefix_tokens))
            .find_map(|key| self.unjudged.remove(&key))
    }

    /// The requests that were polled here and that the log does not answer, in the order in which they came up; of the
    /// scheduler that was fed.
    pub fn take_unclaimed(&mut self, scheduler: &Scheduler) -> Vec<Request> {
        let mut draws: Vec<(u64, DrawName)> = self.unclaimed.drain().map(|(_, draw)| draw).collect();
        draws.sort_by_key(|&(place, _)| place);
        draws.into_iter().filter_map(|(_, draw)| scheduler.request(draw.id)).collect()
    }

    fn answer_of(
        &mut self,
        id: RequestId,
        state: StateKey,
        draw: u32,
        digest: impl Fn() -> u32,
    ) -> Option<Answer> {
        self.names(id, state, draw, digest).find_map(|key| {
            if self.lost.remove(&key) {
                return Some(Answer { id, outcome: Outcome::Lost });
            }
            let (rollout, judgement) = self.spare.remove(&key)?;
            Some(answer(id, rollout, judgement))
        })
    }

    /// The names under which the log may hold what is asked for, its own first: as decided on, and as drawn early,
    /// with the digest of the ids of its prefix.
    fn names<F: Fn() -> u32>(
        &self,
        id: RequestId,
        state: StateKey,
        draw: u32,
        digest: F,
    ) -> impl Iterator<Item = Key> + use<F> {
        let order = if id.speculative { [true, false] } else { [false, true] };
        let any_early = self.any_early;
        order
            .into_iter()
            .filter(move |&early| any_early || !early)
            .map(move |early| (id.question, state, draw, early.then(&digest)))
    }

    fn key(&mut self, question: &str, state: StateKey, draw: u32, early: Option<u32>) -> Option<Key> {
        self.any_early |= early.is_some();
        Some((*self.numbers.get(question)?, state, draw, early))
    }

    fn take_rollout(&mut self, scheduler: &mut Scheduler, rollout: Rollout) -> Result<(), Error> {
        self.rollouts += 1;
        self.tokens += u64::from(rollout.n_tokens);
        self.pay(&rollout);
        let Some(key) = self.key(&rollout.question, rollout.state, rollout.draw, rollout.early_prefix) else {
            return Ok(());
        };
        if let Some(judgement) = self.last_word.as_ref().and_then(|last| last.get(&key).cloned()) {
            return self.judged(scheduler, key, rollout, judgement);
        }
        self.unjudged.insert(key, rollout);
        Ok(())
    }

    fn pay(&mut self, rollout: &Rollout) {
        let tokens = u64::from(rollout.n_tokens);
        let [prompt, cached, generated] =
            rollout.usage.unwrap_or([u64::from(rollout.n_prompt_tokens), 0, tokens]);
        let more = [1, tokens, prompt, cached, generated];
        match self.told.paid.get_mut(&rollout.question) {
            Some(paid) => paid.iter_mut().zip(more).for_each(|(sum, one)| *sum += one),
            None => {
                self.told.paid.insert(rollout.question.clone(), more);
            }
        }
    }

    fn take_verdict(&mut self, scheduler: &mut Scheduler, spoken: Spoken) -> Result<(), Error> {
        if self.last_word.is_some() || spoken.version != self.version {
            return Ok(());
        }
        let key = self.key(&spoken.question, spoken.state, spoken.draw, spoken.early_prefix);
        match key.and_then(|key| Some((key, self.unjudged.remove(&key)?))) {
            Some((key, rollout)) => self.judged(scheduler, key, rollout, (spoken.verdict, spoken.answer)),
            None => Ok(()),
        }
    }

    fn take_lost(&mut self, scheduler: &mut Scheduler, lost: &Lost) -> Result<(), Error> {
        let Some(key) = self.key(&lost.question, lost.state, lost.draw, lost.early_prefix) else {
            return Ok(());
        };
        match self.claim(scheduler, key)? {
            Some(asked) => self.give(asked, Answer { id: asked.id, outcome: Outcome::Lost }),
            None => {
                self.lost.insert(key);
            }
        }
        Ok(())
    }

    /// Takes a recorded rollout with the verdict that counts.
    fn judged(
        &mut self,
        scheduler: &mut Scheduler,
        key: Key,
        rollout: Rollout,
        judgement: Judgement,
    ) -> Result<(), Error> {
        match self.claim(scheduler, key)? {
            None => {
                self.spare.insert(key, (rollout, judgement));
                self.spare_of.entry(key.0).or_default().push(key);
            }
            Some(asked) => self.answers.push(answer(asked.id, rollout, judgement)),
        }
        Ok(())
    }

    /// The scheduler's request for a draw, polling until it comes up or nothing more does.
    fn claim(&mut self, scheduler: &mut Scheduler, key: Key) -> Result<Option<DrawName>, Error> {
        let (question, state, draw, early) = key;
        let decided = (question, state, draw, None);
        if let Some(digest) = early {
            // What was made early is asked for later, if at all, and perhaps as other ids.
            let asked = self.unclaimed.get(&decided);
            if asked.is_none_or(|(_, asked)| digest_of(scheduler, asked.id) != digest) {
                return Ok(None);
            }
        }
        loop {
            if let Some((_, asked)) = self.unclaimed.remove(&decided) {
                return Ok(Some(asked));
            }
            if !self.poll(scheduler) && !self.hand_over(scheduler)? {
                return Ok(None);
            }
        }
    }

    /// Takes requests up, and answers what the log has already passed; whether there were any.
    fn poll(&mut self, scheduler: &mut Scheduler) -> bool {
        let draws = scheduler.poll_draws(POLLED_AT_ONCE);
        let any = !draws.is_empty();
        for asked in draws {
            let DrawName { id, state, draw, .. } = asked;
            match self.answer_of(id, state, draw, || digest_of(scheduler, id)) {
                Some(answer) => self.give(asked, answer),
                None => self.keep(asked),
            }
        }
        any
    }

    fn keep(&mut self, asked: DrawName) {
        // Only what decisions ask for is polled here.
        let key = (asked.id.question, asked.state, asked.draw, None);
        self.unclaimed.insert(key, (self.polled, asked));
        self.polled += 1;
    }

    fn hand_over(&mut self, scheduler: &mut Scheduler) -> Result<bool, Error> {
        let answers = std::mem::take(&mut self.answers);
        self.answered += answers.len() as u64;
        let any = !answers.is_empty();
        scheduler.handle_responses(answers)?;
        Ok(any)
    }

    fn forget_finished(&mut self, scheduler: &Scheduler) {
        let Self { spare_of, spare, .. } = self;
        spare_of.retain(|&question, keys| {
            let finished = scheduler.is_finished(question);
            for key in keys.iter().filter(|_| finished) {
                spare.remove(key);
            }
            !finished
        });
    }

    fn give(&mut self, asked: DrawName, answer: Answer) {
        if asked.at_root && answer.outcome == Outcome::Lost {
            self.told.lost_at_root.push((asked.id.question, asked.draw));
        }
        self.answers.push(answer);
    }
}

fn answer(id: RequestId, rollout: Rollout, (verdict, answer): Judgement) -> Answer {
    let text = RolloutText {
        text: rollout.text,
        tokens: rollout.token_ids,
        token_ends: rollout.token_ends,
        n_tokens: rollout.n_tokens,
        verdict,
        answer,
    };
    Answer { id, outcome: Outcome::Rollout(text) }
}

/// That of the prefix a request continues, which is out.
fn digest_of(scheduler: &Scheduler, id: RequestId) -> u32 {
    prefix_digest(scheduler.request(id).and_then(|request| request.prefix_tokens).as_deref())
}

/// CRC-32 over a prefix's ids as native 32-bit numbers; 0 where it was tokenised from its text.
fn prefix_digest(ids: Option<&[u32]>) -> u32 {
    let mut digest = crc32fast::Hasher::new();
    // Some at a time, which is many times faster than one by one.
    let mut bytes = [0_u8; 256];
    for some in ids.unwrap_or_default().chunks(bytes.len() / size_of::<u32>()) {
        for (into, id) in bytes.chunks_exact_mut(size_of::<u32>()).zip(some) {
            into.copy_from_slice(&id.to_ne_bytes());
        }
        digest.update(&bytes[..size_of_val(some)]);
    }
    digest.finalize()
}
