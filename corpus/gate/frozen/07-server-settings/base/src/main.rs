use server::Settings;

fn main() {
    match Settings::read(|name| std::env::var(name).ok()) {
        Ok(settings) => println!("listening on {} with {} workers", settings.port, settings.workers),
        Err(bad) => {
            eprintln!("{} has the value {:?}, which is not allowed", bad.name, bad.value);
            std::process::exit(2);
        }
    }
}
