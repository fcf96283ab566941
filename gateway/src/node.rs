//! What all clients of a gateway share.

use crate::config::Limits;
use crate::feed::{Feed, Who};
use crate::token::{Claims, Keyring, Refusal};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A gateway that runs.
pub struct Node {
    pub feed: Feed,
    pub keyring: Keyring,
    /// Roles that tokens may have.
    pub roles: HashSet<String>,
    pub limits: Limits,
    /// A permit for each client that is connected.
    pub clients: Arc<Semaphore>,
    /// Cancelled when the gateway is to stop: no new clients, and those that are there are asked to leave.
    pub draining: CancellationToken,
    /// Over how long they are asked.
    pub drain: Duration,
}

/// The longest that a token counts without being checked again: its key may have been withdrawn.
const RECHECK: Duration = Duration::from_secs(300);

/// Why a client may not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    Token(Refusal),
    /// The token is valid, and its role is not one of those that clients may have.
    Role,
}

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as i64)
}

impl Node {
    /// Who a token is of. Errors: a token that is not valid, or a role that is not for clients.
    pub fn admit(&self, token: &str) -> Result<(Who, Claims), Denied> {
        let claims = self.keyring.verify(token, now()).map_err(Denied::Token)?;
        if !self.roles.contains(&claims.role) {
            return Err(Denied::Role);
        }
        let who = Who {
            role: claims.role.as_str().into(),
            claims: claims.text.as_str().into(),
        };
        Ok((who, claims))
    }

    /// Waits until a token that was admitted, and expires then, is not valid any more.
    pub async fn until_denied(&self, token: &str, expires: i64) -> Denied {
        loop {
            let left = u64::try_from(expires.saturating_sub(now())).unwrap_or(0);
            // A clock in whole seconds: one at least, or the loop would spin through the last one.
            sleep(Duration::from_secs(left.max(1)).min(RECHECK)).await;
            if let Err(denied) = self.admit(token) {
                return denied;
            }
        }
    }

    /// Waits until a client is asked to leave: some time after the gateway was told to stop.
    pub async fn until_leaving(&self) {
        self.draining.cancelled().await;
        sleep(self.drain.mul_f64(fastrand::f64())).await;
    }
}
