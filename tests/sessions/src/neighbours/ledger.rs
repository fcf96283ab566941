//! What the writers know of their changes, by the names that the changes have.

use crate::pg::Client;
use crate::{check, Outcome};
use std::collections::HashSet;
use std::sync::Mutex;

#[derive(Default)]
pub struct Ledger(Mutex<Account>);

#[derive(Default)]
struct Account {
    committed: HashSet<i64>,
    /// Transactions whose end was not answered, by their numbers.
    doubtful: Vec<(String, Vec<i64>)>,
}

impl Ledger {
    pub fn committed(&self, names: Vec<i64>) {
        self.0.lock().unwrap().committed.extend(names);
    }

    pub fn doubtful(&self, transaction: String, names: Vec<i64>) {
        self.0.lock().unwrap().doubtful.push((transaction, names));
    }

    /// Asks the server what became of transactions in doubt, when all have ended: how many committed, and how many did not.
    pub fn settle(&self, client: &mut Client) -> Result<(u64, u64), String> {
        let mut account = self.0.lock().unwrap();
        let (mut committed, mut aborted) = (0, 0);
        for (transaction, names) in std::mem::take(&mut account.doubtful) {
            let status = client.value(&format!("SELECT pg_xact_status('{transaction}')"))?;
            match status.as_str() {
                "committed" => {
                    committed += 1;
                    account.committed.extend(names);
                }
                "aborted" => aborted += 1,
                _ => return Err(format!("transaction {transaction} is {status}")),
            }
        }
        Ok((committed, aborted))
    }

    /// What is there against what was committed.
    pub fn compare(&self, who: &str, there: &[i64], all: bool) -> Outcome {
        let account = self.0.lock().unwrap();
        let known: HashSet<i64> = there.iter().copied().collect();
        let twice = there.len() - known.len();
        let invented = known.difference(&account.committed).count();
        let lost = account.committed.difference(&known).count();
        println!(
            "        {who}: {} changes of {}",
            there.len(),
            account.committed.len()
        );
        check(twice == 0 && invented == 0 && (lost == 0 || !all), || {
            format!("{who}: {lost} changes are missing, {twice} were done twice, {invented} were never committed")
        })
    }
}
