//! Joining: who the client is, what it follows, and the answer.

use super::binding::{group, number, Bound, Group};
use super::renewal::Identity;
use super::Channel;
use crate::feed::{cursor, Attached, Cursor, Fault, Feed, Interest, Leg, Outlet, Who};
use crate::lock;
use crate::metrics as names;
use crate::phoenix::frame::{Address, Reference};
use crate::phoenix::join::Join;
use crate::phoenix::reply;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// The message that follows a join with bindings, and a new token.
pub(super) const SUBSCRIBED: &str = "Subscribed to PostgreSQL";

/// How long a refusal waits: clients join again at once. Nothing else waits with it.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Pause before a join asks a database again that did not answer.
const RETRY: Duration = Duration::from_millis(200);

/// How long a join waits for a table that somebody has locked. Then it is tried later.
const LOCKED: Duration = Duration::from_secs(2);

/// A leg that is attached, and where its client wants to begin. Unless it begins, it is taken off again.
pub(super) struct Ready {
    attempt: Attempt,
    attached: Attached,
    pub since: Option<Cursor>,
    /// Whether it has come with a text that cannot be a cursor.
    is_no_cursor: bool,
}

impl Ready {
    pub fn leg(&self) -> &Leg {
        &self.attempt.leg
    }
}

/// A leg that is being attached. Where that fails, or is broken off, it is taken off again.
struct Attempt {
    feed: Feed,
    leg: Arc<Leg>,
    has_succeeded: bool,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.has_succeeded {
            self.feed.detach([self.leg.clone()]);
        }
    }
}

impl Channel {
    /// Carries out a join, in a task of its own: other messages of the socket do not wait for it.
    pub fn join(&self, join: Join, reference: Reference) {
        let Some(me) = self.me.upgrade() else { return };
        self.spawn(async move {
            let began = Instant::now();
            let turn = me.clone();
            let mut identity = turn.turn.lock().await;
            let refusal = match me.carry_out(&join, &mut identity, &reference).await {
                Ok(()) => {
                    ::metrics::histogram!(names::JOIN_SECONDS).record(began.elapsed());
                    return;
                }
                Err(refusal) => refusal,
            };
            drop(identity);
            ::metrics::counter!(names::JOINS, "result" => "refused").increment(1);
            // One that took long was kept waiting already: its client gives up after ten seconds.
            sleep(BACK_OFF.saturating_sub(began.elapsed())).await;
            me.refuse_join(&reference, &refusal);
        });
    }

    /// Refuses a join, and ends the channel that was not joined.
    pub fn refuse_join(&self, reference: &Reference, reason: &str) {
        self.end(|| {
            vec![reply::refusal(
                self.version,
                self.address(reference),
                reason,
            )]
        });
    }

    fn address<'a>(&'a self, reference: &'a Reference) -> Address<'a> {
        Address {
            join_ref: self.join_ref.as_deref(),
            reference: reference.as_deref(),
            topic: &self.topic,
        }
    }

    async fn carry_out(
        &self,
        join: &Join,
        identity: &mut Identity,
        reference: &Reference,
    ) -> Result<(), String> {
        if self
            .topic
            .strip_prefix("realtime:")
            .is_none_or(str::is_empty)
        {
            return Err("TopicNameRequired: You must provide a topic name".to_string());
        }
        let who = self.identify(identity, join.access_token.as_deref())?;
        if join.private {
            return Err(format!("Unauthorized: {}", self.no_permission()));
        }
        if join.bindings.len() > self.node.limits.bindings_per_channel {
            ::metrics::counter!(names::LIMITS, "limit" => "bindings").increment(1);
            return Err("ChannelRateLimitReached: Too many bindings".to_string());
        }
        let bounds = number(&join.bindings);
        let groups = group(&bounds);
        {
            let mut state = lock(&self.state);
            state.groups = groups.clone();
            state.follows = join.bindings.iter().any(|binding| binding.since.is_some());
        }
        let limit = self.node.limits.join_timeout;
        let Ok((ready, refused)) = timeout(limit, self.attach_all(&groups, &who)).await else {
            return Err(
                "UnableToConnectToProject: Realtime was unable to connect to the project database"
                    .to_string(),
            );
        };
        self.answer(&bounds, reference);
        ::metrics::counter!(names::JOINS, "result" => "ok").increment(1);
        for (id, fault) in &refused {
            self.refuse(*id, fault);
            self.try_later(*id, fault);
        }
        self.about_bindings(
            &bounds,
            join.presence,
            ready.is_empty() && !refused.is_empty(),
        );
        if ready.iter().all(|ready| ready.since.is_none()) {
            if let Some(cursor) = Attached::first(ready.iter().map(|ready| &ready.attached)) {
                self.begin_at(cursor);
            }
        }
        ready.into_iter().for_each(|ready| self.begin(ready));
        self.follow_tables(&who);
        Ok(())
    }

    /// Lets an attached leg pass on its changes.
    pub(super) fn begin(&self, ready: Ready) {
        let Ready {
            mut attempt,
            attached,
            since,
            is_no_cursor,
        } = ready;
        attempt.has_succeeded = true;
        let leg = attempt.leg.clone();
        if is_no_cursor {
            self.missed(leg.tag, &Fault::no_cursor());
        }
        self.node.feed.begin(leg, &attached, since);
    }

    /// Before any change: until then the client does not know the ids.
    fn answer(&self, bounds: &[Bound], reference: &Reference) {
        let list: Vec<String> = bounds
            .iter()
            .map(|bound| bound.binding.with_id(bound.id))
            .collect();
        let response = format!("{{\"postgres_changes\":[{}]}}", list.join(","));
        self.send(reply::reply(
            self.version,
            self.address(reference),
            true,
            &response,
        ));
    }

    fn about_bindings(&self, bounds: &[Bound], presence: bool, all_refused: bool) {
        if !bounds.is_empty() && !all_refused {
            self.about_changes(true, SUBSCRIBED);
        }
        if presence {
            // Nobody is there: the client's state begins with this.
            let to = Address {
                join_ref: self.join_ref.as_deref(),
                reference: None,
                topic: &self.topic,
            };
            self.send(crate::phoenix::frame::encode(
                self.version,
                to,
                "presence_state",
                &["{}"],
            ));
        }
    }

    /// Attaches what every binding follows: all in one turn of the relay.
    async fn attach_all(&self, groups: &[Group], who: &Who) -> (Vec<Ready>, Vec<(u32, Fault)>) {
        let attached = join_all(groups.iter().map(|group| self.attach(group, who))).await;
        let (mut ready, mut refused) = (Vec::new(), Vec::new());
        for (group, attached) in groups.iter().zip(attached) {
            match attached {
                Ok(legs) => ready.extend(legs),
                Err(fault) => refused.push((group.tag, fault)),
            }
        }
        (ready, refused)
    }

    /// The legs of some bindings. While the database does not answer, it is asked again.
    pub(super) async fn attach(&self, group: &Group, who: &Who) -> Result<Vec<Ready>, Fault> {
        if let Some(misfit) = group.misfit() {
            return Err(Fault::new("22023", misfit));
        }
        if group.is_wildcard() {
            let tables = loop {
                match self.tables(group, who).await {
                    Err(fault) if fault.is_unreachable() => sleep(RETRY).await,
                    other => break other?,
                }
            };
            let legs = tables
                .into_iter()
                .map(|relation| self.attach_table(group, group.interest(relation, who)));
            let (mut ready, mut passing) = (Vec::new(), None);
            for leg in join_all(legs).await {
                match leg {
                    Ok(leg) => ready.push(leg),
                    Err(fault) if fault.is_passing() => passing = Some(fault),
                    Err(fault) if fault.is_no_table() => {}
                    Err(fault) => return Err(fault),
                }
            }
            // All of them later, behind the same cursor. A table that went away meanwhile is none of the schema's.
            return passing.map_or(Ok(ready), Err);
        }
        let interest = group.interest(group.relation(), who);
        Ok(vec![self.attach_table(group, interest).await?])
    }

    pub(super) async fn attach_table(
        &self,
        group: &Group,
        interest: Interest,
    ) -> Result<Ready, Fault> {
        let Some(me) = self.me.upgrade() else {
            return Err(Fault::unreachable("the channel has ended"));
        };
        let began = Instant::now();
        let given = group.since();
        let since = given.and_then(cursor::parse);
        let leg = Leg::new(group.tag, interest, me);
        // Before it is attached: the end of the channel then takes it off, however far this has come.
        self.keep(&leg)?;
        let feed = &self.node.feed;
        let attempt = Attempt {
            feed: feed.clone(),
            leg,
            has_succeeded: false,
        };
        loop {
            match feed.attach(&attempt.leg, since.is_some()).await {
                Ok(attached) => {
                    return Ok(Ready {
                        attempt,
                        attached,
                        is_no_cursor: given.is_some() && since.is_none(),
                        since,
                    });
                }
                Err(fault) if fault.is_unreachable() => sleep(RETRY).await,
                // A lock that lasts must not keep the other bindings waiting.
                Err(fault) if fault.is_passing() && began.elapsed() < LOCKED => sleep(RETRY).await,
                Err(fault) => return Err(fault),
            }
        }
    }
}
