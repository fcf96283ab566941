//! What this crate's modules may use: the tables to change when a module comes, goes or moves.

use crate::modules::Modules;
use crate::source::{File, Path};
use crate::uses::Use;
use crate::Problem;

/// From the lowest level up: a module uses modules of lower levels only, never one of its own level.
type Levels = &'static [&'static [&'static str]];

pub struct Rules {
    /// The modules of the crate's root.
    pub layers: Levels,
    /// The directories in `src/pg`.
    pub wings: Levels,
    /// Use no pgrx, and of the crate only pure modules and `error`.
    pub pure: &'static [&'static str],
    /// Pure once they exist.
    pub pure_later: &'static [&'static str],
    /// The only place of `unsafe`, `pg_sys` and extern functions.
    pub unsafe_in: &'static str,
    /// The only place of cfgs for versions of Postgres and of extern declarations.
    pub bindings_in: &'static str,
    /// Circles that are there today; any other is refused, and so is a name here whose circle is gone.
    pub known_circles: &'static [&'static [&'static str]],
}

pub const RULES: Rules = Rules {
    layers: &[
        &["error", "change", "timestamp", "keyed"],
        &["capture_trigger"],
        &["pg"],
        &["gucs"],
        &["message", "log"],
        &["filter", "sink"],
        &["registry", "feed", "capture"],
        &["diagnose"],
        &["api"],
    ],
    wings: &[
        &["sys"],
        &["backend"],
        &["row"],
        &["catalog"],
        &["print"],
        &["sql"],
        &["judge"],
        &["call"],
        &["image"],
        &["storage"],
    ],
    pure: &[
        "change",
        "timestamp",
        "keyed",
        "capture_trigger",
        "filter::elements",
        "filter::parse",
        "message::json",
        "message::jsonb",
        "message::text",
        "log::cursor",
        "log::snapshot",
        "log::varint",
        "log::part",
        "feed::delta",
        "feed::naps",
        "feed::net",
        "feed::matcher",
    ],
    pure_later: &[],
    unsafe_in: "pg",
    bindings_in: "pg::sys",
    known_circles: &[],
};

impl Rules {
    pub fn is_pure(&self, module: &[String]) -> bool {
        let mut pure = self.pure.iter().chain(self.pure_later);
        pure.any(|name| is_within(module, name))
    }

    /// Whether a file is where one may be.
    pub fn judge_file(&self, file: &File, modules: &Modules) -> Option<Problem> {
        let refuse = |what: String| Some(Problem::new(&file.path, 1, what));
        let top = file.module.first()?;
        if level(self.layers, top).is_none() {
            return refuse(format!("{top} is no module of the layering"));
        }
        let wing = wing_of(&file.module, modules)?;
        if level(self.wings, wing).is_none() {
            return refuse(format!("pg::{wing} is no wing of the layering"));
        }
        if file.module.len() > 3 && !modules.is_only_for_tests(&file.module) {
            return refuse("src/pg has wings one level deep: pg/<wing>/<room>.rs".to_string());
        }
        None
    }

    /// Every rule that one use breaks.
    pub fn judge_use(&self, file: &File, found: &Use, modules: &Modules) -> Vec<String> {
        let Some(me) = file.module.first() else {
            // The root names its modules.
            return Vec::new();
        };
        let home = modules.home(&found.to);
        let mut broken = Vec::new();
        if found
            .written
            .starts_with(&["super".to_string(), "super".to_string()])
        {
            broken.push("super::super: write the path from crate".to_string());
        }
        match found.to.first() {
            None if found.is_glob => {
                broken.push("imports everything from the crate's root".to_string())
            }
            None if found.name.is_some() => broken.push("renames the crate's root".to_string()),
            None => {}
            Some(name) => match level(self.layers, name) {
                None => broken.push(format!("crate::{name} is no module of the layering")),
                Some(_) => broken.extend(order(self.layers, me, name, "")),
            },
        }
        for to in [&found.to, &home] {
            if let (Some(from), Some(to)) = (wing_of(&file.module, modules), wing_of(to, modules)) {
                broken.extend(order(self.wings, from, to, "pg::"));
            }
        }
        let is_own = home.starts_with(&file.module);
        if self.is_pure(&file.module) && !is_own && !self.is_pure(&home) && home != ["error"] {
            let is_reexported = !found.to.starts_with(&home);
            let what = if is_reexported { &home } else { &found.to };
            broken.push(format!("a pure module may not use {}", what.join("::")));
        }
        broken
    }

    /// Modules in these tables that are not there.
    pub fn missing(&self, modules: &Modules) -> Vec<String> {
        let layers = self.layers.iter().copied().flatten();
        let mut names: Vec<String> = layers
            .chain(self.pure)
            .map(|name| name.to_string())
            .collect();
        names.retain(|name| !modules.is_file(&path(name)));
        let wings = self
            .wings
            .iter()
            .copied()
            .flatten()
            .map(|name| format!("pg::{name}"));
        let (there, missing): (Vec<_>, Vec<_>) =
            wings.partition(|name| modules.has_rooms(&path(name)));
        // Before the first wing is there, none has to be.
        if !there.is_empty() {
            names.extend(missing);
        }
        names
    }
}

/// The wing that a module of `src/pg` is in.
fn wing_of<'a>(module: &'a [String], modules: &Modules) -> Option<&'a str> {
    match module {
        [pg, wing, ..] if pg == "pg" && modules.has_rooms(&module[..2]) => Some(wing),
        _ => None,
    }
}

fn order(levels: Levels, from: &str, to: &str, prefix: &str) -> Option<String> {
    let (low, high) = (level(levels, from)?, level(levels, to)?);
    if from == to || low > high {
        None
    } else if low == high {
        Some(format!(
            "{prefix}{from} and {prefix}{to} are of one level, neither may use the other"
        ))
    } else {
        Some(format!(
            "{prefix}{from} is below {prefix}{to} and may not use it"
        ))
    }
}

fn level(levels: Levels, name: &str) -> Option<usize> {
    levels.iter().position(|level| level.contains(&name))
}

pub fn is_within(module: &[String], name: &str) -> bool {
    module.starts_with(&path(name))
}

fn path(name: &str) -> Path {
    name.split("::").map(str::to_string).collect()
}
