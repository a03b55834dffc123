//! The same work on many things at once: packs are read and checked one by one, and none needs another.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// More threads than this gain nothing: the largest pack alone takes a fifth of the time of all shipped ones.
const THREADS_MAX: usize = 8;

/// Does the same with each, on the processors that there are; what came of them is in their order. Where no thread can be had, the calling
/// one does all.
pub(super) fn each<T: Sync, U: Send>(things: &[T], act: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            match things.get(at) {
                Some(thing) => done.push((at, act(thing))),
                None => return done,
            }
        }
    };
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(THREADS_MAX).min(things.len());
    let mut done = thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok())
            .collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, came)| came).collect()
}

#[cfg(test)]
mod tests {
    use super::each;

    #[test]
    fn each_is_done_once_and_in_order() {
        for many in [0, 1, 2, 1_000] {
            let things: Vec<usize> = (0..many).collect();
            let came = each(&things, |thing| thing * 2);
            let want: Vec<usize> = things.iter().map(|thing| thing * 2).collect();
            assert_eq!(came, want);
        }
    }

    #[test]
    fn a_fault_in_one_is_no_silence() {
        let things = [1, 2, 3];
        let ended = std::panic::catch_unwind(|| each(&things, |thing| assert_ne!(*thing, 3)));
        assert!(ended.is_err());
    }
}
