use mailout::{Mail, Outbox, Quota};

fn main() {
    let mut outbox = Outbox { quota: Quota::new(100), sent: Vec::new() };
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let recipients = line.split_whitespace().map(str::to_owned).collect();
        if let Err(error) = outbox.send(Mail { recipients, text: "Hello".to_owned() }) {
            eprintln!("not sent: {error:?}");
        }
    }
    println!("{} sent, {} left", outbox.sent.len(), outbox.quota.left());
}
