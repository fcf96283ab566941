//! The plan of a trigger: everything that is the same for all rows. Built once, and kept until the relation changes.

use super::message_sinks::MessageSinks;
use super::orders::{self, Shared};
use crate::capture_trigger::Arguments;
use crate::change::Operation;
use crate::error::Result;
use crate::log::layout::{Layout, Registered};
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::call::trigger;
use crate::pg::call::trigger::Call;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::relation_triggers;
use crate::pg::image::builder::ImageBuilder;
use crate::pg::row::key::KeyKind;
use crate::pg::Oid;
use crate::sink::Sinks;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// How many plans a session caches. Each partition that it writes to has one for each of its triggers.
const KEPT: usize = 4_096;

/// What a trigger knows about its relation.
pub struct Plan {
    /// The relation that the changes are reported for: the trigger's own, or the partition root that was enabled.
    pub root: Oid,
    pub sinks: Sinks,
    /// For the sinks other than the log; `None` if there are none.
    pub message_sinks: Option<MessageSinks>,
    /// Whether this is the TRUNCATE trigger of one partition.
    pub is_leaf: bool,
    /// Whether a DETACH CONCURRENTLY has taken the partition away from the root and has not ended: a SELECT of the root
    /// does not show its rows any more, but its triggers are still there.
    pub detached: bool,
    pub images: ImageBuilder,
    /// Attribute numbers of the key; empty if there is none.
    pub key: Vec<i16>,
    /// How the key's values are compared, once a change was late; `None` if one of them has no canonical form.
    pub key_kinds: OnceCell<Option<Vec<KeyKind>>>,
    /// The order of all of the root's changes that are logged, or of all that are not, whichever trigger captures them.
    pub order: Shared,
    pub layout: Registered,
    fresh: [Fresh; 2],
}

thread_local! {
    static PLANS: RefCell<Cache<Oid, Rc<Plan>>> = RefCell::new(Cache::new(KEPT));
    static LAST: RefCell<Option<(Oid, Rc<Plan>)>> = const { RefCell::new(None) };
}

impl Plan {
    /// The plan of the trigger that was called; consecutive rows of one trigger find it without a look-up.
    pub fn of(call: &Call) -> Result<Rc<Plan>> {
        let trigger = call.trigger();
        let last = LAST.with_borrow(|last| {
            last.as_ref()
                .filter(|(of, plan)| *of == trigger && plan.is_fresh())
                .map(|(_, plan)| plan.clone())
        });
        if let Some(plan) = last {
            return Ok(plan);
        }
        let plan = match PLANS.with_borrow_mut(|plans| plans.get(&trigger)) {
            Some(plan) => plan,
            None => {
                let plan = Rc::new(Plan::make(call));
                PLANS.with_borrow_mut(|plans| plans.insert(trigger, plan.clone()));
                plan
            }
        };
        LAST.set(Some((trigger, plan.clone())));
        Ok(plan)
    }

    fn make(call: &Call) -> Plan {
        let arguments = Arguments::decode(&call.arguments());
        let is_leaf = arguments.is_leaf;
        let own = invalidation::watch(call.relation());
        let root = if is_leaf && call.operation() == Operation::Truncate {
            relation_triggers::truncate_root(call.relation(), call.function())
                .unwrap_or(call.relation())
        } else {
            trigger::captured_root(call)
        };
        if root != call.relation() {
            // What DETACH CONCURRENTLY changes is a table in between, if it is not the root.
            let above = inheritance::above(call.relation());
            above.into_iter().for_each(|table| own.also(table));
        }
        let detached = root != call.relation() && !inheritance::is_below(call.relation(), root);
        let fresh = [own, invalidation::watch(root)];
        let images = ImageBuilder::new(call, root);
        let layout = Registered::new(Layout {
            relation: root,
            columns: images.columns(),
        });
        let sinks = Sinks::of(&arguments);
        let message_sinks = (!detached && (sinks.want_messages() || sinks.notify))
            .then(|| MessageSinks::new(root, &sinks, &arguments))
            .flatten();
        Plan {
            root,
            order: orders::order_of(root, sinks.log),
            sinks,
            message_sinks,
            is_leaf,
            detached,
            key: images.key(),
            key_kinds: OnceCell::new(),
            images,
            layout,
            fresh,
        }
    }
}

impl Kept for Plan {
    fn is_fresh(&self) -> bool {
        self.fresh.iter().all(Fresh::get)
            && self
                .message_sinks
                .as_ref()
                .is_none_or(MessageSinks::is_fresh)
    }
}
