//! Looks up once what all realtime tables need, and describes each of them.

use super::captured::{Capture, TriggersOf};
use super::filter_rule::{self, Fit};
use super::present::{self, Said};
use super::settings::Overview;
use super::{attach, belonging, eligible};
use crate::capture_trigger::Arguments;
use crate::change::Operation;
use crate::gucs;
use crate::pg::catalog::acl;
use crate::pg::catalog::inheritance;
use crate::pg::catalog::publication::Publication;
use crate::pg::catalog::relation;
use crate::pg::catalog::relation::Class;
use crate::pg::Oid;
use crate::sink::topic;
use std::collections::{HashMap, HashSet};

/// A row of `realtime_configuration`, before the relation's size.
#[derive(Clone, Debug, Default)]
pub struct RealtimeTable {
    pub relation: Option<Oid>,
    pub schema: String,
    pub name: String,
    pub partitioned: Option<bool>,
    pub estimated_rows: Option<i64>,
    pub priority: Option<String>,
    pub operations: Vec<Operation>,
    pub row_filter: Option<String>,
    pub captured: bool,
    pub published: bool,
    pub rls: Option<bool>,
    pub replica_identity: Option<&'static str>,
    pub status: &'static str,
}

impl RealtimeTable {
    /// High, medium, low, then tables without a priority.
    pub fn rank(&self) -> u8 {
        match self.priority.as_deref() {
            Some("high") => 1,
            Some("medium") => 2,
            Some("low") => 3,
            _ => 4,
        }
    }

    pub fn operation_names(&self) -> Vec<&'static str> {
        self.operations
            .iter()
            .map(|operation| operation.name())
            .collect()
    }
}

/// A FOR ALL TABLES publication contains the extension's own tables too, but these are not realtime tables.
pub fn is_published(publication: &Publication, class: &Class) -> bool {
    class.schema_name != crate::pg::SCHEMA && publication.coverage(class).is_some()
}

/// Whether the caller may learn that the relation exists. This rule applies to every name that is shown.
pub fn may_know(class: &Class) -> bool {
    acl::may_use_schema(class.schema) && may_know_inside(class)
}

fn may_know_inside(class: &Class) -> bool {
    acl::owns(class) || acl::may_select_some(class.oid)
}

/// Facts that are looked up once for all tables.
pub struct Survey {
    publication: Option<Publication>,
    pub members: HashSet<Oid>,
    capture: Oid,
    pub may_see_missing: bool,
    schemas: HashMap<String, Option<Oid>>,
    usable: HashMap<Oid, bool>,
    /// Whether row filters are compiled, which takes a subtransaction each: for the status.
    compiles: bool,
}

impl Survey {
    pub fn new(compiles: bool) -> Survey {
        let publication = Publication::by_name(&gucs::publication());
        let members = publication
            .as_ref()
            .map_or(Vec::new(), Publication::relations);
        Survey {
            publication,
            members: members.into_iter().collect(),
            capture: attach::capture_function().unwrap_or(Oid::INVALID),
            may_see_missing: acl::runs_extension(),
            schemas: HashMap::new(),
            usable: HashMap::new(),
            compiles,
        }
    }

    /// The relation of these settings. Each schema is looked up only once.
    pub fn find(&mut self, settings: &Overview) -> Option<Oid> {
        if !self.schemas.contains_key(&settings.schema) {
            let oid = relation::schema_by_name(&settings.schema);
            self.schemas.insert(settings.schema.clone(), oid);
        }
        let schema = self.schemas.get(&settings.schema).copied().flatten()?;
        relation::relation_in(schema, &settings.relation)
    }

    /// The same as the function [`may_know`], but each schema is checked only once.
    pub fn may_know(&mut self, class: &Class) -> bool {
        let usable = self.usable.entry(class.schema);
        *usable.or_insert_with(|| acl::may_use_schema(class.schema)) && may_know_inside(class)
    }

    pub fn of(
        &self,
        class: &Class,
        settings: Option<&Overview>,
        triggers: &TriggersOf,
    ) -> RealtimeTable {
        let state = Capture::of(class, self.capture, triggers);
        let published = self.members.contains(&class.oid)
            || self
                .publication
                .as_ref()
                .is_some_and(|one| is_published(one, class));
        let wanted = settings
            .filter(|one| one.captures)
            .map(|one| one.operations.as_slice());
        let complete =
            wanted.is_some_and(|wanted| wanted.iter().all(|operation| state.captures(*operation)));
        let filter = settings.and_then(|one| one.row_filter.as_deref());
        let fit = filter
            .filter(|_| self.compiles)
            .map_or(Fit::Same, |filter| filter_rule::fit(class.oid, filter));
        let on_purpose = wanted.is_none() && state.operations.is_empty();
        let has_none = settings.is_none() && self.compiles && !state.operations.is_empty();
        let said = has_none
            .then(|| without_settings(class, self.capture))
            .flatten();
        RealtimeTable {
            relation: Some(class.oid),
            schema: class.schema_name.clone(),
            name: class.name.clone(),
            partitioned: Some(class.is_partitioned()),
            estimated_rows: estimated_rows(class),
            priority: settings.map(|one| one.priority.clone()),
            operations: if on_purpose {
                self.published_operations()
            } else {
                state.operations.clone()
            },
            row_filter: self.row_filter(class, settings),
            captured: complete || (wanted.is_none() && !state.operations.is_empty()),
            published,
            rls: Some(class.rls),
            replica_identity: Some(replica_identity(class)),
            status: said.unwrap_or_else(|| match settings {
                None if state.operations.is_empty() => "not enabled",
                Some(_) if !published => "not published",
                Some(one) if lacks_filter_column(class, one) || fit == Fit::Invalid => "row filter",
                Some(_) if wanted.is_some() && !complete => "not captured",
                Some(one) if self.has_stale_arguments(class, one) || fit == Fit::Other => {
                    "settings"
                }
                _ if !state.operations.is_empty() && eligible::unlogged_part(class).is_some() => {
                    "unlogged"
                }
                _ if !state.operations.is_empty() && inherited(class) => "inheritance",
                _ if !state.operations.is_empty() && is_being_detached(class) => "detach pending",
                Some(one) if lacks(class, one.columns.iter().flatten()) => "columns",
                Some(one) if lacks_topic_column(class, one) => "broadcast topic",
                _ if state.twice => "captured twice",
                Some(one) if one.captures && !self.owner_may_capture(class) => "owner",
                _ if state.late => "trigger order",
                _ => "ok",
            }),
        }
    }

    /// Checked only if the settings name columns, since DDL changes nothing else in the arguments.
    fn has_stale_arguments(&self, class: &Class, one: &Overview) -> bool {
        let names_columns =
            one.columns.is_some() || one.row_filter.is_some() || one.topic.is_some();
        let are_its = |arguments: &Arguments| {
            arguments.columns == one.columns
                && arguments.filter == one.row_filter
                && arguments.topic == one.topic
        };
        one.captures && names_columns && present::is_stale(class, are_its, self.capture)
    }

    fn owner_may_capture(&self, class: &Class) -> bool {
        self.capture == Oid::INVALID || acl::role_may_execute(self.capture, class.owner)
    }

    fn published_operations(&self) -> Vec<Operation> {
        let Some(publication) = &self.publication else {
            return Vec::new();
        };
        let published = |operation: &Operation| match operation {
            Operation::Insert => publication.inserts,
            Operation::Update => publication.updates,
            Operation::Delete => publication.deletes,
            Operation::Truncate => publication.truncates,
        };
        Operation::ALL.into_iter().filter(published).collect()
    }

    /// The filter of `enable`. Without one: the WHERE condition of the table in the publication, if there is one.
    fn row_filter(&self, class: &Class, settings: Option<&Overview>) -> Option<String> {
        let own = settings.and_then(|one| one.row_filter.clone());
        own.or_else(|| {
            let publication = self.publication.as_ref().filter(|one| !one.all_tables)?;
            let condition = publication.restriction(class.oid).condition?;
            Some(format!("WHERE {condition}"))
        })
    }
}

/// The status of a captured table without settings; `None` where others created the triggers by hand, or where the running
/// statement has just enabled the table: it sees the triggers, and not the settings.
fn without_settings(class: &Class, capture: Oid) -> Option<&'static str> {
    if belonging::settings_of(class).is_ok_and(|found| found.is_some()) {
        return None;
    }
    match present::said(class, capture) {
        Said::Nothing => None,
        Said::Unclear => Some("settings"),
        Said::Settings(..) => Some("settings lost"),
    }
}

/// Whether one of these columns, which the settings name, was dropped. (After RENAME COLUMN, the settings have the new
/// name.)
fn lacks<'a>(class: &Class, columns: impl IntoIterator<Item = &'a String>) -> bool {
    let mut columns = columns.into_iter();
    columns.any(|name| relation::column_number(class.oid, name).is_none())
}

fn lacks_filter_column(class: &Class, settings: &Overview) -> bool {
    let filter = settings.row_filter.as_deref();
    lacks(class, &filter.map_or(Vec::new(), filter_rule::columns))
}

fn lacks_topic_column(class: &Class, settings: &Overview) -> bool {
    let topic = settings.topic.as_deref();
    lacks(class, &topic.map_or(Vec::new(), topic::columns))
}

/// Whether a SELECT from the table returns rows of other tables, whose changes do not fire its triggers.
fn inherited(class: &Class) -> bool {
    class.may_have_children
        && !class.is_partitioned()
        && !inheritance::lasting_descendants(class.oid).is_empty()
}

/// Whether a partition's rows are not shown any more, and its changes are still captured.
fn is_being_detached(class: &Class) -> bool {
    class.is_partitioned() && inheritance::has_detach_pending(class.oid)
}

fn estimated_rows(class: &Class) -> Option<i64> {
    if !class.is_partitioned() {
        return class.estimated_rows;
    }
    let known: Vec<i64> = inheritance::leaves(class.oid)
        .iter()
        .filter_map(|leaf| leaf.estimated_rows)
        .collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

fn replica_identity(class: &Class) -> &'static str {
    match class.replica_identity {
        b'd' => "default",
        b'f' => "full",
        b'i' => "index",
        _ => "nothing",
    }
}
