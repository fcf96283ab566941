//! Circles of imports between the crate's files.

use crate::modules::Modules;
use crate::source::{File, Path};
use crate::uses::Use;
use crate::Problem;
use std::collections::{BTreeMap, HashSet, VecDeque};

/// For each file's module, those it uses, and where it does so first.
#[derive(Default)]
pub struct Arrows(BTreeMap<Path, BTreeMap<Path, Place>>);

#[derive(Clone)]
struct Place {
    path: String,
    line: usize,
}

impl Arrows {
    pub fn add(&mut self, file: &File, found: &Use, modules: &Modules) {
        let named = modules.file_of(&found.to);
        let home = modules.file_of(&modules.home(&found.to));
        // A use of a name that a directory's mod.rs re-exports is a use of the file that defines it.
        let is_listed = home.len() > named.len() && home.starts_with(&named);
        for to in [(!is_listed).then_some(named), Some(home)]
            .into_iter()
            .flatten()
        {
            // Re-exporting what is in the directory is not a use of it; the root lists everything.
            let lists = found.is_reexport && to.starts_with(&file.module);
            if to != file.module && !to.is_empty() && !file.module.is_empty() && !lists {
                let place = Place {
                    path: file.path.clone(),
                    line: found.line,
                };
                let arrows = self.0.entry(file.module.clone()).or_default();
                arrows.entry(to).or_insert(place);
            }
        }
    }

    /// Every circle that is not known.
    pub fn judge(&self, known: &[&[&str]]) -> Vec<Problem> {
        let mut tangles = self.tangles();
        tangles.retain(|tangle| !known.iter().any(|names| is_part(tangle, names)));
        tangles.iter().map(|tangle| self.show(tangle)).collect()
    }

    /// Known circles that are gone.
    pub fn missing(&self, known: &[&[&str]]) -> Vec<String> {
        let tangles = self.tangles();
        let is_gone = |names: &&&[&str]| !tangles.iter().any(|tangle| is_part(tangle, names));
        known
            .iter()
            .filter(is_gone)
            .map(|names| names.join(", "))
            .collect()
    }

    /// Sets of modules that reach each other.
    fn tangles(&self) -> Vec<Vec<Path>> {
        let reached: BTreeMap<_, _> = self.0.keys().map(|from| (from, self.reach(from))).collect();
        let mut tangles: Vec<Vec<Path>> = Vec::new();
        for (from, to) in &reached {
            if to.contains(from) && !tangles.iter().flatten().any(|module| module == *from) {
                let back =
                    |module: &&&Path| reached.get(*module).is_some_and(|to| to.contains(from));
                let mut tangle: Vec<Path> = to
                    .iter()
                    .filter(back)
                    .map(|module| (*module).clone())
                    .collect();
                tangle.sort();
                tangles.push(tangle);
            }
        }
        tangles
    }

    fn next(&self, from: &Path) -> impl Iterator<Item = (&Path, &Place)> {
        self.0.get(from).into_iter().flatten()
    }

    fn reach<'a>(&'a self, from: &'a Path) -> HashSet<&'a Path> {
        let mut reached = HashSet::new();
        let mut todo = vec![from];
        while let Some(module) = todo.pop() {
            todo.extend(
                self.next(module)
                    .map(|(to, _)| to)
                    .filter(|to| reached.insert(*to)),
            );
        }
        reached
    }

    /// The shortest circle through the first module of a tangle, arrow by arrow.
    fn show(&self, tangle: &[Path]) -> Problem {
        let start = &tangle[0];
        let mut came_from: BTreeMap<&Path, &Path> = BTreeMap::new();
        let mut todo = VecDeque::from([start]);
        while let (Some(module), false) = (todo.pop_front(), came_from.contains_key(start)) {
            for (to, _) in self.next(module) {
                if !came_from.contains_key(to) {
                    came_from.insert(to, module);
                    todo.push_back(to);
                }
            }
        }
        let mut arrows = Vec::new();
        let mut to = start;
        while arrows.is_empty() || to != start {
            let from = came_from[to];
            arrows.push((from, to, &self.0[from][to]));
            to = from;
        }
        arrows.reverse();
        let mut what = format!("a circle of imports: {}", start.join("::"));
        for (_, to, place) in &arrows {
            what += &format!(" → {} (src/{}:{})", to.join("::"), place.path, place.line);
        }
        let first = arrows[0].2;
        Problem::new(&first.path, first.line, what)
    }
}

fn is_part(tangle: &[Path], names: &[&str]) -> bool {
    let is_named = |module: &Path| names.contains(&module.join("::").as_str());
    tangle.iter().all(is_named)
}
