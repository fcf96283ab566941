//! Appends changes in order. A change that arrives late gets a position before later changes. If there is none, a gap
//! entry is appended.

use super::gap::gap_once;
use super::order::{self, Belongs, Key, Keys, Order, Place, Rows};
use super::orders;
use super::plan::Plan;
use crate::change::{Operation, RowOperation};
use crate::error::Result;
use crate::log::append::{append_at, Change, Content};
use crate::log::decode::{self, CapturedRow};
use crate::log::entry::GapCause;
use crate::log::layout;
use crate::log::marks;
use crate::log::read;
use crate::pg::backend::memory::{Memory, Scratch};
use crate::pg::backend::xact;
use crate::pg::backend::xact::Within;
use crate::pg::call::trigger::Call;
use crate::pg::catalog::rowtype::row_type_of_relation;
use crate::pg::image::decode::Decoder;
use crate::pg::image::version;
use crate::pg::image::version::Fate;
use crate::pg::image::version::Version;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::key::KeyKind;
use crate::pg::row::record::RowShape;
use std::cell::RefMut;
use std::rc::Rc;

/// A change, and what is known of its order.
pub struct Known {
    /// `None` for TRUNCATE: no later change of the relation can be captured before it.
    change: Option<order::Change>,
    now: Within,
    keys: Option<Box<Keys>>,
    standing: Standing,
}

/// What is known of the order before any keys are compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Every captured change comes before this one.
    Last,
    /// A change that comes after this one may already have been captured. Keys and versions show it.
    Late,
    /// The same, but nothing shows it.
    Unknown,
}

/// The change that a trigger is called for.
#[inline(always)]
pub fn known(call: &Call, plan: &Plan) -> Known {
    let Some(step) = call.step() else {
        return without_step(call, plan);
    };
    let change = order::Change {
        command: step.command,
        old: step.old,
        new: step.new,
        superseded: step.superseded,
        recorded: call.wal_written(),
    };
    let now = Within::now();
    let order = begun(call, plan, now);
    let takes_key = change.old.is_some() && !plan.key.is_empty();
    let late = order.has_later(&change) && (step.superseded || takes_key);
    let wants_keys = late || order.wants_keys();
    drop(order);
    let keys = wants_keys
        .then(|| keys_of_call(call, plan, &change))
        .flatten()
        .map(Box::new);
    Known {
        change: Some(change),
        now,
        keys,
        standing: if late { Standing::Late } else { Standing::Last },
    }
}

#[inline(always)]
fn begun<'p>(call: &Call, plan: &'p Plan, now: Within) -> RefMut<'p, Order> {
    let mut order = orders::begun(&plan.order, now.xid);
    if !plan.sinks.log {
        order.unlogged();
    }
    if call.is_deferrable() {
        order.may_defer();
    }
    order
}

/// A TRUNCATE, or a change of a row that is not a heap tuple. Neither shows its place among the changes that statements
/// within its own one have made. For a TRUNCATE, every change since its statement began counts: it may have emptied the
/// table before or after. The first command within it may even have the same number.
#[cold]
fn without_step(call: &Call, plan: &Plan) -> Known {
    let now = Within::now();
    let order = begun(call, plan, now);
    let is_truncate = call.operation() == Operation::Truncate;
    let command = match call.is_deferrable() {
        true => 0,
        false => xact::statement_command(),
    };
    let from = command + u32::from(!is_truncate);
    let standing = match order.has_since(from) {
        true => Standing::Unknown,
        false => Standing::Last,
    };
    let wants_keys = order.wants_keys();
    drop(order);
    let change = (!is_truncate).then(|| order::Change {
        command,
        old: None,
        new: None,
        superseded: false,
        recorded: call.wal_written(),
    });
    let keys = change.as_ref().filter(|_| wants_keys);
    Known {
        keys: keys
            .and_then(|change| keys_of_call(call, plan, change))
            .map(Box::new),
        change,
        now,
        standing,
    }
}

/// Appends a captured change where it belongs. Errors: as [`append_at`].
pub fn append_in_order(call: &Call, plan: &Plan, content: &Content) -> Result<()> {
    let known = known(call, plan);
    let belongs = match known.standing {
        Standing::Last => Belongs::Last,
        Standing::Late => find_place(plan, &known),
        Standing::Unknown => Belongs::Unknown,
    };
    let earlier = match belongs {
        Belongs::At(position) => Some(position),
        Belongs::Last | Belongs::Unknown => None,
    };
    let recorded = (known.change.as_ref()).map_or_else(|| call.wal_written(), |it| it.recorded);
    let entry = Change {
        relation: plan.root,
        content,
        wal_written: recorded,
    };
    let appended = append_at(&entry, earlier, known.now)?;
    if belongs == Belongs::Unknown {
        gap_once(plan.root, GapCause::Order)?;
    }
    let Some(change) = known.change else {
        return Ok(());
    };
    let place = Place {
        position: appended.position.at,
        segment: appended.segment,
        roomy: appended.position.within_own,
    };
    let mut order = plan.order.borrow_mut();
    order.add(change, place, known.now.subtransaction, known.keys);
    Ok(())
}

/// Remembers a change that is not logged, and whose messages have been sent.
pub fn remember_sent(plan: &Plan, known: Known) {
    if let Some(change) = known.change {
        let mut order = plan.order.borrow_mut();
        order.add_unlogged(change, known.now.subtransaction, known.keys);
    }
}

/// Whether a change was overtaken: a change that comes after it was captured before it, or may have been.
pub fn is_overtaken(plan: &Plan, known: &Known) -> bool {
    match known.standing {
        Standing::Last => false,
        Standing::Unknown => true,
        Standing::Late => settled(plan, known).map_or_else(
            |(change, keys)| {
                let mut order = plan.order.borrow_mut();
                order.is_overtaken(change, keys, &mut Stored::new(plan))
            },
            |belongs| belongs == Belongs::Unknown,
        ),
    }
}

/// Where a late change belongs.
fn find_place(plan: &Plan, known: &Known) -> Belongs {
    settled(plan, known).unwrap_or_else(|(change, keys)| {
        let mut order = plan.order.borrow_mut();
        order.belongs(change, keys, &mut Stored::new(plan))
    })
}

/// Where a late change belongs, if the change alone shows it; else the change and its keys. A change that keeps the key of its row,
/// and whose new version was not changed again, cannot have been overtaken by another change of the row.
fn settled<'a>(
    plan: &Plan,
    known: &'a Known,
) -> std::result::Result<Belongs, (&'a order::Change, &'a Keys)> {
    let (Some(change), Some(keys)) = (known.change.as_ref(), known.keys.as_deref()) else {
        return Ok(Belongs::Unknown);
    };
    let leaves_key = change.new.is_some() && (change.old.is_none() || keys.new.is_none());
    if !change.superseded && (leaves_key || plan.key.is_empty()) {
        return Ok(Belongs::Last);
    }
    Err((change, keys))
}

/// Reads logged entries and the table's rows.
struct Stored<'a> {
    plan: &'a Plan,
    decoder: Option<Decoder>,
}

impl<'a> Stored<'a> {
    fn new(plan: &'a Plan) -> Stored<'a> {
        Stored {
            plan,
            decoder: None,
        }
    }
}

impl Rows for Stored<'_> {
    fn keys_of(&mut self, change: &order::Change, at: Place) -> Option<Keys> {
        if !self.plan.sinks.log {
            return None;
        }
        if self.plan.key.is_empty() {
            return Some(keys_of_versions(change));
        }
        let own = self.plan.layout.layout();
        let decoder = (self.decoder).get_or_insert_with(|| Decoder::new(&own.columns));
        let scratch = Scratch::enter();
        let entry = read::own_entry(at.segment, at.position, scratch.arena()).ok()??;
        let decode::Content::Row(row) = entry.content else {
            return None;
        };
        if layout::find(row.layout).ok()??.columns != own.columns {
            return None;
        }
        keys_of_row(&row, self.plan, decoder)
    }

    fn fate(&mut self, version: Version) -> Fate {
        version::fate(version)
    }
}

/// The keys of the change that a trigger is called for; `None` if they are not known.
fn keys_of_call(call: &Call, plan: &Plan, change: &order::Change) -> Option<Keys> {
    if plan.key.is_empty() {
        return Some(keys_of_versions(change));
    }
    let scratch = Scratch::enter();
    let key = |row| match row {
        Some(row) => key_of(&plan.images.decode(row, scratch.arena()), plan).map(Some),
        None => Some(None),
    };
    let fired = call.fired();
    Some(changed(key(fired.old_row())?, key(fired.new_row())?))
}

fn keys_of_row(captured: &CapturedRow, plan: &Plan, decoder: &Decoder) -> Option<Keys> {
    let row = decoder.decode(captured.image);
    let key = key_of(&row, plan)?;
    Some(match captured.operation {
        RowOperation::Insert => changed(None, Some(key)),
        RowOperation::Delete => changed(Some(key), None),
        RowOperation::Update => {
            let mut old = row;
            if let Some(image) = captured.old {
                let before = decoder.decode(image);
                (0..before.len())
                    .filter(|place| marks::has(&captured.marks.changed, *place))
                    .for_each(|place| old.take(place, &before));
            }
            changed(Some(key_of(&old, plan)?), Some(key))
        }
    })
}

/// The keys that a change removes and adds.
fn changed(old: Option<Key>, new: Option<Key>) -> Keys {
    if old == new {
        Keys { old, new: None }
    } else {
        Keys { old, new }
    }
}

/// The key of a row, equal where the key's index says equal; `None` if a value is absent, or of a type whose equality is
/// not that of known bytes.
fn key_of(row: &Decoded, plan: &Plan) -> Option<Key> {
    let kinds = plan.key_kinds.get_or_init(|| key_kinds(plan)).as_ref()?;
    row.canonical_identity(&plan.key, kinds).map(Key::from)
}

fn key_kinds(plan: &Plan) -> Option<Vec<KeyKind>> {
    let row_type = row_type_of_relation(plan.root)?;
    let shape = RowShape::of_type(&Rc::new(Memory::new()), row_type);
    let kinds = shape.key_kinds();
    let kind = |number: &i16| kinds.get(*number as usize - 1).copied().flatten();
    plan.key.iter().map(kind).collect()
}

/// Without a key, a row is identified by the place where its version is stored.
fn keys_of_versions(change: &order::Change) -> Keys {
    let key = |version: Version| {
        let mut bytes = Vec::with_capacity(10);
        bytes.extend_from_slice(&version.relation.to_ne_bytes());
        bytes.extend_from_slice(&version.block.to_ne_bytes());
        bytes.extend_from_slice(&version.offset.get().to_ne_bytes());
        Key::from(bytes)
    };
    Keys {
        old: change.old.map(key),
        new: change.new.map(key),
    }
}
