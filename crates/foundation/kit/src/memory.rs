//! How much of the memory that was given back the process keeps.
#![allow(unsafe_code, reason = "the C library's allocator is tuned by a call of its own")]

/// Bounds the heaps that the C library's allocator keeps for threads to one a core. By default
/// there are eight a core, each keeping what its threads once needed: after a load over a million
/// links that was a third of the resident set, and it made nothing faster. To be called before the
/// first thread is started. Without effect on C libraries that have no such heaps.
///
/// Source: `mallopt(3)`, `M_ARENA_MAX`.
pub fn bound_heaps() {
    #[cfg(target_env = "gnu")]
    {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let heaps = libc::c_int::try_from(cores).unwrap_or(libc::c_int::MAX);
        // SAFETY: takes two numbers and changes how later allocations are placed; a refusal leaves
        // everything as it was.
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, heaps) };
    }
}

#[cfg(test)]
mod tests {
    /// Memory of many threads is given out and taken back as before.
    #[test]
    fn threads_go_on_allocating() {
        super::bound_heaps();
        let threads: Vec<_> = (0..32_usize)
            .map(|number| std::thread::spawn(move || vec![number; 10_000].iter().sum::<usize>()))
            .collect();
        let sums = threads.into_iter().map(|thread| thread.join().unwrap());
        assert!(sums.eq((0..32).map(|number| number * 10_000)));
    }
}
