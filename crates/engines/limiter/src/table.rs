//! What callers have used, in memory: a decision is one lock that is hardly ever contended and one
//! cache line.
//!
//! A key is 64 bits of a keyed hash; nothing of the caller itself is kept. Its highest bits choose
//! one of [`SHARDS`], each an open-addressed table of 16 bytes a key (24 where an algorithm needs
//! two words). A table is at most three quarters full, so 1 M keys take 21 to 28 MB.
//!
//! A state that means nothing any more (a full bucket, a window that is over) is the same as none:
//! its place is taken by the next key that needs one, and [`Table::sweep`] gives the memory back.
//! When the bound on memory is reached, the eighth of a shard that is nearest to meaning nothing
//! makes room: who is forgotten gets a fresh limit.
//!
//! Several limits are charged all or none: the shards of all keys are locked in order, limits are
//! charged one after the other, and what was charged is undone when one denies.

mod large;
mod slots;

use parking_lot::{Mutex, MutexGuard};

use crate::algorithm::{Algorithm, Asked, Kept};
use crate::answer::Answer;
use large::LargeStates;
use slots::Pair;
pub(crate) use slots::{Slots, Word};

/// Independent parts of a table.
pub const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 10;
/// Decisions that [`Table::decide_each`] makes at once.
pub const BATCH: usize = 16;

/// One limit and whom it is for.
#[derive(Clone, Copy, Debug)]
pub struct Charge<'r> {
    /// The limit.
    pub algorithm: &'r Algorithm,
    /// The caller, hashed.
    pub key: u64,
    /// How much; 0 only looks.
    pub hits: u32,
    /// The lease to hold, where the limit is one of concurrency.
    pub lease: u64,
    /// Whether a denial is only reported, and stops nothing.
    pub shadow: bool,
}

impl Charge<'_> {
    fn asked(&self, now_us: u64) -> Asked {
        Asked { now_us, hits: self.hits, lease: self.lease }
    }
}

/// The states of all keys.
pub struct Table {
    shards: Box<[Padded]>,
}

/// On cache lines of its own, so that neighbours do not wait for each other.
#[repr(align(64))]
struct Padded(Mutex<Shard>);

struct Shard {
    words: Slots<Word>,
    /// The most bytes that the parts take together.
    bytes_max: usize,
    /// Few limits are of these kinds.
    rare: Option<Box<Rare>>,
}

#[derive(Default)]
struct Rare {
    pairs: Slots<Pair>,
    large: LargeStates,
}

/// What has to be put back when a later limit denies.
enum Undo {
    Nothing,
    Word(u64),
    Pair([u64; 2]),
    Large,
}

impl Table {
    /// An empty table that takes at most about `bytes_max`; it begins small.
    pub fn new(bytes_max: usize) -> Self {
        let shard = || Shard { words: Slots::default(), bytes_max: bytes_max / SHARDS, rare: None };
        Self { shards: (0..SHARDS).map(|_| Padded(Mutex::new(shard()))).collect() }
    }

    /// Decides on one limit.
    #[inline]
    pub fn decide(&self, charge: &Charge<'_>, now_us: u64) -> Answer {
        self.shards[shard_of(charge.key)].0.lock().decide(charge, now_us)
    }

    /// Decides on limits that have nothing to do with each other, as [`Table::decide`] would in
    /// their order, and puts each one's answer at its place in `answers`, as long as there is one.
    ///
    /// Faster than one by one where there are many keys: the cache lines of [`BATCH`] of them are
    /// fetched at once.
    pub fn decide_each(&self, charges: &[Charge<'_>], now_us: u64, answers: &mut [Answer]) {
        for (charges, answers) in charges.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            let mut order = [(0, 0); BATCH];
            let order = &mut order[..charges.len().min(answers.len())];
            for (at, (place, charge)) in order.iter_mut().zip(charges).enumerate() {
                *place = (shard_of(charge.key), at);
            }
            // In the order of the shards, so that no two batches can wait for each other.
            order.sort_unstable();
            self.decide_in(order, charges, (now_us, answers));
        }
    }

    fn decide_in(
        &self,
        order: &[(usize, usize)],
        charges: &[Charge<'_>],
        (now_us, answers): (u64, &mut [Answer]),
    ) {
        let mut held: [Option<MutexGuard<'_, Shard>>; BATCH] = [const { None }; BATCH];
        let mut last = usize::MAX;
        for ((number, _), guard) in order.iter().zip(&mut held) {
            if *number != last {
                *guard = Some(self.shards[*number].0.lock());
                last = *number;
            }
        }
        // Loads that do not wait for each other: afterwards the lines are there.
        let mut touched = 0;
        let mut shard = 0;
        for (place, (_, at)) in order.iter().enumerate() {
            shard = if held[place].is_some() { place } else { shard };
            if let Some(guard) = &held[shard] {
                touched ^= guard.touch(&charges[*at]);
            }
        }
        std::hint::black_box(touched);
        for (place, (_, at)) in order.iter().enumerate() {
            shard = if held[place].is_some() { place } else { shard };
            if let Some(guard) = &mut held[shard] {
                answers[*at] = guard.decide(&charges[*at], now_us);
            }
        }
    }

    /// Decides on several limits that are charged together or not at all, and gives each one's
    /// answer, in their order. Limits of shadow mode are charged and never stop the others.
    pub fn decide_all(&self, charges: &[Charge<'_>], now_us: u64) -> Vec<Answer> {
        if let [charge] = charges {
            return vec![self.decide(charge, now_us)];
        }
        let mut held = Held::lock(self, charges);
        let mut answers = Vec::with_capacity(charges.len());
        let mut undos = Vec::with_capacity(charges.len());
        let mut denied = false;
        for charge in charges {
            // After a denial the rest is only looked at, unless it denies by itself as well.
            let (answer, undo) = held.of(charge.key).charge(charge, now_us);
            denied |= !answer.admitted && !charge.shadow;
            answers.push(answer);
            undos.push(undo);
        }
        if denied {
            for (index, (charge, undo)) in charges.iter().zip(undos).enumerate().rev() {
                if answers[index].admitted {
                    held.of(charge.key).undo(charge, undo);
                }
            }
            for (charge, answer) in charges.iter().zip(&mut answers) {
                if answer.admitted {
                    let look = Charge { hits: 0, ..*charge };
                    *answer = held.of(charge.key).charge(&look, now_us).0;
                }
            }
        }
        answers
    }

    /// What [`Table::decide`] would say, with what is left before it; nothing is charged.
    pub fn look(&self, charge: &Charge<'_>, now_us: u64) -> Answer {
        let mut shard = self.shards[shard_of(charge.key)].0.lock();
        let (algorithm, asked) = (charge.algorithm, charge.asked(now_us));
        let mut answer = match algorithm.kept() {
            Kept::Nowhere => Answer::DENIED,
            Kept::Word => {
                algorithm.on_word(shard.words.get(charge.key).unwrap_or_default(), asked).1
            }
            Kept::Pair => {
                let pair = shard.rare().pairs.get(charge.key).unwrap_or_default();
                algorithm.on_pair(pair, asked).1
            }
            Kept::Large => {
                let state = shard.rare().large.get(charge.key);
                let mut state = state.unwrap_or_else(|| algorithm.fresh());
                algorithm.on_large(&mut state, asked)
            }
        };
        if answer.admitted {
            answer.remaining = answer.remaining.saturating_add(charge.hits);
        }
        answer
    }

    /// Gives back what was charged: a reservation that turned out too large, a lease that ended.
    pub fn give_back(&self, charge: &Charge<'_>) {
        let mut shard = self.shards[shard_of(charge.key)].0.lock();
        shard.give_back(charge);
    }

    /// Forgets a key, which then has its whole limit.
    pub fn reset(&self, algorithm: &Algorithm, key: u64) {
        let mut shard = self.shards[shard_of(key)].0.lock();
        let shard = &mut *shard;
        match algorithm.kept() {
            Kept::Nowhere => {}
            Kept::Word => shard.words.set(key, 0),
            Kept::Pair => shard.rare().pairs.set(key, [0; 2]),
            Kept::Large => shard.rare().large.forget(key),
        }
    }

    /// Gives back the memory of keys that mean nothing at `now_us`, one shard after the other, and
    /// tells how many mean something.
    pub fn sweep(&self, now_us: u64) -> usize {
        self.shards.iter().map(|shard| shard.0.lock().sweep(now_us)).sum()
    }

    /// Bytes that the states take.
    pub fn bytes(&self) -> usize {
        let fixed = std::mem::size_of::<Padded>() * SHARDS;
        fixed + self.shards.iter().map(|shard| shard.0.lock().bytes()).sum::<usize>()
    }
}

fn shard_of(key: u64) -> usize {
    (key >> (u64::BITS - SHARD_BITS)) as usize
}

/// The locked shards of several keys, each once and in order, so that no two requests can wait
/// for each other.
struct Held<'t>(Vec<(usize, MutexGuard<'t, Shard>)>);

impl<'t> Held<'t> {
    fn lock(table: &'t Table, charges: &[Charge<'_>]) -> Self {
        let mut numbers: Vec<usize> = charges.iter().map(|charge| shard_of(charge.key)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let lock = |number: usize| (number, table.shards[number].0.lock());
        Self(numbers.into_iter().map(lock).collect())
    }

    /// The shard of a key that was among those locked.
    fn of(&mut self, key: u64) -> &mut Shard {
        let number = shard_of(key);
        let at = self.0.binary_search_by_key(&number, |(number, _)| *number).unwrap_or(0);
        &mut self.0[at].1
    }
}

impl Shard {
    #[inline]
    fn decide(&mut self, charge: &Charge<'_>, now_us: u64) -> Answer {
        if charge.algorithm.kept() != Kept::Word {
            return self.charge(charge, now_us).0;
        }
        let budget = self.bytes_max.saturating_sub(self.rare_bytes());
        let asked = charge.asked(now_us);
        let decide = |word| charge.algorithm.on_word(word, asked);
        self.words.change((charge.key, now_us), budget, decide).1
    }

    /// Fetches the line in which the search for a key begins.
    #[inline]
    fn touch(&self, charge: &Charge<'_>) -> u64 {
        match (charge.algorithm.kept(), &self.rare) {
            (Kept::Word, _) => self.words.touch(charge.key),
            (Kept::Pair, Some(rare)) => rare.pairs.touch(charge.key),
            _ => 0,
        }
    }

    fn charge(&mut self, charge: &Charge<'_>, now_us: u64) -> (Answer, Undo) {
        let (algorithm, asked) = (charge.algorithm, charge.asked(now_us));
        match algorithm.kept() {
            Kept::Nowhere => (Answer::DENIED, Undo::Nothing),
            Kept::Word => {
                let budget = self.bytes_max.saturating_sub(self.rare_bytes());
                let (before, answer) = self
                    .words
                    .change((charge.key, now_us), budget, |word| algorithm.on_word(word, asked));
                (answer, Undo::Word(before))
            }
            Kept::Pair => {
                let others = self.words.bytes();
                let budget = self.bytes_max.saturating_sub(others);
                let rare = self.rare();
                let budget = budget.saturating_sub(rare.large.bytes());
                let (before, answer) = rare
                    .pairs
                    .change((charge.key, now_us), budget, |pair| algorithm.on_pair(pair, asked));
                (answer, Undo::Pair(before))
            }
            Kept::Large => {
                let others = self.words.bytes();
                let budget = self.bytes_max.saturating_sub(others);
                let rare = self.rare();
                let budget = budget.saturating_sub(rare.pairs.bytes());
                (rare.large.decide(algorithm, charge.key, asked, budget), Undo::Large)
            }
        }
    }

    fn undo(&mut self, charge: &Charge<'_>, undo: Undo) {
        match undo {
            Undo::Nothing => {}
            Undo::Word(before) => self.words.set(charge.key, before),
            Undo::Pair(before) => self.rare().pairs.set(charge.key, before),
            Undo::Large => self.give_back(charge),
        }
    }

    fn give_back(&mut self, charge: &Charge<'_>) {
        let (algorithm, key) = (charge.algorithm, charge.key);
        match algorithm.kept() {
            Kept::Nowhere => {}
            Kept::Word => {
                if let Some(word) = self.words.get(key) {
                    self.words.set(key, algorithm.give_back_word(word, charge.hits));
                }
            }
            Kept::Pair => {
                let pairs = &mut self.rare().pairs;
                if let Some([current, previous]) = pairs.get(key) {
                    pairs.set(key, [algorithm.give_back_word(current, charge.hits), previous]);
                }
            }
            Kept::Large => self.rare().large.give_back(key, charge.asked(0)),
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn rare_bytes(&self) -> usize {
        self.rare.as_ref().map_or(0, |rare| rare.pairs.bytes() + rare.large.bytes())
    }

    fn bytes(&self) -> usize {
        self.words.bytes() + self.rare_bytes()
    }

    fn sweep(&mut self, now_us: u64) -> usize {
        let rare = self.rare.as_mut();
        let rare = rare.map_or(0, |rare| rare.pairs.sweep(now_us) + rare.large.sweep(now_us));
        self.words.sweep(now_us) + rare
    }
}

#[cfg(test)]
mod tests;
