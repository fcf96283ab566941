//! The operations of changes, as used by triggers, the log, messages and settings. Pure.

/// What happened to a row, or to a whole table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Insert,
    Update,
    Delete,
    Truncate,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowOperation {
    Insert,
    Update,
    Delete,
}

impl Operation {
    /// In the order in which they are shown.
    pub const ALL: [Operation; 4] = [
        Operation::Insert,
        Operation::Update,
        Operation::Delete,
        Operation::Truncate,
    ];

    /// The name in SQL, in a message's `type` and in a trigger's TG_OP.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Insert => "INSERT",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Truncate => "TRUNCATE",
        }
    }

    /// The reverse of [`Operation::name`].
    pub fn from_name(name: &str) -> Option<Operation> {
        let mut all = Operation::ALL.into_iter();
        all.find(|operation| operation.name() == name)
    }

    /// The same, for a name in upper or lower case.
    pub fn from_name_in_any_case(name: &str) -> Option<Operation> {
        Operation::from_name(&name.to_ascii_uppercase())
    }
}

impl From<RowOperation> for Operation {
    fn from(operation: RowOperation) -> Operation {
        match operation {
            RowOperation::Insert => Operation::Insert,
            RowOperation::Update => Operation::Update,
            RowOperation::Delete => Operation::Delete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Operation;

    #[test]
    fn names_come_back() {
        for operation in Operation::ALL {
            let name = operation.name();
            assert_eq!(Operation::from_name(name), Some(operation));
            let lower = name.to_lowercase();
            assert_eq!(Operation::from_name(&lower), None);
            assert_eq!(Operation::from_name_in_any_case(&lower), Some(operation));
        }
        assert_eq!(Operation::from_name_in_any_case("*"), None);
    }
}
