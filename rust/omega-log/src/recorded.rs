//! Recorded draws, matched with the requests that ask for them.

use crate::entry::{Lost, Response, Rollout, Spoken};
use omega_core::{
    Error, Outcome, QuestionId, Request, RequestId, Response as Answer, RolloutText, Scheduler, StateKey,
    Verdict,
};
use std::collections::{BTreeMap, HashMap, HashSet};

const POLLED_AT_ONCE: usize = 1024;
const ANSWERED_AT_ONCE: usize = 256;

/// The name of a draw within a run; of one made early, with the digest of the ids its prefix went out as. Should a decision
/// ask for the same text as other ids, that is another draw.
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

impl<'a> From<&'a Request> for Asked<'a> {
    fn from(request: &'a Request) -> Self {
        let &Request { id, state, draw, .. } = request;
        Self { id, state, draw, prefix_tokens: request.prefix_tokens.as_deref() }
    }
}

impl Asked<'_> {
    /// The names under which the log may hold what is asked for, its own first: as decided on, and as drawn early.
    fn names(&self) -> [Key; 2] {
        let early = Some(prefix_digest(self.prefix_tokens));
        let [first, second] = if self.id.speculative { [early, None] } else { [None, early] };
        let key = |early| (self.id.question, self.state, self.draw, early);
        [key(first), key(second)]
    }
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
    last_word: Option<HashMap<Key, Judgement>>,
    unjudged: HashMap<Key, Rollout>,
    /// Each with its place in the order in which they came up.
    unclaimed: HashMap<Key, (u64, Request)>,
    polled: u64,
    spare: HashMap<Key, (Rollout, Judgement)>,
    spare_of: BTreeMap<QuestionId, Vec<Key>>,
    lost: HashSet<Key>,
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
        asked.names().iter().find_map(|key| {
            if self.lost.remove(key) {
                return Some(Answer { id: asked.id, outcome: Outcome::Lost });
            }
            let (rollout, judgement) = self.spare.remove(key)?;
            Some(answer(asked.id, rollout, judgement))
        })
    }

    /// The recorded rollout that a request asks for, if nobody has judged it yet.
    pub fn take_unjudged(&mut self, asked: Asked<'_>) -> Option<Rollout> {
        asked.names().iter().find_map(|key| self.unjudged.remove(key))
    }

    /// The requests that were polled here and that the log does not answer, in the order in which they came up.
    pub fn take_unclaimed(&mut self) -> Vec<Request> {
        let mut requests: Vec<(u64, Request)> = self.unclaimed.drain().map(|(_, request)| request).collect();
        requests.sort_by_key(|&(place, _)| place);
        requests.into_iter().map(|(_, request)| request).collect()
    }

    fn key(&self, question: &str, state: StateKey, draw: u32, early: Option<u32>) -> Option<Key> {
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
            Some(request) => self.give(&request, Answer { id: request.id, outcome: Outcome::Lost }),
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
            Some(request) => self.answers.push(answer(request.id, rollout, judgement)),
        }
        Ok(())
    }

    /// The scheduler's request for a draw, polling until it comes up or nothing more does.
    fn claim(&mut self, scheduler: &mut Scheduler, key: Key) -> Result<Option<Request>, Error> {
        let (question, state, draw, early) = key;
        let decided = (question, state, draw, None);
        if let Some(digest) = early {
            // What was made early is asked for later, if at all, and perhaps as other ids.
            let asked = self.unclaimed.get(&decided).map(|(_, request)| request);
            if asked.is_none_or(|request| prefix_digest(request.prefix_tokens.as_deref()) != digest) {
                return Ok(None);
            }
        }
        loop {
            if let Some((_, request)) = self.unclaimed.remove(&decided) {
                return Ok(Some(request));
            }
            if !self.poll(scheduler) && !self.hand_over(scheduler)? {
                return Ok(None);
            }
        }
    }

    /// Takes requests up, and answers what the log has already passed; whether there were any.
    fn poll(&mut self, scheduler: &mut Scheduler) -> bool {
        let requests = scheduler.poll_requests(POLLED_AT_ONCE);
        let any = !requests.is_empty();
        for request in requests {
            match self.answer((&request).into()) {
                Some(answer) => self.give(&request, answer),
                None => self.keep(request),
            }
        }
        any
    }

    fn keep(&mut self, request: Request) {
        // Only what decisions ask for is polled here.
        let key = (request.id.question, request.state, request.draw, None);
        self.unclaimed.insert(key, (self.polled, request));
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

    fn give(&mut self, request: &Request, answer: Answer) {
        if request.at_root && answer.outcome == Outcome::Lost {
            self.told.lost_at_root.push((request.id.question, request.draw));
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

/// CRC-32 over a prefix's ids as native 32-bit numbers; 0 where it was tokenised from its text.
fn prefix_digest(ids: Option<&[u32]>) -> u32 {
    let Some(ids) = ids else { return 0 };
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_ne_bytes()).collect();
    crc32fast::hash(&bytes)
}
