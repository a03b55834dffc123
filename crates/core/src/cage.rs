//! What a cage promises, and which of its layers keep each promise. A program whose cage lacks one is not started.
//!
//! The layers name themselves in each command's record; what they add up to is decided here, once for the launcher, the
//! evidence and the screens.

use serde::{Deserialize, Serialize};

/// The layer's name that cancels every promise of whatever stands beside it: its program ran without a cage.
pub const SANDBOX_OFF: &str = "sandbox:off";

/// For whoever wants to leave the cage out by a key or a variable.
pub const SANDBOX_IS_ASKED_FOR: &str = "no setting, pack, blueprint, project or variable leaves the cage out: a person does, as root, \
    for one run, with `alai minion run \"TASK\" --sandbox off`";

/// Whether an agent is put into a cage. It is, unless a person says otherwise for one run on the command line: no file, pack,
/// project, variable or request says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sandbox {
    #[default]
    On,
    /// docs/adr/0008 tells what holds then, and what does not.
    Off,
}

impl Sandbox {
    pub fn as_str(self) -> &'static str {
        match self {
            Sandbox::On => "on",
            Sandbox::Off => "off",
        }
    }

    /// For what is written only where there is no cage.
    pub fn is_on(&self) -> bool {
        *self == Sandbox::On
    }

    /// What the layers of a record say of it.
    pub fn of(layers: &[String]) -> Sandbox {
        match layers.iter().any(|layer| layer == SANDBOX_OFF) {
            true => Sandbox::Off,
            false => Sandbox::On,
        }
    }

    pub fn parse(text: &str) -> Option<Sandbox> {
        [Sandbox::On, Sandbox::Off]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// One thing that a cage promises of everything that runs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// No write but to the folders that were given writable, and to scratch.
    WritesInside,
    /// No network but a loopback of its own, and on it the set-up's proxy, or a provider's API to which the trusted side adds
    /// the key, where there is one.
    OwnNetwork,
    NoOuterProcess,
    /// No file, variable, socket or memory of the machine that could hold a secret.
    NoSecret,
    /// No privilege, and none to be gained.
    NoPrivilege,
    /// Processes, memory and disk have an end.
    Bounded,
    /// When it ends, nothing that it started goes on.
    EndsWhole,
}

impl Property {
    pub const ALL: [Property; 7] = [
        Property::WritesInside,
        Property::OwnNetwork,
        Property::NoOuterProcess,
        Property::NoSecret,
        Property::NoPrivilege,
        Property::Bounded,
        Property::EndsWhole,
    ];

    /// The promise in words, for a line on a screen.
    pub fn words(self) -> &'static str {
        match self {
            Property::WritesInside => "no write outside",
            Property::OwnNetwork => "no network but its own loopback",
            Property::NoOuterProcess => "no outer process",
            Property::NoSecret => "no secret of the machine",
            Property::NoPrivilege => "no privilege",
            Property::Bounded => "processes, memory and disk bounded",
            Property::EndsWhole => "everything ended at the end",
        }
    }

    /// What must all be in force. Each was tried alone and found too little: docs/SANDBOX.md tells what passes one of them.
    fn needs(self) -> &'static [Part] {
        match self {
            Property::WritesInside => &[Part::Namespaces, Part::Landlock],
            Property::OwnNetwork | Property::NoOuterProcess => &[Part::Namespaces, Part::Seccomp],
            Property::NoSecret => &[Part::Namespaces, Part::User],
            Property::NoPrivilege => &[Part::User, Part::NoNewPrivileges, Part::Seccomp],
            Property::Bounded => &[Part::Processes, Part::Memory, Part::Disk],
            Property::EndsWhole => &[Part::Namespaces],
        }
    }

    /// What keeps nothing, and tells how wide the promise is: whoever reads it must see it.
    fn tells(self) -> &'static [Part] {
        match self {
            Property::WritesInside => &[Part::Scope],
            Property::OwnNetwork => &[Part::Proxy, Part::Provider, Part::Server],
            Property::NoOuterProcess
            | Property::NoSecret
            | Property::NoPrivilege
            | Property::Bounded
            | Property::EndsWhole => &[],
        }
    }

    /// What breaks the promise, whatever else is in force: an agent's own program has its login inside, and speaks to its provider
    /// in words that nobody of ours sees.
    fn broken_by(self) -> Option<Part> {
        match self {
            Property::OwnNetwork => Some(Part::Tunnel),
            Property::NoSecret => Some(Part::Login),
            Property::WritesInside
            | Property::NoOuterProcess
            | Property::NoPrivilege
            | Property::Bounded
            | Property::EndsWhole => None,
        }
    }
}

/// A promise that is kept, and the layers that keep it, as the record names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    pub property: Property,
    pub by: Vec<String>,
}

/// What the layers of one cage, or of several, add up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promises {
    pub kept: Vec<Promise>,
    pub lacking: Vec<Property>,
}

/// What a layer is, by its name in a record. A name that is not known keeps nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Mount, pid, network, ipc and uts namespaces and a minimal root.
    Namespaces,
    Landlock,
    Seccomp,
    NoNewPrivileges,
    /// Another user than root.
    User,
    Processes,
    Memory,
    Disk,
    Proxy,
    /// The requests of one API, which the trusted side makes.
    Provider,
    /// A host that a lent MCP server reaches, from a cage of its own: what runs in this one can only ask that server.
    Server,
    /// A host that is reached in words that the trusted side does not see.
    Tunnel,
    /// The login of an agent's program.
    Login,
    /// How far mounts hold a role's paths inside its clone.
    Scope,
}

/// A bound keeps its promise by the ways of counting that docs/SANDBOX.md lists, and by no other word behind the colon.
fn part(layer: &str) -> Option<Part> {
    match layer {
        "processes:cgroup" | "processes:own" | "processes:shared" => return Some(Part::Processes),
        "memory:cgroup" | "memory:watched" => return Some(Part::Memory),
        "disk:watched" => return Some(Part::Disk),
        _ => {}
    }
    let name = layer.split([' ', ':']).next().unwrap_or_default();
    match name {
        "bwrap" | "own-namespaces" => Some(Part::Namespaces),
        "landlock" => Some(Part::Landlock),
        "seccomp" => Some(Part::Seccomp),
        "no-new-privs" => Some(Part::NoNewPrivileges),
        "uid" => {
            let uid = layer.strip_prefix("uid:")?.parse::<u32>().ok()?;
            (uid != 0).then_some(Part::User)
        }
        "egress-proxy" => Some(Part::Proxy),
        "provider" => Some(Part::Provider),
        "server" => Some(Part::Server),
        "egress" => Some(Part::Tunnel),
        "login" => Some(Part::Login),
        "scope" => Some(Part::Scope),
        _ => None,
    }
}

/// What the layers of one cage promise.
pub fn promises(layers: &[String]) -> Promises {
    let mut found = Promises::default();
    if Sandbox::of(layers) == Sandbox::Off {
        found.lacking = Property::ALL.to_vec();
        return found;
    }
    for property in Property::ALL {
        let needs = property.needs();
        let all = needs
            .iter()
            .all(|need| layers.iter().any(|layer| part(layer) == Some(*need)));
        if !all || !breakers(property, layers).is_empty() {
            found.lacking.push(property);
            continue;
        }
        let tells = |part: Part| needs.contains(&part) || property.tells().contains(&part);
        let by = layers.iter().filter(|layer| part(layer).is_some_and(tells));
        found.kept.push(Promise {
            property,
            by: by.cloned().collect(),
        });
    }
    found
}

/// The layers that break a promise which the others would keep.
pub fn breakers(property: Property, layers: &[String]) -> Vec<&str> {
    let breaks = |layer: &&String| {
        property
            .broken_by()
            .is_some_and(|by| part(layer) == Some(by))
    };
    layers.iter().filter(breaks).map(String::as_str).collect()
}

/// What several cages promise together: only what each of them does, by all the layers that any of them names.
pub fn common<'a>(cages: impl IntoIterator<Item = &'a [String]>) -> Promises {
    let mut all: Option<Promises> = None;
    for cage in cages {
        let one = promises(cage);
        all = Some(match all {
            None => one,
            Some(all) => both(all, one),
        });
    }
    all.unwrap_or_else(|| promises(&[]))
}

fn both(one: Promises, other: Promises) -> Promises {
    let mut found = Promises::default();
    for mut promise in one.kept {
        let same = |p: &&Promise| p.property == promise.property;
        let Some(twin) = other.kept.iter().find(same) else {
            continue;
        };
        let new = twin.by.iter().filter(|layer| !promise.by.contains(layer));
        let new: Vec<String> = new.cloned().collect();
        promise.by.extend(new);
        found.kept.push(promise);
    }
    let kept = |property: &Property| found.kept.iter().any(|p| p.property == *property);
    found.lacking = Property::ALL.into_iter().filter(|p| !kept(p)).collect();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: [&str; 8] = [
        "bwrap 0.8.0",
        "landlock:7",
        "seccomp",
        "no-new-privs",
        "uid:64001",
        "processes:own",
        "memory:watched",
        "disk:watched",
    ];

    fn layers(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn without(name: &str) -> Vec<String> {
        let mut all = layers(&WHOLE);
        all.retain(|layer| !layer.starts_with(name));
        all
    }

    #[test]
    fn a_whole_cage_keeps_every_promise_and_tells_by_what() {
        let found = promises(&layers(&WHOLE));
        assert_eq!(found.lacking, []);
        let kept: Vec<Property> = found.kept.iter().map(|p| p.property).collect();
        assert_eq!(kept, Property::ALL);
        assert_eq!(found.kept[0].by, ["bwrap 0.8.0", "landlock:7"]);
    }

    #[test]
    fn each_layer_that_is_missing_costs_the_promises_that_rest_on_it() {
        use Property::*;
        let cases: [(&str, &[Property]); 8] = [
            (
                "bwrap",
                &[
                    WritesInside,
                    OwnNetwork,
                    NoOuterProcess,
                    NoSecret,
                    EndsWhole,
                ],
            ),
            ("landlock", &[WritesInside]),
            ("seccomp", &[OwnNetwork, NoOuterProcess, NoPrivilege]),
            ("no-new-privs", &[NoPrivilege]),
            ("uid", &[NoSecret, NoPrivilege]),
            ("processes", &[Bounded]),
            ("memory", &[Bounded]),
            ("disk", &[Bounded]),
        ];
        for (name, lost) in cases {
            assert_eq!(promises(&without(name)).lacking, lost, "{name}");
        }
        assert_eq!(promises(&[]).lacking, Property::ALL);
    }

    #[test]
    fn a_name_that_only_looks_like_a_layer_keeps_nothing() {
        for (real, fake) in [
            ("bwrap", "bwrapped"),
            ("uid", "uid:0"),
            ("uid", "uid:root"),
            ("seccomp", "no seccomp"),
            ("landlock", "Landlock"),
            ("processes", "processes"),
            ("processes", "processes:unlimited"),
            ("memory", "memory:none"),
            ("memory", "memory:watched "),
            ("disk", "disk:cgroup"),
            ("disk", "disk watched"),
        ] {
            let mut names = without(real);
            names.push(fake.to_owned());
            assert!(!promises(&names).lacking.is_empty(), "{fake}");
        }
    }

    #[test]
    fn every_way_of_counting_that_a_cage_has_bounds_it() {
        for (real, other) in [
            ("processes", "processes:cgroup"),
            ("processes", "processes:shared"),
            ("memory", "memory:cgroup"),
        ] {
            let mut names = without(real);
            names.push(other.to_owned());
            assert_eq!(promises(&names).lacking, [], "{other}");
        }
    }

    #[test]
    fn what_widens_a_promise_is_told_beside_it_and_keeps_none() {
        let wide = [
            "egress-proxy",
            "server:api.example.org",
            "scope:whole-clone",
        ];
        let found = promises(&layers(&[&WHOLE[..], &wide[..]].concat()));
        let by = |property| {
            let promise = found.kept.iter().find(|p| p.property == property);
            promise.expect("kept").by.clone()
        };
        assert_eq!(
            by(Property::OwnNetwork),
            [
                "bwrap 0.8.0",
                "seccomp",
                "egress-proxy",
                "server:api.example.org"
            ]
        );
        assert_eq!(
            by(Property::WritesInside),
            ["bwrap 0.8.0", "landlock:7", "scope:whole-clone"]
        );
        assert_eq!(promises(&layers(&wide)).lacking, Property::ALL);
    }

    #[test]
    fn a_login_inside_and_a_host_that_is_reached_break_what_they_break_and_no_more() {
        use Property::*;
        let cases: [(&[&str], &[Property]); 4] = [
            (&["login:claude"], &[NoSecret]),
            (&["egress-proxy", "egress:api.example.com"], &[OwnNetwork]),
            (
                &["egress-proxy", "login:claude", "egress:api.example.com"],
                &[OwnNetwork, NoSecret],
            ),
            (&["egress-proxy", "provider:api.example.com"], &[]),
        ];
        for (more, lost) in cases {
            let all = layers(&[&WHOLE[..], more].concat());
            assert_eq!(promises(&all).lacking, lost, "{more:?}");
        }
        let all = layers(&[&WHOLE[..], &["provider:api.example.com", "login:x"]].concat());
        let network = promises(&all)
            .kept
            .into_iter()
            .find(|p| p.property == OwnNetwork);
        let by = network.expect("kept").by;
        assert!(
            by.contains(&"provider:api.example.com".to_owned()),
            "{by:?}"
        );
        assert_eq!(breakers(NoSecret, &all), ["login:x"]);
        assert!(breakers(OwnNetwork, &all).is_empty());
    }

    #[test]
    fn without_a_cage_no_layer_keeps_anything() {
        let mut names = layers(&WHOLE);
        names.push(SANDBOX_OFF.to_owned());
        let found = promises(&names);
        assert_eq!(
            (found.kept, found.lacking),
            (vec![], Property::ALL.to_vec())
        );
        let whole = layers(&WHOLE);
        assert_eq!(common([&whole[..], &names[..]]).lacking, Property::ALL);
    }

    #[test]
    fn several_cages_promise_what_each_of_them_does() {
        let (bwrap, mut own) = (layers(&WHOLE), without("bwrap"));
        own.insert(0, "own-namespaces".to_owned());
        let found = common([&bwrap[..], &own[..]]);
        assert_eq!(found.lacking, []);
        assert_eq!(
            found.kept[0].by,
            ["bwrap 0.8.0", "landlock:7", "own-namespaces"]
        );
        let weak = without("landlock");
        let found = common([&bwrap[..], &weak[..], &own[..]]);
        assert_eq!(found.lacking, [Property::WritesInside]);
        assert_eq!(
            common([]).lacking,
            Property::ALL,
            "no cage promises nothing"
        );
    }
}
