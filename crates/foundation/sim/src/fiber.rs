//! Blocking work on a stack of its own, so that one thread can leave it in the middle of a call to
//! the disk, through SQLite's frames, and go on with it later: 20 ns each way.
#![allow(unsafe_code, reason = "a call deep in the work reaches the fiber that it runs on")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Room for SQLite's deepest calls in a debug build; only what is touched is taken.
const STACK_BYTES: usize = 1 << 20;

/// How long a fiber wants to be left alone, in microseconds of simulated time.
pub(crate) type Span = u64;

thread_local! {
    /// The fiber that runs on this thread; null outside of any.
    static CURRENT: Cell<*const Yielder<(), Span>> = const { Cell::new(std::ptr::null()) };
}

/// Blocking work under way.
pub(crate) struct Fiber {
    /// Never dropped while it is under way: unwinding would have to pass through C.
    coroutine: ManuallyDrop<Coroutine<(), Span, (), DefaultStack>>,
    yielder: *const Yielder<(), Span>,
    panic: Rc<RefCell<Option<String>>>,
}

/// A stack for a fiber.
///
/// # Errors
/// When the machine has no memory for it.
pub(crate) fn stack() -> io::Result<DefaultStack> {
    DefaultStack::new(STACK_BYTES)
}

/// Leaves the fiber that this thread runs on for `span`; false outside of any.
pub(crate) fn suspend(span: Span) -> bool {
    let yielder = CURRENT.get();
    if yielder.is_null() {
        return false;
    }
    // SAFETY: the pointer was set by the fiber that runs now and is valid until its work returns,
    // which cannot happen while this call is on its stack. No other thread ever sees it.
    unsafe { (*yielder).suspend(span) };
    true
}

impl Fiber {
    /// Work that begins with the first [`Fiber::resume`].
    pub(crate) fn new(stack: DefaultStack, work: Box<dyn FnOnce() + Send>) -> Self {
        let panic = Rc::new(RefCell::new(None));
        let place = Rc::clone(&panic);
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), Span>, ()| {
            CURRENT.set(yielder);
            if let Err(cause) = catch_unwind(AssertUnwindSafe(work)) {
                *place.borrow_mut() = Some(text_of(cause.as_ref()));
            }
        });
        Self { coroutine: ManuallyDrop::new(coroutine), yielder: std::ptr::null(), panic }
    }

    /// Goes on until it wants to be left alone; none once it has ended.
    pub(crate) fn resume(&mut self) -> Option<Span> {
        CURRENT.set(self.yielder);
        let result = self.coroutine.resume(());
        self.yielder = CURRENT.replace(std::ptr::null());
        match result {
            CoroutineResult::Yield(span) => Some(span),
            CoroutineResult::Return(()) => None,
        }
    }

    /// After the end: its stack, for the next one, and the text of its panic.
    pub(crate) fn end(mut self) -> (Option<DefaultStack>, Option<String>) {
        let panic = self.panic.borrow_mut().take();
        if !self.coroutine.done() {
            return (None, panic);
        }
        // SAFETY: it has ended and `self`, which has no drop of its own, is not used again.
        let coroutine = unsafe { ManuallyDrop::take(&mut self.coroutine) };
        (Some(coroutine.into_stack()), panic)
    }
}

/// What a panic said.
pub(crate) fn text_of(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fibers_take_turns_and_a_panic_stays_in_its_own() {
        let seen = std::sync::Arc::new(parking_lot::Mutex::new(Vec::new()));
        let work = |name: u32, fails: bool| {
            let seen = std::sync::Arc::clone(&seen);
            Box::new(move || {
                seen.lock().push(name);
                suspend(5);
                seen.lock().push(name + 10);
                assert!(!fails, "fiber {name} fails");
            })
        };
        let mut one = Fiber::new(stack().unwrap(), work(1, false));
        let mut two = Fiber::new(stack().unwrap(), work(2, true));
        assert_eq!((one.resume(), two.resume()), (Some(5), Some(5)));
        assert_eq!((two.resume(), one.resume()), (None, None));
        assert_eq!(*seen.lock(), [1, 2, 12, 11]);
        assert_eq!(one.end().1, None);
        assert_eq!(two.end().1.as_deref(), Some("fiber 2 fails"));
        assert!(!suspend(1), "outside of any");
    }
}
