//! Puts legs on subscriptions and takes them off, as commands ask for it.

use super::book::{Id, Left};
use super::catch_up;
use super::command::{Attached, Command, Reply};
use super::fault::Fault;
use super::interest::Interest;
use super::leg::Leg;
use super::plan::{Done, Made, Plan, Waiting};
use super::relay::Relay;
use super::statements::Session;
use std::sync::Arc;
use std::time::{Duration, Instant};

impl Relay {
    /// Sorts commands into what needs no statement, which is done, and what does.
    pub(super) fn plan(&mut self, commands: Vec<Command>) -> Plan {
        let mut plan = Plan::default();
        if self.unlocked.elapsed() > Duration::from_secs(1) {
            self.unlocked = Instant::now();
            self.locked.clear();
        }
        for command in commands {
            match command {
                Command::Attach {
                    leg,
                    has_cursor,
                    reply,
                } => self.plan_attach(&mut plan, leg, has_cursor, reply),
                Command::Detach(leg) => plan.ended.extend(self.take_off(&leg)),
                Command::Tell(leg) => leg.outlet.moved(&self.position),
                Command::Renew {
                    leg,
                    interest,
                    stays,
                } => self.plan_renew(&mut plan, leg, interest, stays),
            }
        }
        plan
    }

    fn plan_attach(&mut self, plan: &mut Plan, leg: Arc<Leg>, has_cursor: bool, reply: Reply) {
        plan.ended.extend(self.take_off(&leg));
        let interest = leg.interest();
        if reply.is_closed() || leg.is_ended() {
            return;
        }
        if let Some(fault) = self.locked.get(&interest.relation) {
            let _ = reply.send(Err(fault.clone()));
            return;
        }
        let shared = self.book.find(&interest);
        if let Some(id) = shared.filter(|id| !has_cursor && self.can_share(*id)) {
            plan.ended.extend(self.answer(id, leg, reply));
            return;
        }
        plan.wanted.entry(interest).or_default().push((leg, reply));
    }

    /// Whether a subscription delivers to a new leg exactly what comes behind the relay's position. Within a batch, or
    /// before the relay has come to where the subscription begins, another one is made.
    fn can_share(&self, id: Id) -> bool {
        let start = self.book.get(id).map(|shared| shared.start.as_ref());
        self.is_moment
            && start.is_some_and(|start| start.is_none_or(|start| *start == self.position))
    }

    /// The subscription is there: the leg is on it. Returns the subscription where nobody waits for it any more.
    fn answer(&mut self, id: Id, leg: Arc<Leg>, reply: Reply) -> Option<Id> {
        let start = self.book.get(id)?.start.clone();
        let attached = Attached {
            start: start.unwrap_or_else(|| self.position.clone()),
            position: self.position.clone(),
        };
        leg.keep(&attached.start);
        leg.set_ahead(attached.start != self.position);
        self.book.add(id, leg.clone());
        match reply.send(Ok(attached)) {
            Ok(()) => None,
            Err(_) => self.take_off(&leg),
        }
    }

    fn plan_renew(&mut self, plan: &mut Plan, leg: Arc<Leg>, interest: Arc<Interest>, stays: bool) {
        if *leg.interest() == *interest {
            return;
        }
        leg.set_interest(interest.clone());
        if stays && leg.is_live() {
            if let Some(id) = self.book.replace(&leg, interest.clone()) {
                // Of several, the last one counts.
                plan.renewed
                    .retain(|(_, _, other)| !Arc::ptr_eq(other, &leg));
                plan.renewed.push((id, interest, leg));
                return;
            }
        }
        leg.forget_kept();
        plan.ended.extend(self.let_go(leg));
    }

    /// Takes a leg off. Returns its subscription where nobody is left on it.
    pub(super) fn take_off(&mut self, leg: &Arc<Leg>) -> Option<Id> {
        self.book.remove(leg, &self.position).0
    }

    /// Takes a leg off; where it was live, it comes back by itself. Returns its subscription where nobody is left on it.
    pub(super) fn let_go(&mut self, leg: Arc<Leg>) -> Option<Id> {
        let (unused, from) = self.book.remove(&leg, &self.position);
        if let Some(from) = from {
            catch_up::recover(&self.feed, leg, from);
        }
        unused
    }

    /// Takes note of what the database has answered.
    pub(super) async fn take(&mut self, done: Done, session: &Session) -> Result<(), Fault> {
        let mut unused = Vec::new();
        let mut lost = done.ended.err();
        for Made {
            interest,
            legs,
            made,
        } in done.made
        {
            match made {
                Ok((id, start)) => {
                    self.book.insert(id, interest.clone(), start);
                    self.seat(id, &interest, legs, &mut unused);
                }
                Err(fault) => {
                    if fault.is_locked() {
                        self.locked.insert(interest.relation.clone(), fault.clone());
                    }
                    for (_, reply) in legs {
                        let _ = reply.send(Err(fault.clone()));
                    }
                    lost = lost.or(Some(fault).filter(Fault::is_unreachable));
                }
            }
        }
        for (id, renewed) in done.renewed {
            // Whoever has come to share it meanwhile must not get what the claims before may see.
            if let Err(fault) = renewed {
                self.end_subscription(id, &fault, &mut unused);
            }
        }
        if let Some(fault) = lost {
            return Err(fault);
        }
        if !unused.is_empty() {
            session.unsubscribe(&unused).await?;
        }
        Ok(())
    }

    /// Ends a subscription. Where the same may succeed later, its legs come back by themselves.
    pub(super) fn end_subscription(&mut self, id: Id, fault: &Fault, unused: &mut Vec<Id>) {
        if let Some(shared) = self.book.get(id).filter(|_| fault.is_locked()) {
            // They read by themselves: not all of them wait for the lock.
            catch_up::is_locked(&self.feed, &shared.interest);
        }
        for Left { leg, from } in self.book.end(id, &self.position) {
            match from {
                Some(from) if fault.is_passing() => catch_up::recover(&self.feed, leg, from),
                // It reads on when it has passed on what it has.
                None if fault.is_passing() => {}
                _ => leg.fail(fault),
            }
        }
        unused.push(id);
    }

    /// Puts legs on a new subscription.
    fn seat(&mut self, id: Id, interest: &Interest, legs: Waiting, unused: &mut Vec<Id>) {
        for (leg, reply) in legs {
            if leg.is_ended() {
                continue;
            }
            if *leg.interest() == *interest {
                self.answer(id, leg, reply);
            } else {
                // It was renewed meanwhile.
                self.waiting.push(Command::Attach {
                    leg,
                    has_cursor: true,
                    reply,
                });
            }
        }
        if self.book.members(id).is_empty() {
            self.book.end(id, &self.position);
            unused.push(id);
        }
    }
}
