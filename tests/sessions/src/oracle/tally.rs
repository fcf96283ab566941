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
    /// Subscriptions of relays, and those that were given to another reader or took over from a client.
    pub subscribed: u64,
    pub resubscribed: u64,
    pub handed_over: u64,
    /// Rows of `fan_out`, rows that were compared with the subscription's own calls, copies with their tables.
    pub fanned_out: u64,
    pub matched: u64,
    pub copies: u64,
    /// Subscriptions that lost what they were for.
    pub ended: u64,
    /// Changes of policies, privileges and memberships.
    pub moves: u64,
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
        self.subscribed += more.subscribed;
        self.resubscribed += more.resubscribed;
        self.handed_over += more.handed_over;
        self.fanned_out += more.fanned_out;
        self.matched += more.matched;
        self.copies += more.copies;
        self.ended += more.ended;
        self.moves += more.moves;
    }
}
