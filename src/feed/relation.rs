//! A relation as readers see it: its columns, key and settings, and how its images are decoded.

mod triggers;

use crate::capture_trigger::{Misfit, Sink};
use crate::change::RowOperation;
use crate::error::{report, Error, Result};
use crate::keyed::Condition;
use crate::log::decode::CapturedRow;
use crate::log::layout::{self, Layout};
use crate::log::marks;
use crate::message::RecordPlan;
use crate::pg::backend::cache::{Cache, Kept};
use crate::pg::backend::invalidation;
use crate::pg::backend::invalidation::Fresh;
use crate::pg::backend::memory::Memory;
use crate::pg::catalog::privilege;
use crate::pg::catalog::relation::gone;
use crate::pg::catalog::relation_triggers;
use crate::pg::catalog::rowtype;
use crate::pg::catalog::rowtype::Held;
use crate::pg::catalog::rowtype::Table;
use crate::pg::image::decode::Decoder;
use crate::pg::row::decoded::Decoded;
use crate::pg::row::record::RowShape;
use crate::pg::Oid;
use std::cell::RefCell;
use std::rc::Rc;
use triggers::{delivered, is_partial, row_filter, stale};

/// The facts that all readers of a relation share. Rebuilt when the relation changes.
pub struct Relation {
    pub table: Table,
    /// Schema and name, quoted where they need it.
    name: String,
    pub shape: RowShape,
    /// Attribute numbers of the live columns.
    pub columns: Vec<i16>,
    /// From `columns`: the columns that are delivered besides the key; `None` for all.
    delivered: Option<Vec<i16>>,
    /// From `payload => 'key'`: messages carry the key only.
    pub key_only: bool,
    /// From `deletes => 'key'`: every reader receives each DELETE, with the key only. Exception: the reader sees the
    /// row, and its filter excludes it.
    pub deletes_by_key: bool,
    /// Whether it has triggers that append to the log, and all of them are enabled.
    pub captured: bool,
    /// Whether it has capture triggers, for any sinks.
    pub has_triggers: bool,
    /// Whether a trigger that appends to the log is disabled.
    pub switched_off: bool,
    /// Whether the triggers that append to the log miss changes: UPDATEs of some columns, or those that a condition
    /// leaves out which is not that of the row filter.
    pub partial: bool,
    /// Why the triggers' arguments do not match the columns. They might mean another column now, so they are not used.
    pub stale: Option<Misfit>,
    /// The row filter as an analysed condition. Every reader's filter is combined with it.
    pub row_filter: Option<Rc<str>>,
    /// The same, as far as keys of values can decide it.
    pub row_filter_keys: Option<Condition>,
    layouts: RefCell<Cache<i64, Rc<KnownLayout>>>,
    /// By the columns that they are asked to hold.
    plans: RefCell<Cache<Vec<i16>, Rc<RecordPlan>>>,
    fresh: Vec<Fresh>,
}

/// How many relations, and how many layouts of each, a session caches.
const KEPT: usize = 1_000;
const KEPT_LAYOUTS: usize = 100;
const KEPT_PLANS: usize = 1_000;

/// A layout and the decoder of its images. The layout with a given id never changes.
struct KnownLayout {
    layout: Rc<Layout>,
    decoder: Decoder,
}

impl Kept for KnownLayout {
    fn is_fresh(&self) -> bool {
        true
    }
}

/// The rows of a change, mapped to the relation's current columns.
pub struct Rows<'m> {
    pub old: Option<Decoded<'m>>,
    pub new: Option<Decoded<'m>>,
    /// UPDATE: the columns that it changed, as in the entry's marks.
    pub changed: Vec<u8>,
}

thread_local! {
    static KNOWN: RefCell<Cache<Oid, Rc<Relation>>> = RefCell::new(Cache::new(KEPT));
}

impl Relation {
    /// The relation with this OID. Errors: 42P01 if it does not exist; 42809 if it is not a table; 55000 if its row
    /// filter is not valid any more.
    pub fn open(oid: Oid) -> Result<Rc<Relation>> {
        if let Some(relation) = KNOWN.with_borrow_mut(|known| known.get(&oid)) {
            return Ok(relation);
        }
        let relation = Rc::new(Relation::make(oid)?);
        KNOWN.with_borrow_mut(|known| known.insert(oid, relation.clone()));
        Ok(relation)
    }

    fn make(oid: Oid) -> Result<Relation> {
        let catalogs = invalidation::watch_catalogs();
        let mut fresh = vec![invalidation::watch(oid), invalidation::watch_schemas()];
        // The relation stays locked until its columns are known. So a relation that is just being dropped is reported
        // as gone.
        let _held = Held::new(oid);
        let table = Table::by_oid(oid);
        let Some(row_type) = rowtype::row_type_of_relation(oid) else {
            return Err(gone(oid));
        };
        let Some(table) = table else {
            return Err(Error::wrong_object_type(
                report("only tables have changes")
                    .hint("Name a table that is enabled for realtime."),
            ));
        };
        let mut triggers = relation_triggers::capture_triggers(oid);
        triggers.retain(|trigger| !trigger.arguments.is_leaf);
        let logging = || {
            let all = triggers.iter();
            all.filter(|trigger| trigger.arguments.has(Sink::Log))
        };
        let to_log = logging().next().is_some();
        let switched_off = logging().any(|trigger| !trigger.enabled);
        let partial = is_partial(logging());
        let shape = RowShape::of_type(&Rc::new(Memory::new()), row_type);
        let name = rowtype::qualified_name(&table);
        let delivered = delivered(&triggers, shape.columns());
        let mut stale = stale(oid, &triggers, shape.columns());
        let row_filter = match stale {
            Some(_) => None,
            None => row_filter(oid, &name, &triggers)?,
        };
        if let Some(filter) = &row_filter {
            fresh.push(catalogs);
            stale = (!filter.is_when).then_some(Misfit::Condition);
        }
        let row_filter = row_filter.and_then(|filter| filter.condition);
        let (row_filter, row_filter_keys) = row_filter.unzip();
        Ok(Relation {
            delivered,
            columns: shape.columns().iter().map(|column| column.number).collect(),
            key_only: triggers.iter().any(|trigger| trigger.arguments.key_only),
            deletes_by_key: triggers
                .iter()
                .any(|trigger| trigger.arguments.deletes_by_key),
            captured: to_log && !switched_off && !partial,
            switched_off,
            partial,
            has_triggers: !triggers.is_empty(),
            stale,
            row_filter,
            row_filter_keys,
            name,
            table,
            shape,
            layouts: RefCell::new(Cache::new(KEPT_LAYOUTS)),
            plans: RefCell::new(Cache::new(KEPT_PLANS)),
            fresh,
        })
    }

    /// Schema and name, quoted where they need it.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// The columns that a role may SELECT. They include the key. Errors: 42501 if the role may not use the schema, may
    /// SELECT no column, or may not SELECT the key.
    pub fn selectable(&self, role: Oid) -> Result<Vec<i16>> {
        let denied = |what: String| Error::insufficient_privilege(report(what));
        let oid = self.table.oid;
        if !privilege::may_use_schema_of(oid, role) {
            return Err(denied(format!(
                "permission denied for schema {}",
                self.table.schema
            )));
        }
        let columns = privilege::selectable(oid, role, &self.columns)
            .ok_or_else(|| denied(format!("permission denied for table {}", self.table.name)))?;
        if self.table.key.iter().any(|key| !columns.contains(key)) {
            return Err(Error::insufficient_privilege(
                report(format!(
                    "permission denied for the key of table {}",
                    self.table.name
                ))
                .detail("Every change carries the key of its row.")
                .hint("Grant SELECT on the key's columns to the role."),
            ));
        }
        Ok(columns)
    }

    /// Attribute numbers of named columns. Errors: 42703 for a column that does not exist; 42501 for one that is not
    /// `selectable`.
    pub fn project(&self, names: &[String], selectable: &[i16]) -> Result<Vec<i16>> {
        let project = |name: &String| {
            let column = self
                .shape
                .columns()
                .iter()
                .find(|column| column.name == *name);
            let Some(column) = column else {
                return Err(Error::undefined_column(
                    report(format!(
                        "column \"{name}\" of table {} does not exist",
                        self.name()
                    ))
                    .detail(format!("The columns of the table are {}.", self.listed()))
                    .hint("Write column names exactly as they are, without quotes."),
                ));
            };
            if !selectable.contains(&column.number) {
                return Err(Error::insufficient_privilege(report(format!(
                    "permission denied for column \"{name}\" of table {}",
                    self.name()
                ))));
            }
            Ok(column.number)
        };
        names.iter().map(project).collect()
    }

    /// The names of the columns, quoted.
    fn listed(&self) -> String {
        let columns = self.shape.columns().iter();
        let names: Vec<String> = columns
            .map(|column| format!("\"{}\"", column.name))
            .collect();
        names.join(", ")
    }

    /// The plan of messages with these columns.
    pub fn plan(&self, columns: &[i16]) -> RecordPlan {
        let within = |column: &i16| {
            self.delivered
                .as_ref()
                .is_none_or(|all| all.contains(column))
        };
        let columns: Vec<i16> = columns.iter().copied().filter(within).collect();
        if self.key_only {
            RecordPlan::of_key(self.shape.columns(), &self.table.key)
        } else {
            RecordPlan::new(self.shape.columns(), Some(&columns), &self.table.key)
        }
    }

    /// The same plan, kept for other calls.
    pub fn kept_plan(&self, columns: &[i16]) -> Rc<RecordPlan> {
        let key = columns.to_vec();
        if let Some(plan) = self.plans.borrow_mut().get(&key) {
            return plan;
        }
        let plan = Rc::new(self.plan(columns));
        self.plans.borrow_mut().insert(key, plan.clone());
        plan
    }

    /// The rows before and after a change. Errors: XX001 when the log lacks its layout.
    pub fn rows<'m>(&self, from: &CapturedRow<'m>) -> Result<Rows<'m>> {
        let known = self.layout(from.layout)?;
        let (layout, decoder) = (&known.layout, &known.decoder);
        let mut row = decoder.decode(from.image);
        leave_out(&mut row, &from.marks.absent);
        let mut rows = match from.operation {
            RowOperation::Insert => Rows {
                old: None,
                new: Some(row),
                changed: Vec::new(),
            },
            RowOperation::Update => Rows {
                old: Some(before(&row, from, decoder)),
                new: Some(row),
                changed: from.marks.changed.clone(),
            },
            RowOperation::Delete => Rows {
                old: Some(row),
                new: None,
                changed: Vec::new(),
            },
        };
        for row in [&mut rows.old, &mut rows.new].into_iter().flatten() {
            self.fit(row, layout);
        }
        Ok(rows)
    }

    fn layout(&self, id: i64) -> Result<Rc<KnownLayout>> {
        if let Some(known) = self.layouts.borrow_mut().get(&id) {
            return Ok(known);
        }
        let layout = layout::find(id)?.ok_or_else(|| {
            Error::data_corrupted(report("the layout of a change is not in the change log"))
        })?;
        let decoder = Decoder::new(&layout.columns);
        let made = Rc::new(KnownLayout { layout, decoder });
        self.layouts.borrow_mut().insert(id, made.clone());
        Ok(made)
    }

    /// Maps a row to the current columns, by attribute number. A column that was added later, or that had another type,
    /// is absent. A dropped column is absent too: its type may have changed before it was dropped, and then the
    /// relation's dropped attribute does not say how the value is stored.
    fn fit(&self, row: &mut Decoded, layout: &Layout) {
        let places = self.shape.types().len();
        row.resize(places);
        let mut kept = vec![false; places];
        for column in self.shape.columns() {
            let place = column.number as usize - 1;
            kept[place] = layout
                .columns
                .get(place)
                .is_some_and(|then| then.type_oid == column.type_oid);
        }
        (0..places)
            .filter(|place| !kept[*place])
            .for_each(|place| row.leave_out(place));
    }

    /// The value of a column as bytes; `None` if it is absent.
    pub fn value(&self, row: &Decoded, column: i16) -> Option<Vec<u8>> {
        row.identity(&[column], |place| self.shape.storage(place))
    }

    /// The values of a row's key as bytes; `None` if a part of the key is absent.
    pub fn identity(&self, row: &Decoded) -> Option<Vec<u8>> {
        row.identity(&self.table.key, |place| self.shape.storage(place))
    }
}

impl Kept for Relation {
    fn is_fresh(&self) -> bool {
        self.fresh.iter().all(Fresh::get)
    }
}

/// The row before an UPDATE: the new row with the old values of the columns that changed.
fn before<'m>(row: &Decoded<'m>, from: &CapturedRow<'m>, decoder: &Decoder) -> Decoded<'m> {
    let mut old = row.clone();
    if let Some(image) = from.old {
        let mut before = decoder.decode(image);
        leave_out(&mut before, &from.marks.old_absent);
        (0..before.len())
            .filter(|place| marks::has(&from.marks.changed, *place))
            .for_each(|place| old.take(place, &before));
    }
    old
}

fn leave_out(row: &mut Decoded, bits: &[u8]) {
    (0..row.len())
        .filter(|place| marks::has(bits, *place))
        .for_each(|place| row.leave_out(place));
}
