//! What there is to schedule on: hosts, models, and what each host can do with each model.

/// A host's position in [`Fleet::hosts`]. Ties are decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

/// A model's position in [`Fleet::models`]. Ties are decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub usize);

/// A machine that serves models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    /// Calls at once, of all its models together.
    pub slots: u32,
    /// Bytes that models may use: what the machine has without what its system keeps.
    pub memory: u64,
    /// One of the machines that the user named as theirs. Jobs that are `local_only` run on no other.
    pub local: bool,
}

/// A model as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub name: String,
    /// Bytes while it is loaded: weights, and the context of all its slots.
    pub bytes: u64,
    /// Milliseconds for which it would like to stay after its last call. It orders evictions and forbids none.
    pub keep_alive_ms: i64,
}

/// What one host does with one model that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Calls at once of this model on this host. Ollama's default is 1, and it says nothing while a call waits for one.
    pub slots: u32,
    /// Milliseconds from the order to load to the first call; measured, or bytes by bandwidth.
    pub load_ms: i64,
    /// It is never unloaded. The classifier is such a one: a swap for fifteen seconds of work is worth nothing.
    pub pinned: bool,
}

impl Place {
    /// Milliseconds to read so many bytes at so many bytes a second. A bandwidth of 0 counts as 1.
    pub fn load_ms_at(bytes: u64, bytes_s: u64) -> i64 {
        let ms = u128::from(bytes) * 1000 / u128::from(bytes_s.max(1));
        i64::try_from(ms).unwrap_or(i64::MAX / 4).min(i64::MAX / 4)
    }
}

/// Hosts, models, and which host has which model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    pub hosts: Vec<Host>,
    pub models: Vec<Model>,
    /// By host, then by model; `None` where the host does not have the model.
    pub places: Vec<Vec<Option<Place>>>,
    /// Calls at once in all; `None` for no such limit.
    pub slots: Option<u32>,
}

impl Fleet {
    /// `None` also for a host or a model that there is not.
    pub fn place(&self, host: HostId, model: ModelId) -> Option<Place> {
        *self.places.get(host.0)?.get(model.0)?
    }

    pub fn host_ids(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.hosts.len()).map(HostId)
    }

    pub fn model_ids(&self) -> impl Iterator<Item = ModelId> + use<> {
        (0..self.models.len()).map(ModelId)
    }

    pub(super) fn host_name(&self, host: HostId) -> &str {
        self.hosts.get(host.0).map_or("?", |host| &host.name)
    }

    pub(super) fn model_name(&self, model: ModelId) -> &str {
        self.models.get(model.0).map_or("?", |model| &model.name)
    }
}
