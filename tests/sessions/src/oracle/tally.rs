//! What a run has covered, so that a run that covered nothing does not pass.

#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub polls: u64,
    pub inserts: u64,
    pub updates: u64,
    pub deletes: u64,
    pub truncates: u64,
    /// Readers that were sent back to their tables.
    pub again: u64,
    pub compared: u64,
    pub denied: u64,
    /// Changes that came to readers who chose events.
    pub chosen: u64,
    pub prepares: u64,
    pub swaps: u64,
}

impl Tally {
    pub fn add(&mut self, more: &Tally) {
        self.polls += more.polls;
        self.inserts += more.inserts;
        self.updates += more.updates;
        self.deletes += more.deletes;
        self.truncates += more.truncates;
        self.again += more.again;
        self.compared += more.compared;
        self.denied += more.denied;
        self.chosen += more.chosen;
        self.prepares += more.prepares;
        self.swaps += more.swaps;
    }
}
