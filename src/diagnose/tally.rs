//! How many changes fared how, and in words.

/// How many changes fared how; each is in one of these but `turned`, and the changes that were cut.
#[derive(Default)]
pub struct Tally {
    pub changes: usize,
    /// By what the role would have received.
    pub inserts: usize,
    pub updates: usize,
    pub deletes: usize,
    pub truncates: usize,
    /// UPDATEs among them that reach the role as INSERT or DELETE.
    pub turned: usize,
    pub event: usize,
    pub policy: usize,
    pub filter: usize,
    pub layout: usize,
    pub size: usize,
    pub raised: usize,
    pub gaps: usize,
    pub cut: usize,
}

impl Tally {
    pub fn reached(&self) -> usize {
        self.inserts + self.updates + self.deletes + self.truncates
    }

    pub fn describe(&self, whose: &str) -> String {
        let mut detail = format!(
            "Of the last {} {whose} {} would have reached the role",
            self.changes,
            self.reached()
        );
        let reached = [
            (self.inserts, "INSERT"),
            (self.updates, "UPDATE"),
            (self.deletes, "DELETE"),
            (self.truncates, "TRUNCATE"),
        ];
        let reached: Vec<String> = reached
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, event)| format!("{number} as {event}"))
            .collect();
        if !reached.is_empty() {
            detail += &format!(" ({})", reached.join(", "));
        }
        for (number, what) in self.rest().iter().filter(|(number, _)| *number > 0) {
            detail += &format!("; {number} {what}");
        }
        detail + "."
    }

    fn rest(&self) -> [(usize, &'static str); 9] {
        [
            (
                self.turned,
                "of these UPDATEs of rows that entered (INSERT) or left (DELETE) what it sees",
            ),
            (
                self.event,
                "stopped by their event, which is not captured any more",
            ),
            (self.policy, "stopped by policies"),
            (self.filter, "stopped by the filter"),
            (
                self.size,
                "stopped by their size: a value that a policy or the filter looks at was not captured",
            ),
            (
                self.layout,
                "not to be judged, since the table has changed since",
            ),
            (
                self.raised,
                "stopped by an error that a policy or the filter raised",
            ),
            (self.gaps, "gap entries"),
            (
                self.cut,
                "without values that were too large to be captured",
            ),
        ]
    }
}
