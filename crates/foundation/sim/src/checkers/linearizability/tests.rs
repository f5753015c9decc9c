use super::*;
use crate::seed::{Rng, Seed};
use proptest::prelude::*;

/// A register, after Herlihy and Wing's paper: read, write, compare and swap.
#[derive(Clone, Debug)]
struct Register;

#[derive(Clone, Debug)]
enum Ask {
    Read,
    Write(u8),
    Swap(u8, u8),
}

impl Model for Register {
    type State = u8;
    type Ask = Ask;
    /// What was read; for a swap whether it was done.
    type Answer = u8;

    fn start() -> u8 {
        0
    }

    fn step(state: &u8, ask: &Ask, answer: Option<&u8>) -> Option<u8> {
        match (ask, answer) {
            (Ask::Read, None) => Some(*state),
            (Ask::Read, Some(read)) => (read == state).then_some(*state),
            (Ask::Write(value), _) => Some(*value),
            (Ask::Swap(from, to), answer) => {
                let done = state == from;
                let right = answer.is_none_or(|answer| (*answer == 1) == done);
                right.then_some(if done { *to } else { *state })
            }
        }
    }
}

type Told = Operation<Register>;

fn told(client: u32, ask: Ask, called_at: u64, answered_at: u64, answer: u8) -> Told {
    Operation { client, key: 0, ask, called_at, answered: Some((answered_at, answer)) }
}

fn is_sound(history: &[Told]) -> bool {
    match check(history, 1_000_000) {
        Verdict::Linearizable => true,
        Verdict::Violated { .. } => false,
        Verdict::Unknown { .. } => panic!("gave up"),
    }
}

/// Herlihy and Wing, "Linearizability" (1990), figure 1, told as a register's.
#[test]
fn classic_histories() {
    use Ask::{Read, Swap, Write};
    assert!(is_sound(&[]));
    // A read during a write may see either value.
    assert!(is_sound(&[told(0, Write(1), 0, 10, 0), told(1, Read, 2, 4, 0)]));
    assert!(is_sound(&[told(0, Write(1), 0, 10, 0), told(1, Read, 2, 4, 1)]));
    // But not the new one and then the old one.
    let back = [told(0, Write(1), 0, 10, 0), told(1, Read, 2, 4, 1), told(2, Read, 5, 7, 0)];
    assert!(!is_sound(&back));
    // A stale read after a completed write.
    assert!(!is_sound(&[told(0, Write(1), 0, 1, 0), told(1, Read, 2, 3, 0)]));
    // Two writes at once, seen in two orders: sequentially consistent at most.
    let crossed = [
        told(0, Write(1), 0, 10, 0),
        told(1, Write(2), 0, 10, 0),
        told(2, Read, 11, 12, 1),
        told(3, Read, 13, 14, 2),
    ];
    assert!(!is_sound(&crossed));
    // Of two swaps from one value only one can be done.
    assert!(!is_sound(&[told(0, Swap(0, 1), 0, 10, 1), told(1, Swap(0, 2), 0, 10, 1)]));
    assert!(is_sound(&[told(0, Swap(0, 1), 0, 10, 1), told(1, Swap(0, 2), 0, 10, 0)]));
}

#[test]
fn what_was_never_answered_may_have_happened_or_not() {
    use Ask::{Read, Write};
    let open = Operation { client: 0, key: 0, ask: Write(1), called_at: 0, answered: None };
    let reads = |values: &[u8]| {
        let mut history: Vec<Told> = vec![open.clone()];
        for (at, value) in values.iter().enumerate() {
            history.push(told(1, Read, 10 * at as u64 + 5, 10 * at as u64 + 9, *value));
        }
        is_sound(&history)
    };
    assert!(reads(&[0, 0]) && reads(&[0, 1]) && reads(&[1, 1]));
    assert!(!reads(&[1, 0]), "once seen it has happened");
}

#[test]
fn keys_are_judged_apart_and_the_story_names_the_operation() {
    let mut broken = told(7, Ask::Read, 2, 3, 9);
    broken.key = 5;
    let history = [told(0, Ask::Write(1), 0, 1, 0), broken];
    let Verdict::Violated { key, story } = check(&history, 1_000) else { panic!("must be found") };
    assert_eq!(key, 5);
    assert_eq!(story, ["no place for client 7: Read -> 9"]);
}

/// A real register, asked by several clients whose calls overlap.
fn made_by_a_register(rng: &mut Rng, clients: u32, operations: usize) -> Vec<Told> {
    let mut state = 0;
    let mut free_at = vec![0; clients as usize];
    let mut history = Vec::new();
    for number in 0..operations {
        let takes_effect_at = 10 * number as u64 + 5;
        let client = rng.below(u64::from(clients)) as u32;
        if free_at[client as usize] > takes_effect_at {
            continue;
        }
        let called_at = rng.within(free_at[client as usize]..=takes_effect_at);
        let answered_at = takes_effect_at + rng.below(60);
        let value = rng.below(4) as u8;
        let (ask, answer) = match rng.below(3) {
            0 => (Ask::Read, state),
            1 => (Ask::Write(value), 0),
            _ => (Ask::Swap(value, value + 1), u8::from(state == value)),
        };
        state = Register::step(&state, &ask, Some(&answer)).unwrap();
        free_at[client as usize] = answered_at + 1;
        history.push(told(client, ask, called_at, answered_at, answer));
    }
    history
}

/// Tries every order: the judge of the judge.
fn is_sound_by_brute_force(left: &[&Told], state: u8) -> bool {
    let first_answer = left.iter().filter_map(|o| o.answered.as_ref().map(|(at, _)| *at)).min();
    left.is_empty()
        || left.iter().enumerate().any(|(at, operation)| {
            if operation.called_at > first_answer.unwrap_or(u64::MAX) {
                return false;
            }
            let answer = operation.answered.as_ref().map(|(_, answer)| answer);
            let mut others = left.to_vec();
            others.remove(at);
            Register::step(&state, &operation.ask, answer)
                .is_some_and(|after| is_sound_by_brute_force(&others, after))
        })
}

proptest! {
    #[test]
    fn agrees_with_trying_every_order(seed: u64, spoil: bool) {
        let mut rng = Seed(seed).rng();
        let mut history = made_by_a_register(&mut rng, 4, 10);
        let spoilt = rng.below(history.len() as u64) as usize;
        if spoil && let Some(answered) = &mut history[spoilt].answered {
            answered.1 = rng.below(4) as u8;
        }
        let all: Vec<&Told> = history.iter().collect();
        prop_assert_eq!(is_sound(&history), is_sound_by_brute_force(&all, 0));
    }
}

#[test]
fn thousands_of_operations_are_judged() {
    let mut rng = Seed(3).rng();
    let mut history = made_by_a_register(&mut rng, 8, 4_000);
    assert!(is_sound(&history));
    let last = history.iter().rposition(|told| matches!(told.ask, Ask::Read)).unwrap();
    history[last].answered.as_mut().unwrap().1 = 77;
    assert!(!is_sound(&history));
}
