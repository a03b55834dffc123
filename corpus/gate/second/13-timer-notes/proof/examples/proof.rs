use timers::{load, save, Timer};

fn main() {
    let old = load("timers 1\n7\tA\\nb\n90\tC\n").expect("an old file");
    assert_eq!((old[0].name.as_str(), old[0].note.as_str(), old[1].seconds), ("A\\nb", "", 90));
    let new = [Timer { name: "T".into(), seconds: 5, note: "x\ty\nz".into() }];
    let text = save(&new);
    assert!(!text.starts_with("timers 1\n"));
    assert_eq!(load(&text).unwrap(), new);
    println!("holds");
}
