//! What a relay is asked to do.

use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::Leg;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where a leg begins.
#[derive(Debug, Clone)]
pub struct Attached {
    /// It is handed every change committed after this cursor.
    pub start: Cursor,
    /// How far the relay had come.
    pub position: Cursor,
}

/// How an attachment is answered.
pub type Reply = oneshot::Sender<Result<Attached, Fault>>;

pub enum Command {
    Attach {
        leg: Arc<Leg>,
        /// Its client has a cursor, and may have come further than the relay. The leg then needs a subscription that begins
        /// now, or changes would be repeated.
        has_cursor: bool,
        reply: Reply,
    },
    Detach(Arc<Leg>),
    /// The leg has caught up: its client is told how far it has come, once the relay has come as far.
    Tell(Arc<Leg>),
    /// The leg follows this from now on; `stays` says whether this relay is the one for it.
    Renew {
        leg: Arc<Leg>,
        interest: Arc<Interest>,
        stays: bool,
    },
}
