//! Tables of what must stop and what must pass. Real-looking credentials are put together at compile time, so that no
//! scanner takes this file for a leak.

mod actions;

use super::*;

/// Texts that must wait for a person: title, description, rule.
const STOP: &[(&str, &str, Rule)] = &[
    // The seeds' words.
    ("CEO: choose the bank", "", Rule::Ceo),
    ("[CEO] sign the lease", "", Rule::Ceo),
    ("Prepare slides for the CEO's meeting", "", Rule::Ceo),
    (
        "Pricing page",
        "Needs ceo approval before we ship.",
        Rule::Ceo,
    ),
    ("C.E.O. input wanted", "", Rule::Ceo),
    ("C E O input wanted", "", Rule::Ceo),
    ("СЕО input wanted", "", Rule::Ceo),
    ("C\u{200b}EO input wanted", "", Rule::Ceo),
    ("CEO_DECISION on hosting", "", Rule::Ceo),
    ("Drop the old API, CEO decision", "", Rule::Ceo),
    ("DECISION: which database", "", Rule::Decision),
    ("Decision: which database", "", Rule::Decision),
    ("[decision] which database", "", Rule::Decision),
    ("Hosting [DECISION]", "", Rule::Decision),
    ("DECISION_NEEDED hosting", "", Rule::Decision),
    (
        "Hosting",
        "This needs a decision from the board.",
        Rule::Decision,
    ),
    ("Hosting", "We are awaiting a decision.", Rule::Decision),
    ("Decision required: hosting", "", Rule::Decision),
    ("ODLUKA: koju bazu koristiti", "", Rule::Decision),
    ("Beslutning: hvilken database", "", Rule::Decision),
    ("Add BankID login", "", Rule::BankId),
    ("Add bankid login", "", Rule::BankId),
    ("Add Bank-ID login", "", Rule::BankId),
    ("Add Bank ID login", "", Rule::BankId),
    ("Fix useBankIDSession hook", "", Rule::BankId),
    ("Add Bаnkіd login", "", Rule::BankId),
    ("Add 𝐁𝐚𝐧𝐤𝐈𝐃 login", "", Rule::BankId),
    ("Login", "Flow through B a n k I D.", Rule::BankId),
    ("Add Bank1D login", "", Rule::BankId),
    ("VIPPS refund bug", "", Rule::Vipps),
    ("Checkout", "Add a vippsCheckout button.", Rule::Vipps),
    ("Add V-i-p-p-s button", "", Rule::Vipps),
    ("Add Vi\u{ad}pps button", "", Rule::Vipps),
    ("Add Vі\u{440}\u{440}s button", "", Rule::Vipps),
    ("Add V1pps button", "", Rule::Vipps),
    ("Svar Finanstilsynet", "", Rule::Finanstilsynet),
    (
        "Rapport til finanstilsynets portal",
        "",
        Rule::Finanstilsynet,
    ),
    ("Rapport til Finans-tilsynet", "", Rule::Finanstilsynet),
    ("[TENDER] city of Oslo", "", Rule::Tender),
    ("TENDER documents", "", Rule::Tender),
    ("[tender] city of Oslo", "", Rule::Tender),
    ("Submit the tender to the city", "", Rule::Tender),
    ("Lever anbudet innen fredag", "", Rule::Tender),
    // Production.
    ("Deploy to production", "", Rule::Production),
    ("Bento: deploy to prod", "", Rule::Production),
    (
        "Fix the login bug and deploy to production",
        "",
        Rule::Production,
    ),
    (
        "Add rate limiting, then release to production",
        "",
        Rule::Production,
    ),
    ("Production deploy of v2", "", Rule::Production),
    (
        "Make sure it gets deployed to production",
        "",
        Rule::Production,
    ),
    ("Push to live", "", Rule::Production),
    ("Time to go live", "", Rule::Production),
    ("Create a production release", "", Rule::Production),
    ("Run the migration on production", "", Rule::Production),
    ("Drop the prod database", "", Rule::Production),
    ("Delete all customer records", "", Rule::Production),
    ("Restart the production server", "", Rule::Production),
    (
        "Rollout",
        "Please deploy this to the production cluster today.",
        Rule::Production,
    ),
    ("d e p l o y to production", "", Rule::Production),
    ("dерloy to рroduction", "", Rule::Production),
    ("Rull ut til produksjon", "", Rule::Production),
    ("Deploy til prod i kveld", "", Rule::Production),
    ("Pusti u produkciju", "", Rule::Production),
    ("Popravi bug i objavi na produkciju", "", Rule::Production),
    ("Treba deployati na produkciju", "", Rule::Production),
    ("We should push this live today", "", Rule::Production),
    ("Go live with the new pricing page", "", Rule::Production),
    ("Log into prod and check", "", Rule::Production),
    ("Rull ut ny versjon i produksjon", "", Rule::Production),
    ("Sett i produksjon", "", Rule::Production),
    ("Kjør migrering i produksjon", "", Rule::Production),
    (
        "Kindly roll out v5 to live environment",
        "",
        Rule::Production,
    ),
    ("Obriši produkcijsku bazu", "", Rule::Production),
    ("Restartuj prod server", "", Rule::Production),
    // Money.
    ("Settle the invoice from Hetzner", "", Rule::Money),
    ("Refund order 4412 for Ola", "", Rule::Money),
    ("Issue a refund to customer 1234", "", Rule::Money),
    ("Buy more API credits", "", Rule::Money),
    ("Upgrade our AWS plan and pay for it", "", Rule::Money),
    ("Pay the hosting invoice", "", Rule::Money),
    ("Transfer 500 EUR to the supplier", "", Rule::Money),
    ("Refund the customer", "", Rule::Money),
    ("Fix the bug then refund the customer", "", Rule::Money),
    ("Buy the domain bento.no", "", Rule::Money),
    ("Charge the card again", "", Rule::Money),
    ("Test the checkout with real cards", "", Rule::Money),
    ("Implement checkout against live payments", "", Rule::Money),
    ("Switch Stripe to live mode", "", Rule::Money),
    ("Send money to the freelancer", "", Rule::Money),
    ("Betal fakturaen fra Telenor", "", Rule::Money),
    ("Overfør pengene til leverandøren", "", Rule::Money),
    ("Plati račun za hosting", "", Rule::Money),
    ("Prebaci novac na drugi konto", "", Rule::Money),
    ("Refunder kunden", "", Rule::Money),
    // Credentials.
    ("Rotate the API keys", "", Rule::Credential),
    ("Rotate production credentials", "", Rule::Credential),
    ("Revoke the certificate", "", Rule::Credential),
    ("Reset the root password", "", Rule::Credential),
    (
        "Change the production database password",
        "",
        Rule::Credential,
    ),
    (
        "Add the production secret key to the config",
        "",
        Rule::Credential,
    ),
    ("Use live keys in the worker", "", Rule::Credential),
    ("Roter nøklene", "", Rule::Credential),
    ("Rotiraj ključeve", "", Rule::Credential),
    (
        "Fix login",
        concat!("Use gh", "p_16C7e42F292c6912E7710c838347Ae178B4a to clone."),
        Rule::Credential,
    ),
    ("Promijeni lozinku na produkciji", "", Rule::Credential),
    ("Bytt passord på prod-databasen", "", Rule::Credential),
    // Outsiders.
    ("Post the changelog on Reddit", "", Rule::Outsider),
    ("Tweet about our launch", "", Rule::Outsider),
    ("Let our customers know about downtime", "", Rule::Outsider),
    ("DM all beta testers", "", Rule::Outsider),
    ("Objavi na LinkedInu", "", Rule::Outsider),
    ("Email all customers about the outage", "", Rule::Outsider),
    ("Send an email to our clients", "", Rule::Outsider),
    ("Write to all customers", "", Rule::Outsider),
    (
        "Write and send an email to all customers",
        "",
        Rule::Outsider,
    ),
    ("Notify customers about the new price", "", Rule::Outsider),
    ("Message every user about the change", "", Rule::Outsider),
    ("Contact the journalist", "", Rule::Outsider),
    ("Post on LinkedIn", "", Rule::Outsider),
    ("Send e-post til kundene", "", Rule::Outsider),
    ("Varsle alle kunder", "", Rule::Outsider),
    ("Pošalji mail kupcima", "", Rule::Outsider),
    ("Obavijesti klijente o promjeni", "", Rule::Outsider),
    ("Send the contract to john@acme.no", "", Rule::Outsider),
    ("Publish the package to npm", "", Rule::Outsider),
    ("Submit the app to the App Store", "", Rule::Outsider),
];

/// Ordinary work.
const PASS: &[(&str, &str)] = &[
    (
        "Bento: Project scaffold — Next.js frontend + Kotlin/Ktor API",
        "",
    ),
    (
        "Bento: Database schema design — users, subscriptions, meals, deliveries",
        "",
    ),
    (
        "Bento: Landing page design — Nordic minimalist, hero + pricing + CTA",
        "",
    ),
    (
        "Bento: API — user auth + subscription management endpoints",
        "",
    ),
    ("Bento: Frontend — meal selection + checkout flow", ""),
    ("[BENTO-REVIEW] Code review of project scaffold", ""),
    ("[BENTO-OPS] Deploy setup", ""),
    (
        "Implement the checkout against the Stripe sandbox",
        "Use the test keys; no real money moves.",
    ),
    (
        "Add a refund endpoint",
        "POST /refunds gives the money back to the card.",
    ),
    (
        "Implement payment with card",
        "The customer can pay with card. Refunds go back to the original card.",
    ),
    ("Charge the customer in Stripe's sandbox", ""),
    ("Add a decision table to the pricing module", ""),
    ("Document the design decision about caching", ""),
    ("Update docs/DECISIONS.md", ""),
    ("Rename DECISION_TABLE constant", ""),
    ("Implement a decision tree classifier", ""),
    ("Ceo sistem treba bolje testove", ""),
    ("Popravi ceo modul za račune", ""),
    ("Add the chief of staff to the team page", ""),
    ("Legal tender table for currencies", ""),
    ("Recipe: chicken tender page", ""),
    ("Bartender app: fix layout", ""),
    ("Add bank_id foreign key to accounts", ""),
    ("Show the river bank, I'd say in blue", ""),
    ("Write documentation about how to deploy to production", ""),
    ("Explain why deploys to production fail", ""),
    ("Fix the production deploy script", ""),
    ("Add a GitHub workflow that deploys to production", ""),
    ("Create a Dockerfile for production deployment", ""),
    ("Run a production build in CI", ""),
    ("Reduce the size of the production bundle", ""),
    ("Ship production-ready error handling", ""),
    ("Deploy to staging", ""),
    (
        "Crash in parser",
        "The error appears after each deploy to production.",
    ),
    ("Write the release notes", ""),
    ("Add push notifications", ""),
    ("Live scores widget", "Show live data of the match."),
    ("Add live mode to the editor preview", ""),
    ("Rotate refresh tokens on every use", ""),
    ("Rotate log files", ""),
    ("Reset password page returns 500", ""),
    ("Change password form validation", ""),
    ("Password reset flow", ""),
    ("Reject live keys in test mode", ""),
    ("Remove live keys from the repository", ""),
    ("Never use real money in tests", ""),
    ("Notify customers when their order ships", ""),
    ("Send a welcome email to new users", ""),
    ("Add email notifications for customers", ""),
    ("Let users invite their team", ""),
    ("Call the customers endpoint with paging", ""),
    ("Post comments to the customer API", ""),
    ("Support transfer of ownership between users", ""),
    ("Betalingsside: legg til testkort", ""),
    ("Dodaj stranicu za plaćanje", ""),
    ("Skriv dokumentasjon for API", ""),
    ("Napiši testove za obavijesti klijentima", ""),
    (
        "Add rate limiting to the login endpoint",
        "Return 429 after 5 tries in a minute.",
    ),
    ("Validate e-mail addresses such as a@b.no", ""),
    ("Read the API key from the environment", ""),
    ("Test with the key sk_test_4eC39HqLyjWDarjtT1zdp7dc", ""),
    ("Document AKIAIOSFODNN7EXAMPLE as a sample", ""),
    ("Move money formatting into a helper", ""),
    ("Transfer object mapping", ""),
    ("Notify subscribers of store changes", ""),
    ("Purchase order PDF", ""),
    ("Buy button color", ""),
    ("Refund button on order page", ""),
    ("Process refund webhook", ""),
    ("Let the user know when the upload is done", ""),
    ("Go live checklist in docs", ""),
    ("Live search in the table", ""),
    ("Log in to the sandbox before the test", ""),
    ("Make payments idempotent in the API", ""),
];

fn wrong_stops(got: impl Fn(&str, &str) -> Option<Rail>) -> Vec<String> {
    let stops =
        STOP.iter()
            .filter_map(|(title, description, want)| match got(title, description) {
                Some(rail) if rail.rule == *want => None,
                Some(rail) => Some(format!(
                    "stop: {title} / {description}: {:?} instead of {want:?}",
                    rail.rule
                )),
                None => Some(format!(
                    "stop: {title} / {description}: passed, want {want:?}"
                )),
            });
    let passes = PASS.iter().filter_map(|(title, description)| {
        let rail = got(title, description)?;
        Some(format!(
            "pass: {title} / {description}: stopped by {:?} ({})",
            rail.rule, rail.matched
        ))
    });
    stops.chain(passes).collect()
}

#[test]
fn texts_are_judged_by_the_table() {
    let wrong = wrong_stops(judge_text);
    assert!(
        wrong.is_empty(),
        "{} rows are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_stop_holds_wherever_it_stands() {
    let buried = wrong_stops(|title, description| {
        judge_text(
            "Refactor the parser",
            &format!("Split it in two modules.\n\n- {title}\n- {description}\n"),
        )
    });
    // Labels of a title are prose in a description; everything else must hold there as well.
    let labels = ["Decision: which", "ODLUKA: koju", "Beslutning: hvilken"];
    let buried: Vec<String> = buried
        .into_iter()
        .filter(|row| !labels.iter().any(|label| row.contains(label)))
        .collect();
    assert!(
        buried.is_empty(),
        "{} rows are wrong:\n{}",
        buried.len(),
        buried.join("\n")
    );
}

#[test]
fn the_tables_are_large_enough_to_mean_something() {
    assert!(STOP.len() >= 60 && PASS.len() >= 50);
    for rule in [
        Rule::Ceo,
        Rule::Decision,
        Rule::BankId,
        Rule::Vipps,
        Rule::Finanstilsynet,
        Rule::Tender,
        Rule::Production,
        Rule::Money,
        Rule::Credential,
        Rule::Outsider,
    ] {
        assert!(
            STOP.iter().any(|(_, _, stop)| *stop == rule),
            "{rule:?} has no row"
        );
    }
}

#[test]
fn a_classifier_raises_and_never_lowers() {
    let stopped = judge_text("Deploy to production", "");
    assert_eq!(with_classifier(stopped.clone(), None), stopped);
    assert_eq!(
        with_classifier(stopped.clone(), Some("looks harmless")),
        stopped
    );
    let raised = with_classifier(judge_text("Fix a typo", ""), Some("asks for a bribe"))
        .expect("it is raised");
    assert_eq!(
        (raised.rule, raised.matched.as_str()),
        (Rule::Classifier, "asks for a bribe")
    );
    assert_eq!(with_classifier(None, None), None);
}

#[test]
fn rules_have_one_name_each() {
    for rule in Rule::ALL {
        assert_eq!(Rule::parse(rule.as_str()), Some(rule));
        assert!(!rule.why().is_empty());
    }
}

/// The next number of a fixed row, so that a failure comes back on every machine.
fn next(state: &mut u64) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).expect("31 bits fit")
}

#[test]
fn nothing_a_stranger_writes_breaks_the_rails() {
    const PIECES: [&str; 44] = [
        "deploy",
        "to",
        "production",
        "live",
        "key",
        "let",
        "know",
        "write",
        "release",
        "log",
        "into",
        "i",
        "all",
        "customers",
        "$(",
        ")",
        "`",
        "\"",
        "'",
        "\\",
        "|",
        "&&",
        ";",
        "#",
        "\n",
        "+",
        "+++ b/x.md\n",
        "@@ -1 +1,2 @@\n",
        "sh -c",
        "env",
        "A=b",
        "://",
        "@",
        "sk-",
        "-----BEGIN ",
        "é",
        "𝐁",
        "\u{200b}",
        "\u{301}",
        "C",
        ".",
        "_",
        "[",
        "]",
    ];
    let mut state = 42;
    for _ in 0..3_000 {
        let length = next(&mut state) % 24;
        let text: String = (0..length)
            .flat_map(|_| {
                [
                    PIECES[next(&mut state) % PIECES.len()],
                    ["", " "][next(&mut state) % 2],
                ]
            })
            .collect();
        for rail in [
            judge_text(&text, ""),
            judge_text("", &text),
            judge_command(&text),
        ]
        .into_iter()
        .flatten()
        {
            assert!(!rail.matched.is_empty(), "{text:?}");
            assert!(
                rail.matched.len() <= MATCHED_BYTES_MAX + '…'.len_utf8(),
                "{text:?}"
            );
        }
        // The judgement depends on nothing but the text.
        assert_eq!(judge_diff(&text, &[]), judge_diff(&text, &[]), "{text:?}");
        // A stop in the title stays one when harmless text follows.
        if let Some(rail) = judge_text(&text, "") {
            let again = judge_text(&text, "Add a unit test.").map(|again| again.rule);
            assert_eq!(again, Some(rail.rule), "{text:?}");
        }
    }
}
