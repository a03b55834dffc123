//! What a text asks to be done, clause by clause: a verb in the place of a command, and what it would be done to.
//!
//! "Add a refund endpoint" asks for code and passes; "refund the customer" asks for money and stops. The difference is the
//! first verb of the clause. English, Bosnian and Norwegian, without accents, as `fold` leaves them.

use super::fold::Word;
use super::text::around;
use super::{Rail, Rule};

/// Verbs that ask for code, words or a look. What stands behind them in the clause is their object.
const MAKING: &str = "\
    add implement build write create document describe explain test fix refactor design review \
    audit analyze analyse investigate mock simulate stub validate support allow enable let show \
    display render handle improve extend develop code scaffold draft generate define parse model \
    log rename list count measure optimize optimise translate dodaj dodati napravi napraviti \
    napisi napisati implementiraj kreiraj popravi popraviti dokumentuj testiraj opisi prikazi \
    legg lag skriv implementer bygg fiks rett dokumenter beskriv opprett utvikle refaktorer vis";
/// Verbs that keep something from happening.
const PREVENTING: &str = "\
    prevent block forbid reject refuse detect warn disallow avoid remove mask redact hide strip \
    scan stop deny ukloni sprijeci fjern hindre forhindre";
/// Making something that is the act itself: "create a production release".
const CREATING: &str = "create make generate napravi kreiraj lag opprett";

const DEPLOYING: &str = "\
    deploy deploys deployed deploying deployment deployments redeploy rollout release releasing \
    ship shipping publish promote push launch roll put move bring get go deployaj deployati \
    objavi objaviti pusti pustiti izbaci isporuci postavi postaviti prebaci rull rulle \
    produksjonssett produksjonssette lanser publiser utrulling kjor sett sette";
/// The ones among them that are nouns, or that mean the act wherever they stand.
const DEPLOYING_ANYWHERE: &str = "\
    deploy deploys deployed deploying deployment deployments redeploy rollout releasing deployaj \
    deployati produksjonssett produksjonssette utrulling release ship publish promote push \
    launch";
const TOUCHING: &str = "\
    run execute apply migrate restart delete drop truncate wipe purge restore seed connect ssh \
    scale rollback hotfix obrisi izbrisi pokreni restartuj restartaj slett kjor restarte patch reboot shutdown erase clear \
    reset query";
const PUBLISHING: &str = "publish release upload submit push objavi publiser";
const PUBLIC_PLACES: &str =
    "npm registry appstore playstore testflight marketplace dockerhub maven";
const PAYING: &str = "\
    issue give make settle pay transfer wire refund charge withdraw payout purchase buy donate send move invoice debit \
    reimburse betal betale overfor overfore refunder kjop belast plati platiti uplati isplati \
    prebaci prebaciti kupi kupiti refundiraj naplati posalji";
const MONEY: &str = "\
    money funds cash invoice invoices bill bills supplier suppliers vendor vendors salary \
    salaries payroll card cards bank eur usd nok sek dkk gbp bam kr kroner euro euros dollar \
    dollars bitcoin btc eth penger pengene faktura fakturaen regning regningen lonn kontoen \
    novac novca pare racun racune fakturu fakture platu plate deposit payment payments payout \
    subscription domain";
/// Of these, what is money whatever is done with it.
const PLAIN_MONEY: &str = "\
    money funds cash salary salaries payroll eur usd nok sek dkk gbp bam kr kroner euro euros dollar \
    dollars bitcoin btc eth penger pengene lonn novac novca pare platu plate";
/// Those whom one pays or writes to.
const OUTSIDERS: &str = "\
    customer customers client clients investor investors press journalist journalists partner \
    partners supplier suppliers leads prospects media public everyone kunde kunden \
    kunder kundene kupac kupca kupcu kupce kupcima klijent klijenta klijente klijentu klijentima \
    investitore investitorima medije medijima partnerima newsletter twitter linkedin facebook \
    instagram reddit regulator authorities pressen vendor vendors";
/// Outsiders only when all or real ones are meant: "send a welcome mail to new users" is a feature.
const USERS: &str =
    "subscribers users user brukere brukerne korisnike korisnicima korisnika members people";
const ALL_OF: &str = "all every our existing real alle vare svim sve svima nasim each";
const TELLING: &str = "\
    email mail message sms text call phone contact notify inform tell tweet announce send post \
    reply respond publish dm ping invite answer share kontakt kontakte varsle varsl ring \
    informer svar posalji posaljite poslati obavijesti obavesti obavijestiti kontaktiraj javi \
    odgovori nazovi objavi publiser";
const ROTATING: &str = "\
    rotate revoke regenerate renew reset change share reveal leak expose dump exfiltrate email \
    send print upload paste steal export replace roter rotere tilbakekall rotiraj rotirati \
    promijeni opozovi posalji podijeli bytt del cycle roll";
const SECRETS: &str = "\
    credential credentials secret secrets key keys password passwords token tokens certificate \
    certificates passphrase noklene nokler nokkel passord passordet passordene kljuc kljuceve \
    lozinku lozinke lozinka tajne hemmeligheter";
/// Words before a secret that make it a matter of the program: rotating refresh tokens is what logins do.
const PROGRAM_SECRETS: &str = "\
    refresh session csrf access jwt bearer page pagination primary foreign cache sort partition \
    object json dictionary reset client device map lexer parser forgotten user hash";
/// Secrets that are somebody's for sure, so that weak verbs count as well.
const STRONG_SECRETS: &str = "\
    api production prod live root admin private ssh all our db database aws vault deploy signing \
    stripe tls master";
const PRODUCTION: &str = "\
    production prod produksjon produksjonen produkciju produkcija produkciji produkcije \
    prodmiljo produksjonsmiljo produksjonsmiljoet";
/// Words that say when and nothing else.
const SOON: &str =
    "today tonight now asap soon tomorrow immediately danas odmah i dag kveld please";
/// What `live` must stand before to be a place.
const LIVE_PLACES: &str = "\
    site server servers system environment database db cluster traffic users customers website \
    instance data";
/// What `production` may stand before without being the place where users are.
const PRODUCTION_ADJECTIVE: &str = "\
    mode build builds code ready readiness quality grade like bundle dependencies profile \
    settings configuration config assets css function rule rules test tests line lines \
    sourcemaps dockerfile image logging orders order schedule planning batch plan flag";
/// Things a program is made of. Behind a maker's verb they show that the thing is asked for, not the act.
const ARTIFACTS: &str = "\
    script scripts workflow workflows pipeline config configuration file files dockerfile \
    template templates docs documentation page pages endpoint endpoints button flow flows test \
    tests job form forms api component checklist plan guide notes runbook code class function \
    module feature table tables list lists service services model schema view screen dashboard \
    report data id ids name names record records field fields column type object objects \
    repository store library sdk app portal credentials number queue handler queries cache state \
    side bundle props secret history logic entity controller request requests router routes \
    summary row rows count totals total webhook webhooks formatting format helper status policy \
    embed widget color colour mapping ownership layout banner icon label text export import \
    parser email emails";
const LIVE_MONEY: &str = "\
    money payment payments card cards transaction transactions charge charges key keys \
    credential credentials secret secrets funds payouts mode";
const SECRET_OBJECTS: &str =
    "key keys secret secrets credential credentials password passwords token tokens";
const SANDBOX: &str = "\
    sandbox mock mocked mocks fake simulated simulator testmode staging dummy fixture testmiljo \
    localhost";
const NEGATIONS: &str = "\
    no not never without don dont cannot mustn instead nor ikke uten aldri ingen ne bez nikad \
    nemoj";
/// What may stand before a verb that still is a command.
const FILLERS: &str = "\
    kindly please then now also finally just we you i need needs to must should will shall can could \
    would go ahead immediately directly quickly first next e out vi ma skal bor na sa du a treba \
    trebamo moramo molim sada odmah onda da mi ti hitno asap urgent today vennligst want let \
    lets us s it step auto automatically and so";
/// Words of somebody who tells what happened. Then only a verb in the place of a command asks for something.
const TELLS: &str = "\
    after when since during because appears appear fails failed fail happens happened broke \
    broken error errors crash crashes last previous was were been until while if why how bug \
    only never currently whether before nakon kad etter nar already";
/// Words that turn a notice into a feature: "notify customers when their order ships".
const CONDITIONS: &str = "when whenever if upon on after once kad kada nar ved etter per";
/// Who does it in a description of behaviour: "the user can pay by card".
const SUBJECTS: &str = "\
    user users customer customers client clients buyer buyers visitor visitors app system \
    service server page button endpoint function they he she admin admins members bruker \
    brukeren brukere kunden kunder korisnik korisnici kupac method command api";

/// A longer run without punctuation is cut, so that judging stays linear in the text whatever a stranger writes.
const CLAUSE_WORDS_MAX: usize = 80;

/// Finds the first clause that asks for what a person must do.
pub(super) fn judge(words: &[Word], is_left: &dyn Fn(Rule) -> bool) -> Option<Rail> {
    clauses(words).into_iter().find_map(|(from, to)| {
        let clause = Clause {
            words: &words[from..to],
        };
        let rule = clause.rule().filter(|rule| is_left(*rule))?;
        Some(Rail::hit(rule, around(words, from, to)))
    })
}

/// Ranges of words between punctuation and conjunctions.
fn clauses(words: &[Word]) -> Vec<(usize, usize)> {
    const CONJUNCTIONS: &str = "and then but og samt zatim deretter plus";
    let mut clauses = Vec::new();
    let mut from = 0;
    for (at, word) in words.iter().enumerate() {
        // Bosnian `i` is "and", Norwegian `i` is "in"; the English pronoun is a capital.
        let next = words.get(at + 1).map_or("", |next| next.folded.as_str());
        let bosnian = word.seen == "i" && !among(next, PRODUCTION);
        let conjunction = bosnian || among(&word.folded, CONJUNCTIONS);
        let ends = ends_clause(&word.before) || conjunction || at - from >= CLAUSE_WORDS_MAX;
        if at > from && ends {
            clauses.push((from, at));
            from = at;
        }
        if conjunction {
            from = at + 1;
        }
    }
    if from < words.len() {
        clauses.push((from, words.len()));
    }
    clauses
}

/// Whether a word is one of a list's, which are written as one text for the reader's sake.
fn among(word: &str, list: &str) -> bool {
    // Most words are in no list at all, and to look for their letters is quicker than to part the words of a list.
    list.contains(word) && list.split_ascii_whitespace().any(|one| one == word)
}

fn ends_clause(gap: &str) -> bool {
    let hard = gap.contains([
        '!', '?', ';', ':', ',', '\n', '(', ')', '[', ']', '{', '}', '—', '–', '&', '"', '`',
    ]);
    hard || gap.contains(". ") || gap.contains(" - ") || gap.contains(" + ") || gap.contains("->")
}

struct Clause<'a> {
    words: &'a [Word],
}

impl Clause<'_> {
    fn rule(&self) -> Option<Rule> {
        let prevents = self
            .first_of(PREVENTING)
            .is_some_and(|at| self.commands(at) || at == 0);
        if prevents {
            return None;
        }
        if let Some(rule) = self.uses_live_things() {
            return Some(rule);
        }
        if self.logs_in() {
            return Some(Rule::Production);
        }
        if self.lets_know() {
            return Some(Rule::Outsider);
        }
        if self.asks_for_code() {
            return self.creates_the_act();
        }
        self.deploys()
            .or_else(|| self.touches_production())
            .or_else(|| self.publishes())
            .or_else(|| self.rotates())
            .or_else(|| self.pays())
            .or_else(|| self.tells_outsiders())
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |word| word.folded.as_str())
    }

    fn is(&self, at: usize, list: &str) -> bool {
        self.words
            .get(at)
            .is_some_and(|word| among(&word.folded, list))
    }

    fn first_of(&self, list: &str) -> Option<usize> {
        (0..self.words.len()).find(|at| self.is(*at, list))
    }

    fn has(&self, list: &str) -> bool {
        self.first_of(list).is_some()
    }

    /// Whether the word stands where a command stands: only fillers before it, or "to" with nobody named who does it.
    fn commands(&self, at: usize) -> bool {
        if (0..at).all(|before| self.is(before, FILLERS)) {
            return true;
        }
        let infinitive = at > 0 && self.is(at - 1, "to treba moramo skal ma must should");
        infinitive && !(0..at).any(|before| self.is(before, SUBJECTS))
    }

    fn negated(&self, at: usize) -> bool {
        (at.saturating_sub(3)..at).any(|before| self.is(before, NEGATIONS))
    }

    /// Whether a maker's verb opens the clause. "Write to" is a letter.
    fn asks_for_code(&self) -> bool {
        let opens = |at: usize| {
            self.commands(at) && !(self.word(at) == "write" && self.word(at + 1) == "to")
        };
        (0..self.words.len())
            .find(|at| self.is(*at, MAKING))
            .is_some_and(opens)
    }

    /// "Log into prod": `log` is a maker's verb otherwise.
    fn logs_in(&self) -> bool {
        let logs = |at: usize| self.word(at) == "log" && self.is(at + 1, "in into on");
        (0..self.words.len()).any(|at| logs(at) && self.commands(at)) && self.production().is_some()
    }

    /// "Let our customers know": `let` is a maker's verb otherwise.
    fn lets_know(&self) -> bool {
        let Some(at) = self.first_of("let") else {
            return false;
        };
        let end = (at + 6).min(self.words.len());
        let whom = (at + 1..end).any(|next| self.is(next, OUTSIDERS) || self.is(next, USERS));
        let know = (at + 1..end).find(|next| self.word(*next) == "know");
        let feature = know.is_some_and(|know| self.is(know + 1, CONDITIONS));
        self.commands(at) && whom && know.is_some() && !feature
    }

    /// "Create a production release": the thing to be made is the act.
    fn creates_the_act(&self) -> Option<Rule> {
        let acts = "release deployment deploy rollout payment payout transfer refund";
        let at = self.first_of(CREATING).filter(|at| self.commands(*at))?;
        let act = (at + 1..(at + 6).min(self.words.len())).find(|next| self.is(*next, acts))?;
        let thing = (0..self.words.len()).any(|other| self.is(other, ARTIFACTS));
        let real = self.production().is_some() || self.has("live real");
        if thing || !real {
            return None;
        }
        let money = self.is(act, "payment payout transfer refund");
        Some(if money { Rule::Money } else { Rule::Production })
    }

    /// Real money and live keys stop whatever the verb is: code that is written against them is run against them.
    fn uses_live_things(&self) -> Option<Rule> {
        for at in 0..self.words.len() {
            let live = self.is(at, "live real ekte stvarni stvarnim prave pravim");
            let production = self.is(at, PRODUCTION);
            if !(live || production) || self.negated(at) {
                continue;
            }
            let real_things: &str = if live { LIVE_MONEY } else { SECRET_OBJECTS };
            let near =
                (at + 1..(at + 4).min(self.words.len())).find(|next| self.is(*next, real_things));
            let local = "novac novcem novca penger kort kartice karticama kartica";
            let near = near.or_else(|| {
                (at + 1..(at + 3).min(self.words.len())).find(|next| live && self.is(*next, local))
            });
            let Some(thing) = near else { continue };
            // "live mode" of a page is not that of a payment provider.
            if self.word(thing) == "mode"
                && !self.has("stripe paypal payment payments adyen klarna checkout")
            {
                continue;
            }
            return Some(if self.is(thing, SECRET_OBJECTS) {
                Rule::Credential
            } else {
                Rule::Money
            });
        }
        None
    }

    /// Where the clause names the place that users see.
    fn production(&self) -> Option<usize> {
        (0..self.words.len()).find(|at| {
            let inflected = self.word(*at).starts_with("produkcijsk");
            if inflected || self.is(*at, PRODUCTION) {
                return !self.is(at + 1, PRODUCTION_ADJECTIVE) && !self.negated(*at);
            }
            let live = self.word(*at) == "live" || self.word(*at) == "lufta";
            let place = self.is(at + 1, LIVE_PLACES) && !self.is(at + 1, "data");
            // "Go live" is the act itself; "push this live" ends with it, or with when.
            let goes = *at > 0 && self.is(at - 1, "go goes going") && !self.is(at + 1, ARTIFACTS);
            let ends = *at > 0
                && self.is(
                    at - 1,
                    "to it this that them everything all site version app",
                );
            let rest = (at + 1..self.words.len()).all(|next| self.is(next, SOON));
            live && (place || goes || (ends && rest))
        })
    }

    fn deploys(&self) -> Option<Rule> {
        self.production()?;
        let notes = |at: usize| {
            self.word(at) == "release" && self.is(at + 1, "notes note candidate branch date")
        };
        let narrative = self.has(TELLS);
        let acts = |at: usize| {
            if notes(at) || self.negated(at) {
                return false;
            }
            let anywhere = self.is(at, DEPLOYING_ANYWHERE) && !narrative;
            self.is(at, DEPLOYING) && (self.commands(at) || anywhere)
        };
        (0..self.words.len()).any(acts).then_some(Rule::Production)
    }

    fn touches_production(&self) -> Option<Rule> {
        let touches = |at: usize| self.is(at, TOUCHING) && self.commands(at) && !self.negated(at);
        let database = self.is_database_of_customers();
        ((0..self.words.len()).any(touches) && (self.production().is_some() || database))
            .then_some(Rule::Production)
    }

    /// "all customer data" is production wherever it lies.
    fn is_database_of_customers(&self) -> bool {
        (0..self.words.len()).any(|at| {
            self.is(at, ALL_OF)
                && (at + 1..at + 4)
                    .any(|next| self.is(next, "customer customers user users client clients"))
                && self.has("data records accounts rows")
        })
    }

    fn publishes(&self) -> Option<Rule> {
        let at = (0..self.words.len()).find(|at| self.is(*at, PUBLISHING) && self.commands(*at))?;
        let store = (at..self.words.len()).any(|next| {
            self.word(next + 1) == "store" && self.is(next, "app play")
                || self.word(next) == "google" && self.word(next + 1) == "play"
        });
        let hub = (at..self.words.len())
            .any(|next| self.word(next) == "docker" && self.word(next + 1) == "hub");
        (store || hub || self.has(PUBLIC_PLACES)).then_some(Rule::Outsider)
    }

    fn rotates(&self) -> Option<Rule> {
        let verb = (0..self.words.len()).find(|at| self.is(*at, ROTATING) && self.commands(*at))?;
        let weak = !self.is(verb, "rotate revoke leak reveal exfiltrate steal dump roter rotere rotiraj rotirati opozovi tilbakekall cycle");
        (verb + 1..self.words.len()).find(|at| {
            let program = (verb + 1..*at).any(|before| self.is(before, PROGRAM_SECRETS));
            let named = (verb + 1..*at).any(|before| self.is(before, STRONG_SECRETS));
            let strong = named || self.production().is_some();
            let thing = self.is(at + 1, ARTIFACTS)
                || self.is(at + 1, "validation strength length rotation email link");
            self.is(*at, SECRETS) && !thing && (strong || !(program || weak))
        })?;
        Some(Rule::Credential)
    }

    fn pays(&self) -> Option<Rule> {
        let verb = (0..self.words.len()).find(|at| self.is(*at, PAYING) && self.commands(*at))?;
        if self.has(SANDBOX) || (self.has("test") && !self.has("live real")) {
            return None;
        }
        let object = (verb + 1..self.words.len()).any(|at| self.is_money_for(verb, at));
        (object || self.pays_by_itself(verb)).then_some(Rule::Money)
    }

    /// Whether the word at `at` is something one pays with, or whom one pays, given the verb.
    fn is_money_for(&self, verb: usize, at: usize) -> bool {
        if self.is(at + 1, ARTIFACTS) {
            return false;
        }
        // "Issue a refund"; an issue about a card is a ticket.
        if self.is(verb, "issue give make") {
            return self.is(at, "refund refunds payout payouts payment");
        }
        let amount = self.words[at].before.contains(['€', '$', '£']) || amount_word(self.word(at));
        // One sends and moves many things; only cash is surely money then.
        match self.is(verb, "send move posalji invoice debit") {
            true => self.is(at, PLAIN_MONEY),
            false => amount || self.is(at, MONEY) || self.is(at, OUTSIDERS),
        }
    }

    /// Verbs that mean money without an object of money: "buy more credits", "refund order 4412", "pay for it".
    fn pays_by_itself(&self, verb: usize) -> bool {
        let thing = |at: usize| self.is(at, ARTIFACTS);
        let bought = self.word(verb + 1);
        let buys = self.is(verb, "buy purchase kjop kupi kupiti reimburse")
            && !(bought.is_empty() || thing(verb + 1) || bought == "order" || bought == "orders");
        let number = |at: usize| {
            self.word(at)
                .bytes()
                .next()
                .is_some_and(|b| b.is_ascii_digit())
        };
        let refunds = self.is(verb, "refund refunder refundiraj")
            && (verb + 1..self.words.len())
                .any(|at| number(at) || self.is(at, "order orders bestilling narudzbu"));
        let pays_for = self.is(verb, "pay betal") && self.is(verb + 1, "for");
        buys || ((refunds || pays_for) && !(verb + 1..self.words.len()).any(thing))
    }

    fn tells_outsiders(&self) -> Option<Rule> {
        let letter = self.word(0) == "write" && self.word(1) == "to";
        // Verbs that have no other meaning than to tell strangers.
        let public = self.first_of("tweet dm").filter(|at| self.commands(*at));
        if public.is_some_and(|at| (at + 1..self.words.len()).all(|next| !self.is(next, ARTIFACTS)))
        {
            return Some(Rule::Outsider);
        }
        let verb = match letter {
            true => 0,
            false => {
                (0..self.words.len()).find(|at| self.is(*at, TELLING) && self.commands(*at))?
            }
        };
        if self.negated(verb) || self.has(SANDBOX) {
            return None;
        }
        let all = |at: usize| (at.saturating_sub(3)..at).any(|before| self.is(before, ALL_OF));
        let conditional =
            (verb + 1..self.words.len()).any(|at| self.is(at, CONDITIONS) && at > verb + 1);
        let reached = (verb + 1..self.words.len()).any(|at| {
            let thing = self.is(at + 1, ARTIFACTS);
            // Names of places take endings in Bosnian ("na LinkedInu").
            let site = ["linkedin", "facebook", "instagram", "twitter", "reddit"]
                .iter()
                .any(|site| self.word(at).starts_with(site));
            let outsider = (site || self.is(at, OUTSIDERS)) && (!conditional || site || all(at));
            !thing && (outsider || (self.is(at, USERS) && all(at)))
        });
        let address = (verb + 1..self.words.len())
            .any(|at| self.words[at].before == "@" && !self.words[at].folded.is_empty());
        let release = (verb..self.words.len()).any(|at| {
            (self.word(at) == "press" && self.word(at + 1) == "release")
                || (self.word(at) == "hacker" && self.word(at + 1) == "news")
        });
        (reached || address || release).then_some(Rule::Outsider)
    }
}

/// `500eur`, `100kr`: an amount in one word.
fn amount_word(word: &str) -> bool {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && among(&word[digits..], "eur usd nok kr km bam kn sek dkk")
}
