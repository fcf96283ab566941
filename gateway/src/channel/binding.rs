//! Bindings of a channel: what a client wants to follow, as the feed understands it.

use crate::feed::{Fault, Interest, Relation, Who};
use crate::phoenix::join::Binding;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A binding with its id.
#[derive(Debug, Clone)]
pub struct Bound {
    pub id: u32,
    pub binding: Binding,
}

/// What makes two bindings equal.
type Parameters<'a> = (
    &'a str,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a [String]>,
);

fn parameters(binding: &Binding) -> Parameters<'_> {
    (
        &binding.event,
        &binding.schema,
        binding.table.as_deref(),
        binding.filter.as_deref(),
        binding.select.as_deref(),
    )
}

/// Gives ids: the same for equal bindings of all clients, so that they share frames, and never 0, which no client matches.
pub fn number(bindings: &[Binding]) -> Vec<Bound> {
    let mut numbered: Vec<Bound> = Vec::with_capacity(bindings.len());
    for binding in bindings {
        let id = numbered
            .iter()
            .find(|bound| parameters(&bound.binding) == parameters(binding))
            .map(|bound| bound.id)
            .unwrap_or_else(|| free_id(&numbered, binding));
        numbered.push(Bound {
            id,
            binding: binding.clone(),
        });
    }
    numbered
}

fn free_id(taken: &[Bound], binding: &Binding) -> u32 {
    let mut hasher = DefaultHasher::new();
    parameters(binding).hash(&mut hasher);
    let mut id = hasher.finish() as u32 >> 1;
    while id == 0 || taken.iter().any(|bound| bound.id == id) {
        id = id.wrapping_add(1);
    }
    id
}

/// Bindings that differ in their event only. They are one leg: what happens to a row then comes in its order, also where it
/// is read from the log.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its number in the channel, the tag of its legs.
    pub tag: u32,
    /// One at least.
    bounds: Vec<Bound>,
}

/// What the bindings of a group have in common.
fn common(binding: &Binding) -> impl PartialEq + '_ {
    (
        &binding.schema,
        &binding.table,
        &binding.filter,
        &binding.select,
        &binding.since,
    )
}

/// Puts bindings together that one leg can serve. What the client has written is for the answer: it is not kept.
pub fn group(bounds: &[Bound]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for bound in bounds {
        let bound = bound.without_text();
        let known = groups
            .iter_mut()
            .find(|group| common(group.binding()) == common(&bound.binding));
        match known {
            Some(group) => group.bounds.push(bound),
            None => groups.push(Group {
                tag: groups.len() as u32,
                bounds: vec![bound],
            }),
        }
    }
    groups
}

impl Group {
    fn binding(&self) -> &Binding {
        &self.bounds[0].binding
    }

    /// The ids of the bindings that a change with this operation is for, ascending.
    pub fn ids(&self, operation: &str, ids: &mut Vec<u32>) {
        ids.extend(
            self.bounds
                .iter()
                .filter(|bound| bound.wants(operation))
                .map(|bound| bound.id),
        );
    }

    /// The cursor that its client comes with.
    pub fn since(&self) -> Option<&str> {
        self.binding().since.as_ref()?.as_deref()
    }

    /// Whether it is for all tables of a schema, or of all schemas.
    pub fn is_wildcard(&self) -> bool {
        self.binding().table.is_none() || self.binding().schema == "*"
    }

    /// The schema of a wildcard; `None` for all.
    pub fn schema(&self) -> Option<&str> {
        Some(&*self.binding().schema).filter(|schema| *schema != "*")
    }

    /// Whether a wildcard is for this table.
    pub fn includes(&self, relation: &Relation) -> bool {
        let table = self.binding().table.as_deref();
        table.is_none_or(|table| *table == *relation.table)
    }

    /// What cannot be followed as it is written. The texts are the peer's.
    pub fn misfit(&self) -> Option<String> {
        if !self.is_wildcard() {
            return None;
        }
        if self.binding().select.is_some() {
            return Some("Column selection is not supported for wildcard subscriptions. Provide an explicit schema and table name.".to_string());
        }
        self.binding().filter.as_ref().map(|_| {
            format!("No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: {}", self.bounds[0].shown())
        })
    }

    /// What is followed of a table, as somebody.
    pub fn interest(&self, relation: Relation, who: &Who) -> Interest {
        let binding = self.binding();
        let mut events: Vec<Box<str>> = self
            .bounds
            .iter()
            .map(|bound| bound.binding.event.as_str().into())
            .collect();
        events.sort_unstable();
        events.dedup();
        let named = events.iter().all(|event| EVENTS.contains(&&**event));
        Interest {
            relation,
            filter: binding.filter.as_deref().map(Into::into),
            events: named.then_some(events),
            columns: binding
                .select
                .as_ref()
                .map(|names| names.iter().map(|name| name.as_str().into()).collect()),
            who: who.clone(),
        }
    }

    /// The table of bindings that name one.
    pub fn relation(&self) -> Relation {
        Relation {
            schema: self.binding().schema.as_str().into(),
            table: self.binding().table.as_deref().unwrap_or_default().into(),
        }
    }

    /// What the client is told of each binding.
    pub fn refusals<'a>(&'a self, fault: &'a Fault) -> impl Iterator<Item = String> + 'a {
        self.bounds.iter().map(|bound| bound.refusal(fault))
    }
}

/// Events that a binding may name; others mean all of them.
const EVENTS: &[&str] = &["INSERT", "UPDATE", "DELETE", "TRUNCATE"];

impl Bound {
    fn without_text(&self) -> Bound {
        Bound {
            id: self.id,
            binding: Binding {
                text: String::new(),
                ..self.binding.clone()
            },
        }
    }

    fn wants(&self, operation: &str) -> bool {
        let event = &*self.binding.event;
        event == operation || !EVENTS.contains(&event)
    }

    /// What a client is told that cannot be served. The texts are the peer's. That there is no such table, that it is not
    /// realtime and that the role may not read it are one text.
    fn refusal(&self, fault: &Fault) -> String {
        const UNABLE: &str = "Unable to subscribe to changes with given parameters.";
        let shown = self.shown();
        if fault.is_no_table() {
            return format!("{UNABLE} Please check Realtime is enabled for the given connect parameters: {shown}");
        }
        format!("{UNABLE} An exception happened so please check your connect parameters: {shown}. Exception: {fault}")
    }

    fn shown(&self) -> String {
        let Binding {
            event,
            schema,
            table,
            filter,
            select,
            ..
        } = &self.binding;
        let mut shown = format!("[event: {event}, schema: {schema}");
        for (name, value) in [("table", table), ("filter", filter)] {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(shown, ", {name}: {value}");
            }
        }
        if let Some(select) = select {
            let _ = write!(shown, ", select: {}", select.join(","));
        }
        shown.push(']');
        shown
    }
}

#[cfg(test)]
#[path = "binding_tests.rs"]
mod tests;
