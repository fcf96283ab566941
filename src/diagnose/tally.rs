//! Counts of changes by outcome, and their description.

/// Counts of changes by outcome. Each change has one outcome; `turned` and `cut` count some of the changes once more.
#[derive(Default)]
pub struct Tally {
    pub changes: usize,
    /// Changes that would have reached the role, by the operation that it would have received.
    pub inserts: usize,
    pub updates: usize,
    pub deletes: usize,
    pub truncates: usize,
    /// UPDATEs among them that reach the role as INSERT or DELETE.
    pub turned: usize,
    pub operation: usize,
    pub policy: usize,
    pub filter: usize,
    /// UPDATEs of columns only that the role may not SELECT.
    pub withheld: usize,
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
            "Of the last {} {whose}, {} would have reached the role",
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
            .map(|(number, operation)| format!("{number} as {operation}"))
            .collect();
        if !reached.is_empty() {
            detail += &format!(" ({})", reached.join(", "));
        }
        for (number, what) in self.rest().iter().filter(|(number, _)| *number > 0) {
            detail += &format!("; {number} {what}");
        }
        detail + "."
    }

    fn rest(&self) -> [(usize, &'static str); 10] {
        [
            (
                self.turned,
                "of these by UPDATEs that made a row visible (INSERT) or invisible (DELETE) to it",
            ),
            (
                self.operation,
                "stopped because their operation is no longer captured",
            ),
            (self.policy, "stopped by policies"),
            (self.filter, "stopped by the filter"),
            (
                self.withheld,
                "of columns only that the role may not SELECT",
            ),
            (
                self.size,
                "stopped by size: a value that a policy or the filter needs was too large to be captured",
            ),
            (
                self.layout,
                "that cannot be judged, because the table was altered later",
            ),
            (
                self.raised,
                "stopped by an error that a policy or the filter raised",
            ),
            (
                self.gaps,
                if self.gaps == 1 {
                    "gap entry"
                } else {
                    "gap entries"
                },
            ),
            (
                self.cut,
                "without values that were too large to be captured",
            ),
        ]
    }
}
