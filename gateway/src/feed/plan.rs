//! The statements that commands need, and what the database has answered.

use super::book::Id;
use super::command::Reply;
use super::cursor::Cursor;
use super::fault::Fault;
use super::interest::Interest;
use super::leg::Leg;
use super::statements::Session;
use futures_util::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;

/// Legs that wait for a subscription.
pub(super) type Waiting = Vec<(Arc<Leg>, Reply)>;

/// Statements that the commands need.
#[derive(Default)]
pub(super) struct Plan {
    pub wanted: HashMap<Arc<Interest>, Waiting>,
    pub renewed: Vec<(Id, Arc<Interest>, Arc<Leg>)>,
    pub ended: Vec<Id>,
}

/// A subscription that was asked for.
pub(super) struct Made {
    pub interest: Arc<Interest>,
    pub legs: Waiting,
    pub made: Result<(Id, Cursor), Fault>,
}

/// What the database has answered.
pub(super) struct Done {
    pub made: Vec<Made>,
    pub renewed: Vec<(Id, Result<(), Fault>)>,
    pub ended: Result<(), Fault>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.renewed.is_empty() && self.ended.is_empty()
    }

    /// Sends all statements, then takes the answers.
    pub async fn carry_out(self, session: &Session) -> Done {
        let ended = async {
            if self.ended.is_empty() {
                return Ok(());
            }
            session.unsubscribe(&self.ended).await
        };
        let renewed =
            join_all(
                self.renewed
                    .into_iter()
                    .map(|(id, interest, _)| async move {
                        (id, session.resubscribe(id, &interest).await)
                    }),
            );
        let made = join_all(self.wanted.into_iter().map(|(interest, legs)| async move {
            let made = session.subscribe(&interest).await;
            Made {
                interest,
                legs,
                made,
            }
        }));
        let (ended, renewed, made) = tokio::join!(ended, renewed, made);
        Done {
            made,
            renewed,
            ended,
        }
    }
}
