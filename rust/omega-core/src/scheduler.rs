//! Many questions in flight, as one machine that does no I/O.

use crate::config::Config;
use crate::epochs::Epochs;
use crate::error::Error;
use crate::ids::{QuestionId, RequestId};
use crate::label::SearchArtifacts;
use crate::locate::LocateKind;
use crate::request::{DrawName, Event, Outcome, QuestionSpec, Request, Response};
use crate::search::early::Prospect;
use crate::search::omega_prm::{Rules, Search};
use crate::speculation::Speculation;
use crate::turns::{Ready, Turns};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use xxhash_rust::xxh3::xxh3_64;

/// Decides what to sample for many questions, and what the samples mean.
///
/// It never calls out, waits, reads a clock or draws a random number. Four kinds of call:
///
/// * **getters** (`artifacts`, `in_flight`, `is_done`, ...) change nothing;
/// * **commands** (`add_question`, `set_max_open`, `set_turns`, `retire`);
/// * **`poll_*`** hand out what has come up: `poll_requests` work to do, `poll_events` news, `poll_cancels` work that
///   can no longer matter; `poll_speculative` gives work that decisions may ask for later. Call them after every
///   command and every `handle_responses`. Polling never changes a decision;
/// * **`handle_responses`** takes what came of the work, in any order and any subset.
///
/// The labels are a function of the configuration, the questions and the responses alone. Within a question,
/// responses are committed in the order of their requests. What came of a speculative request is used only if a
/// decision asks for that very draw, and then as if it had been asked for first. Questions touch each other in one
/// way alone: with `bayes`, later ones start from rates learnt from the first ones, in numbered epochs.
pub struct Scheduler {
    rules: Rules,
    book: Book,
}

/// What a snapshot holds besides the configuration.
#[derive(Default, Serialize, Deserialize)]
struct Book {
    waiting: VecDeque<(QuestionId, QuestionSpec)>,
    open: BTreeMap<QuestionId, Search>,
    ready: Ready,
    events: VecDeque<Event>,
    added: usize,
    epochs: Epochs,
    max_open: usize,
    turns: Turns,
    unfinished: usize,
    in_flight: usize,
    passed_by: VecDeque<RequestId>,
    /// Speculative requests of retired questions that are out still.
    strays: BTreeSet<RequestId>,
    /// Of retired questions.
    speculation: Speculation,
}

const SNAPSHOT_VERSION: u32 = 4;

impl Scheduler {
    /// An empty scheduler. Fails on a configuration that cannot work.
    pub fn new(config: Config) -> Result<Self, Error> {
        config.check()?;
        let splitter = config.splitter()?;
        Ok(Self { rules: Rules { config, splitter }, book: Book { max_open: usize::MAX, ..Book::default() } })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.rules.config
    }

    /// How many questions may be open at once; the others wait. Changes how long a run takes and how much memory
    /// it holds, nothing else.
    pub fn set_max_open(&mut self, max_open: usize) {
        self.book.max_open = max_open.max(1);
    }

    /// Whose requests go out first.
    pub fn set_turns(&mut self, turns: Turns) {
        self.book.turns = turns;
        let ranks = self.ranks();
        self.book.ready.rank(ranks);
    }

    /// Queues a question. Fails on supplied steps that do not add up.
    pub fn add_question(&mut self, spec: QuestionSpec) -> Result<QuestionId, Error> {
        let id = QuestionId::of(self.book.added);
        Search::new(id, &spec, &self.rules)?;
        self.book.added += 1;
        self.book.waiting.push_back((id, spec));
        Ok(id)
    }

    /// At most `max` requests, oldest first, so that no question waits for another for long; or those of the first
    /// questions first, as [`Turns`] says.
    ///
    /// Opens waiting questions one by one while nothing else is ready, which keeps what an engine has cached of a
    /// question in use; and all of them once they may all be open, so that the last ones end together.
    pub fn poll_requests(&mut self, max: usize) -> Vec<Request> {
        let sent = self.poll_draws(max);
        sent.iter().map(|draw| self.request(draw.id).expect("it has just gone out")).collect()
    }

    /// What `poll_requests` would give, by name alone: for whoever knows the outcomes and needs no prefixes.
    pub fn poll_draws(&mut self, max: usize) -> Vec<DrawName> {
        let mut sent = Vec::new();
        if self.book.turns == Turns::Even
            && self.book.waiting.len() <= self.book.max_open.saturating_sub(self.book.unfinished)
        {
            while self.open_next() {}
        }
        while sent.len() < max {
            let Some(id) = self.book.ready.pop() else {
                if self.open_next() {
                    continue;
                }
                break;
            };
            let search = self.book.open.get_mut(&id.question).expect("a ready request's question is open");
            sent.push(search.send(id).expect("a ready request is awaited"));
        }
        self.book.in_flight += sent.len();
        sent
    }

    /// A request that decisions made and that is out; `None` for any other.
    pub fn request(&self, id: RequestId) -> Option<Request> {
        let search = self.book.open.get(&id.question).filter(|_| !id.speculative)?;
        search.is_out(id).then(|| search.request(id, &self.rules))
    }

    /// At most `max` draws that no decision has asked for yet, likeliest first, for slots that would stand idle.
    ///
    /// Answer them like any other, or cancel them. They are never charged to a budget unless a decision asks for them,
    /// and then `poll_requests` does not hand them out again.
    pub fn poll_speculative(&mut self, max: usize) -> Vec<Request> {
        let mut found: Vec<(f64, QuestionId, Prospect)> = Vec::new();
        if max == 0 {
            return Vec::new();
        }
        let waited_for = self.book.waited_for();
        for (&id, search) in self.book.open.iter_mut().filter(|(_, search)| !search.is_finished()) {
            if search.awaits_rates() {
                search.rehearse(self.book.epochs.latest(), &self.rules);
            }
            let prospects = search.prospects(&self.rules).iter().take(max);
            // Where others wait for what a question shows, time counts for more than a wasted draw.
            let urgent = id.index() < waited_for;
            let worth = |chance: f64| if urgent { chance.sqrt() } else { chance };
            found.extend(prospects.map(|&one| (worth(one.chance), id, one)));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut requests = Vec::new();
        for (_, id, prospect) in found.into_iter().take(max) {
            let search = self.book.open.get_mut(&id).expect("its question is open");
            requests.push(search.send_early(prospect, &self.rules));
        }
        self.book.in_flight += requests.len();
        requests
    }

    /// Speculative requests in flight that the decisions have passed by. Stop working on them and answer each with
    /// [`Outcome::Cancelled`]; one that comes all the same is taken, and does no harm.
    pub fn poll_cancels(&mut self) -> Vec<RequestId> {
        let Book { open, strays, passed_by, .. } = &mut self.book;
        let is_out = |id: &RequestId| match open.get(&id.question) {
            Some(search) => search.awaits_nobody(*id),
            None => strays.contains(id),
        };
        passed_by.drain(..).filter(is_out).collect()
    }

    /// Takes responses and decides what follows. On an error, the responses before the faulty one are taken. A second
    /// response to a speculative request is ignored.
    pub fn handle_responses(&mut self, responses: Vec<Response>) -> Result<(), Error> {
        for Response { id, outcome } in responses {
            check(id, &outcome, &self.rules.config)?;
            if self.book.strays.remove(&id) {
                self.book.speculation.cancelled += u64::from(outcome == Outcome::Cancelled);
                self.book.speculation.out -= 1;
                self.book.in_flight -= 1;
                continue;
            }
            let late = id.speculative && self.was_open(id.question);
            match self.book.open.get_mut(&id.question) {
                Some(search) if search.is_out(id) => {
                    let mut ready = Vec::new();
                    search.receive(id, outcome, &mut ready);
                    self.make_ready(ready);
                    self.book.in_flight -= 1;
                    self.advance(id.question);
                }
                Some(search) if search.was_sent(id) => {}
                None if late => {}
                _ => return Err(Error::NotInFlight(id)),
            }
        }
        Ok(())
    }

    /// News since the last call, oldest first.
    pub fn poll_events(&mut self) -> Vec<Event> {
        self.book.events.drain(..).collect()
    }

    /// The labels and the tree of a finished question that was not retired; `None` while it goes on.
    pub fn artifacts(&self, question: QuestionId) -> Result<Option<SearchArtifacts>, Error> {
        let search = self.book.open.get(&question).ok_or(Error::NotOpen(question))?;
        Ok(search.artifacts(&self.rules.config))
    }

    /// Ends an open question where it stands, because a draw it waits for will never come. What it has decided so far
    /// becomes its artifacts; no rates are learnt from it, and what it has in flight must not be answered.
    pub fn stop(&mut self, question: QuestionId) -> Result<(), Error> {
        let search = self.book.open.get_mut(&question).ok_or(Error::NotOpen(question))?;
        if !search.is_finished() {
            self.book.in_flight -= search.stop(&self.rules);
            self.book.ready.drop_question(question);
            self.book.unfinished -= 1;
            self.book.events.push_back(Event::SearchFinished { question });
        }
        Ok(())
    }

    /// Forgets a finished question and gives its artifacts.
    pub fn retire(&mut self, question: QuestionId) -> Result<SearchArtifacts, Error> {
        let artifacts = self.artifacts(question)?.ok_or(Error::NotOpen(question))?;
        let search = self.book.open.remove(&question).expect("it has artifacts");
        self.book.speculation.add(&search.speculation());
        self.book.strays.extend(search.speculative());
        Ok(artifacts)
    }

    /// The rates of an epoch, as canonical JSON; `None` if it was not learnt.
    pub fn epoch(&self, epoch: u32) -> Option<String> {
        let weights = self.book.epochs.weights(epoch)?;
        Some(serde_json::to_string(weights).expect("weights are plain data"))
    }

    /// Whether the search of a question has ended; of one that was retired it has.
    pub fn is_finished(&self, question: QuestionId) -> bool {
        self.was_open(question) && self.book.open.get(&question).is_none_or(Search::is_finished)
    }

    /// Requests handed out and not answered.
    pub fn in_flight(&self) -> usize {
        self.book.in_flight
    }

    /// What became of the speculative requests so far.
    pub fn speculation(&self) -> Speculation {
        let mut all = self.book.speculation;
        self.book.open.values().for_each(|search| all.add(&search.speculation()));
        all
    }

    /// Questions that wait to be opened.
    pub fn waiting(&self) -> usize {
        self.book.waiting.len()
    }

    /// Questions opened and not finished.
    pub fn open(&self) -> usize {
        self.book.unfinished
    }

    /// Whether every question added so far is finished.
    pub fn is_done(&self) -> bool {
        self.book.waiting.is_empty() && self.book.unfinished == 0
    }

    /// The whole state as bytes, configuration included.
    pub fn snapshot(&self) -> Vec<u8> {
        let config = serde_json::to_string(&self.rules.config).expect("a configuration is plain data");
        let state = postcard::to_allocvec(&(config, &self.book)).expect("the state is plain data");
        let head = postcard::to_allocvec(&(SNAPSHOT_VERSION, xxh3_64(&state))).expect("two integers");
        [head, state].concat()
    }

    /// The scheduler that `snapshot` was called on. Requests in flight then are in flight still. Fails on bytes that
    /// are not a snapshot of this version, whole and unchanged.
    pub fn restore(bytes: &[u8]) -> Result<Self, Error> {
        let damaged = |error: postcard::Error| Error::Snapshot(error.to_string());
        let (version, rest) = postcard::take_from_bytes::<u32>(bytes).map_err(damaged)?;
        if version != SNAPSHOT_VERSION {
            return Err(Error::Snapshot(format!("version {version}; this is version {SNAPSHOT_VERSION}")));
        }
        let (checksum, state) = postcard::take_from_bytes::<u64>(rest).map_err(damaged)?;
        if checksum != xxh3_64(state) {
            return Err(Error::Snapshot("the checksum does not match".into()));
        }
        let (config, book): (String, Book) = postcard::from_bytes(state).map_err(damaged)?;
        let mut scheduler = Self::new(Config::from_json(&config)?)?;
        scheduler.book = book;
        Ok(scheduler)
    }

    fn open_next(&mut self) -> bool {
        if self.book.unfinished >= self.book.max_open {
            return false;
        }
        let Some((id, spec)) = self.book.waiting.pop_front() else { return false };
        let search = Search::new(id, &spec, &self.rules).expect("the question was checked when it was added");
        self.book.open.insert(id, search);
        self.book.unfinished += 1;
        self.advance(id);
        true
    }

    fn was_open(&self, question: QuestionId) -> bool {
        question.index() < self.book.added - self.book.waiting.len()
    }

    fn make_ready(&mut self, ids: Vec<RequestId>) {
        let rank = self.ranks();
        ids.into_iter().for_each(|id| self.book.ready.push(rank(id.question), id));
    }

    /// Whose requests go out before whose: low ranks first.
    fn ranks(&self) -> impl Fn(QuestionId) -> u32 + use<> {
        let (turns, opened) = (self.book.turns, self.book.added - self.book.waiting.len());
        let learns = self.rules.config.locate == LocateKind::Bayes && opened > 0;
        // Questions up to here are learnt from before the last one that is open can go on.
        let waited_for = if learns { Epochs::behind(QuestionId::of(opened - 1)) } else { 0 };
        move |question| match turns {
            Turns::FirstToFinish => question.0,
            Turns::Even if question.index() < waited_for => Epochs::first_with(question),
            Turns::Even => u32::MAX,
        }
    }

    /// Takes a question as far as it goes, and every other whose rates are learnt with it.
    fn advance(&mut self, question: QuestionId) {
        let mut going = vec![question];
        while let Some(question) = going.pop() {
            let search = self.book.open.get_mut(&question).expect("only open questions advance");
            if search.awaits_rates()
                && let Some((epoch, rates)) = self.book.epochs.of(question)
            {
                search.start_from(epoch, rates);
            }
            if self.advance_one(question) {
                let waits = self.book.open.iter().filter(|(_, search)| search.awaits_rates());
                going.extend(waits.map(|(&id, _)| id).filter(|&id| self.book.epochs.has(id)));
            }
        }
    }

    /// Whether rates were learnt from what this question showed.
    fn advance_one(&mut self, question: QuestionId) -> bool {
        let search = self.book.open.get_mut(&question).expect("only open questions advance");
        let (mut ready, mut events, mut learnt) = (Vec::new(), Vec::new(), false);
        if search.is_finished() {
            return false;
        }
        search.advance(&self.rules, &mut ready, &mut events);
        self.book.passed_by.extend(search.passed_by(&self.rules));
        if search.is_finished() {
            self.book.unfinished -= 1;
            if Epochs::learns_from(question)
                && let Some(likelihood) = search.likelihood()
            {
                let made = self.book.epochs.finish(question, likelihood);
                learnt = !made.is_empty();
                events.extend(
                    made.into_iter().map(|(epoch, questions)| Event::EpochLearnt { epoch, questions }),
                );
            }
        }
        self.make_ready(ready);
        self.book.events.extend(events);
        learnt
    }
}

impl Book {
    /// Questions with numbers below this are learnt from before others can go on.
    fn waited_for(&self) -> usize {
        let waits = self.open.iter().find(|(_, search)| search.awaits_rates());
        waits.map_or(0, |(&id, _)| Epochs::behind(id))
    }
}

impl Speculation {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.used += other.used;
        self.cancelled += other.cancelled;
        self.out += other.out;
    }
}

fn check(id: RequestId, outcome: &Outcome, config: &Config) -> Result<(), Error> {
    let bad = |problem: &str| Err(Error::Malformed { id, problem: problem.into() });
    let rollout = match outcome {
        Outcome::Rollout(rollout) => rollout,
        Outcome::Cancelled if !id.speculative => {
            return bad("a decision waits for it: it cannot be cancelled");
        }
        _ => return Ok(()),
    };
    if config.token_budget.is_some() && rollout.n_tokens > config.max_new_tokens {
        return bad("more than max_new_tokens tokens cannot be held to a token budget");
    }
    if rollout.tokens.len() != rollout.token_ends.len() {
        return bad("as many token ends as tokens are needed");
    }
    if !ends_rise(&rollout.token_ends, &rollout.text) {
        return bad("token ends must rise within the text and fall between characters");
    }
    Ok(())
}

/// Whether token ends rise within a text and fall between its characters, but for those that are -1.
fn ends_rise(ends: &[i32], text: &str) -> bool {
    let length = i64::try_from(text.len()).expect("a text stays below 4 GiB");
    let (mut last, mut fine) = (0, true);
    // One look at all of them without a branch; that they fall between characters goes without saying in ASCII.
    for &end in ends {
        fine &= end == -1 || (last <= end && i64::from(end) <= length);
        last = last.max(end);
    }
    let between = |end: usize| text.is_char_boundary(end);
    fine && (text.is_ascii() || ends.iter().all(|&end| usize::try_from(end).map_or(true, between)))
}
