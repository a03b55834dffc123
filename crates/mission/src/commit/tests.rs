use std::sync::Barrier;

use super::*;

fn committer() -> Committer {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch("CREATE TABLE t(n)").unwrap();
    Committer::new(connection, None, |_| {}).unwrap()
}

fn put(c: &Connection, n: u32) -> Result<(), MissionError> {
    c.execute("INSERT INTO t VALUES (?)", [n])?;
    Ok(())
}

#[test]
fn only_a_group_that_may_wait_does_not_wait_for_the_disk() {
    let store = committer();
    let level = |kept| {
        let read = |c: &Connection| {
            let level = c.query_row("PRAGMA synchronous", [], |r| r.get::<_, i64>(0));
            put(c, 1).map(|()| level.unwrap())
        };
        store.run(kept, read).unwrap()
    };
    let (normal, full) = (1, 2);
    assert_eq!(level(Kept::AtOnce), full);
    assert_eq!(level(Kept::Soon), normal);
    assert_eq!(level(Kept::AtOnce), full);
    let failed = store.run(Kept::Soon, |_| -> Result<(), MissionError> {
        Err(MissionError::Poisoned)
    });
    assert!(failed.is_err());
}

#[test]
fn who_need_not_wait_for_the_disk_goes_before_those_who_have_to() {
    const OTHERS: usize = 8;
    let store = committer();
    let (leads, waited_for) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (normal, full) = (1_i64, 2_i64);
    std::thread::scope(|s| {
        let leader = {
            let (store, leads, waited_for) = (&store, Arc::clone(&leads), Arc::clone(&waited_for));
            s.spawn(move || {
                store.run(Kept::AtOnce, move |c| {
                    leads.wait();
                    waited_for.wait();
                    put(c, 0)
                })
            })
        };
        leads.wait();
        let ask = |kept| {
            let store = &store;
            s.spawn(move || {
                let read = |c: &Connection| {
                    let level = c.query_row("PRAGMA synchronous", [], |r| r.get::<_, i64>(0));
                    let before = c.query_row("SELECT count(*) FROM t", [], |r| r.get(0));
                    put(c, 1)?;
                    Ok::<(i64, i64), MissionError>((level?, before?))
                };
                store.run(kept, read)
            })
        };
        // The first waits for the disk; those behind it pass by.
        let kinds = [Kept::AtOnce, Kept::Soon].repeat(OTHERS / 2);
        let mut asked = Vec::new();
        for (n, kept) in kinds.into_iter().enumerate() {
            asked.push((kept, ask(kept)));
            while locked(&store.queue).waiting.len() <= n {
                std::thread::yield_now();
            }
        }
        waited_for.wait();
        leader.join().expect("ends").expect("written");
        for (kept, asked) in asked {
            let (level, before) = asked.join().expect("ends").expect("written");
            let first = usize::try_from(before).expect("a count") <= OTHERS / 2;
            let wanted = match kept {
                Kept::Soon => (normal, true),
                Kept::AtOnce => (full, false),
            };
            assert_eq!((level, first), wanted, "{kept:?} behind {before}");
        }
    });
}

#[test]
fn who_waits_for_the_disk_is_passed_by_every_other_time_alone() {
    let seat = || {
        Arc::new(Seat {
            thread: std::thread::current(),
            lead: AtomicBool::new(false),
        })
    };
    let waiting = |kept| Waiting {
        job: job(|_| Ok(()), |_: Result<(), MissionError>| ()),
        seat: seat(),
        kept,
    };
    let mut queue = Queue::default();
    let mut kinds = Vec::new();
    for _ in 0..4 {
        // Others never cease to come.
        queue.waiting.push_back(waiting(Kept::AtOnce));
        queue.waiting.push_back(waiting(Kept::Soon));
        let group = queue.next_group();
        let waits = group.iter().filter(|w| w.kept == Kept::AtOnce).count();
        kinds.push((group.len(), waits));
    }
    assert_eq!(kinds, [(1, 0), (3, 2), (1, 0), (3, 2)]);
}

#[test]
fn each_of_many_is_answered_and_written_once() {
    const CLIENTS: u32 = 16;
    const EACH: u32 = 50;
    let store = committer();
    let start = Barrier::new(CLIENTS as usize);
    std::thread::scope(|s| {
        for client in 0..CLIENTS {
            let (store, start) = (&store, &start);
            s.spawn(move || {
                start.wait();
                for n in 0..EACH {
                    store
                        .run(Kept::AtOnce, move |c| put(c, client * EACH + n))
                        .unwrap();
                }
            });
        }
    });
    let sql = "SELECT count(*), count(DISTINCT n) FROM t";
    let counted = store.run(Kept::AtOnce, move |c| {
        Ok(c.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?)))?)
    });
    assert_eq!(counted.unwrap(), (CLIENTS * EACH, CLIENTS * EACH));
}

#[test]
fn a_job_that_panics_leaves_nobody_waiting_and_nothing_is_written_after_it() {
    const OTHERS: usize = 8;
    let store = committer();
    // It leads before the others come, and panics when they wait.
    let (leads, waited_for) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    std::thread::scope(|s| {
        let leader = {
            let (store, leads, waited_for) = (&store, Arc::clone(&leads), Arc::clone(&waited_for));
            s.spawn(move || {
                store.run(Kept::AtOnce, move |_| -> Result<(), MissionError> {
                    leads.wait();
                    waited_for.wait();
                    panic!("a job gone wrong");
                })
            })
        };
        leads.wait();
        let others: Vec<_> = (0..OTHERS as u32)
            .map(|n| {
                s.spawn({
                    let store = &store;
                    move || store.run(Kept::AtOnce, move |c| put(c, n))
                })
            })
            .collect();
        while locked(&store.queue).waiting.len() < OTHERS {
            std::thread::yield_now();
        }
        waited_for.wait();
        let leader = leader.join().expect("its thread goes on");
        assert!(matches!(leader, Err(MissionError::Poisoned)), "{leader:?}");
        for other in others {
            let answer = other.join().expect("panics");
            assert!(matches!(answer, Err(MissionError::Poisoned)), "{answer:?}");
        }
    });
    assert!(store.last().is_none());
    let count = locked(&store.connection).query_row("SELECT count(*) FROM t", [], |r| r.get(0));
    assert_eq!(count, Ok(0));
}
