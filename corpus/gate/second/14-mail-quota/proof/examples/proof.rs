use mailout::{Mail, Outbox, Quota};

fn main() {
    let mut outbox = Outbox { quota: Quota::new(2), sent: Vec::new() };
    let mail = |count: usize| Mail { recipients: vec!["a@b.example".to_owned(); count], text: String::new() };
    assert!(outbox.send(mail(3)).is_err());
    assert_eq!(outbox.quota.left(), 2);
    assert!(outbox.send(mail(2)).is_ok());
    assert!(outbox.send(mail(1)).is_err());
    let quota = Quota::new(100);
    let taken: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..90).filter(|_| quota.take(1).is_ok()).count())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(taken, 100);
    println!("holds");
}
