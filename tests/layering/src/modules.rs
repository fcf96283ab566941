//! The crate's modules, the names in each, and what a written path means in one.

use crate::source::{File, Path};
use std::collections::{HashMap, HashSet};
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token, UseTree};

/// The names that `use` items bring into a module or a block; paths as they are written.
#[derive(Default)]
pub struct Imports {
    names: HashMap<String, Path>,
    globs: Vec<Path>,
}

impl Imports {
    pub fn add(&mut self, tree: &UseTree) {
        for leaf in leaves(tree) {
            match leaf.name {
                Some(name) => drop(self.names.insert(name, leaf.path)),
                None => self.globs.push(leaf.path),
            }
        }
    }
}

#[derive(Default)]
struct Module {
    /// Functions, types and so on; not its modules.
    items: HashSet<String>,
    imports: Imports,
    only_for_tests: bool,
}

#[derive(Default)]
pub struct Modules {
    all: HashMap<Path, Module>,
    files: HashSet<Path>,
}

impl Modules {
    pub fn of(files: &[File]) -> Modules {
        let mut modules = Modules::default();
        for file in files {
            modules.files.insert(file.module.clone());
            for end in 0..file.module.len() {
                modules.module(&file.module[..end]);
            }
            if file.syntax.attrs.iter().any(is_only_for_tests) {
                modules.module(&file.module).only_for_tests = true;
            }
            modules.collect(&file.module, &file.syntax.items);
        }
        modules
    }

    fn module(&mut self, path: &[String]) -> &mut Module {
        self.all.entry(path.to_vec()).or_default()
    }

    fn collect(&mut self, at: &[String], items: &[Item]) {
        let module = self.module(at);
        for item in items {
            match item {
                Item::Use(item) => module.imports.add(&item.tree),
                Item::Mod(_) => {}
                item => module.items.extend(name_of(item)),
            }
        }
        for item in items {
            let Item::Mod(item) = item else { continue };
            let path = join(at, &[plain(&item.ident)]);
            if item.attrs.iter().any(is_only_for_tests) {
                self.module(&path).only_for_tests = true;
            }
            if let Some((_, items)) = &item.content {
                self.collect(&path, items);
            }
        }
    }

    /// Whether a module, or one that it is in, is compiled for tests only.
    pub fn is_only_for_tests(&self, path: &[String]) -> bool {
        (0..=path.len()).any(|end| {
            let module = self.all.get(&path[..end]);
            module.is_some_and(|module| module.only_for_tests)
        })
    }

    pub fn is_file(&self, path: &[String]) -> bool {
        self.files.contains(path)
    }

    /// Whether a module is a directory: other files are in it.
    pub fn has_rooms(&self, path: &[String]) -> bool {
        let mut files = self.files.iter().filter(|file| file.len() > path.len());
        files.any(|file| file.starts_with(path) && !self.is_only_for_tests(file))
    }

    /// The file's module that a module is part of.
    pub fn file_of(&self, path: &[String]) -> Path {
        let ends = (0..=path.len()).rev();
        let mut files = ends.map(|end| &path[..end]);
        files
            .find(|path| self.is_file(path))
            .unwrap_or(&[])
            .to_vec()
    }

    /// Where a path that is written in a module leads to, from the crate's root; `None` if out of the crate. `blocks`
    /// are the imports of the blocks around it, the innermost last.
    pub fn absolute(&self, at: &[String], blocks: &[Imports], written: &[String]) -> Option<Path> {
        self.lead(at, blocks, written, &mut HashSet::new())
    }

    /// The module where an item is defined, through every re-export.
    pub fn home(&self, path: &[String]) -> Path {
        self.define(path, &mut HashSet::new())
    }

    fn lead(
        &self,
        at: &[String],
        blocks: &[Imports],
        written: &[String],
        seen: &mut Seen,
    ) -> Option<Path> {
        let (first, rest) = written.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some(join(at, rest)),
            "super" => {
                let mut from = &at[..at.len().checked_sub(1)?];
                let mut rest = rest;
                while rest.first().is_some_and(|name| name == "super") {
                    from = &from[..from.len().checked_sub(1)?];
                    rest = &rest[1..];
                }
                Some(join(from, rest))
            }
            name => {
                for (i, imports) in blocks.iter().enumerate().rev() {
                    // Of a block, imports lead on from what is around it: `use a::b` may name what `use c::a` brought.
                    if let Some(found) = self.imported(at, &blocks[..i], imports, name, seen) {
                        return Some(join(&found, rest));
                    }
                }
                Some(join(&self.find(at, name, seen)?, rest))
            }
        }
    }

    /// What a name means in a module.
    fn find(&self, at: &[String], name: &str, seen: &mut Seen) -> Option<Path> {
        let module = self.all.get(at)?;
        let own = join(at, &[name.to_string()]);
        if self.all.contains_key(&own) || module.items.contains(name) {
            return Some(own);
        }
        if !seen.insert(own.clone()) {
            return None;
        }
        let found = self.imported(at, &[], &module.imports, name, seen);
        seen.remove(&own);
        found
    }

    fn imported(
        &self,
        at: &[String],
        around: &[Imports],
        imports: &Imports,
        name: &str,
        seen: &mut Seen,
    ) -> Option<Path> {
        if let Some(path) = imports.names.get(name) {
            return self.lead(at, around, path, seen);
        }
        imports.globs.iter().find_map(|glob| {
            let module = self.lead(at, around, glob, seen)?;
            self.find(&self.define(&module, seen), name, seen)
        })
    }

    /// The module that a path leads to, or that defines the item.
    fn define(&self, path: &[String], seen: &mut Seen) -> Path {
        let mut module = Path::new();
        for (i, name) in path.iter().enumerate() {
            let inner = join(&module, std::slice::from_ref(name));
            if self.all.contains_key(&inner) {
                module = inner;
                continue;
            }
            if let Some(found) = self.find(&module, name, seen) {
                // An import that leads back to itself does not compile, but must not cause an endless loop here.
                if found != inner && seen.insert(inner.clone()) {
                    module = self.define(&join(&found, &path[i + 1..]), seen);
                    seen.remove(&inner);
                }
            }
            break;
        }
        module
    }
}

/// Names that are being looked up: an import may lead back to itself.
type Seen = HashSet<Path>;

/// One name of a `use` item.
pub struct Leaf {
    pub path: Path,
    /// The name that it is known by; `None` for `*`.
    pub name: Option<String>,
    pub line: usize,
}

pub fn leaves(tree: &UseTree) -> Vec<Leaf> {
    let mut all = Vec::new();
    walk(tree, &[], &mut all);
    all
}

fn walk(tree: &UseTree, prefix: &[String], all: &mut Vec<Leaf>) {
    let mut add = |ident: &syn::Ident, name: &syn::Ident| {
        let mut path = prefix.to_vec();
        // `a::{self}` is `a`; a `self` that stands alone is the module.
        if ident != "self" || path.is_empty() {
            path.push(plain(ident));
        }
        let name = if name == "self" {
            path[path.len() - 1].clone()
        } else {
            plain(name)
        };
        let line = ident.span().start().line;
        all.push(Leaf {
            path,
            name: Some(name),
            line,
        });
    };
    match tree {
        UseTree::Path(tree) => walk(&tree.tree, &join(prefix, &[plain(&tree.ident)]), all),
        UseTree::Name(tree) => add(&tree.ident, &tree.ident),
        UseTree::Rename(tree) => add(&tree.ident, &tree.rename),
        UseTree::Glob(tree) => all.push(Leaf {
            path: prefix.to_vec(),
            name: None,
            line: tree.star_token.span.start().line,
        }),
        UseTree::Group(tree) => tree.items.iter().for_each(|tree| walk(tree, prefix, all)),
    }
}

/// Whether what has this attribute exists in tests only: `cfg(test)`, or pgrx's feature for tests in the server.
pub fn is_only_for_tests(attribute: &Attribute) -> bool {
    fn needs_test(condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::NameValue(pair) => {
                let syn::Expr::Lit(literal) = &pair.value else {
                    return false;
                };
                let syn::Lit::Str(value) = &literal.lit else {
                    return false;
                };
                pair.path.is_ident("feature") && value.value() == "pg_test"
            }
            Meta::List(list) => {
                let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
                let parts = parts.unwrap_or_default();
                let mut parts = parts.iter();
                (list.path.is_ident("all") && parts.clone().any(needs_test))
                    || (list.path.is_ident("any") && parts.len() > 0 && parts.all(needs_test))
            }
        }
    }
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args()
            .is_ok_and(|condition| needs_test(&condition))
}

fn name_of(item: &Item) -> Option<String> {
    Some(plain(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    }))
}

/// An identifier without `r#`.
pub fn plain(ident: &syn::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_string()
}

pub fn join(path: &[String], rest: &[String]) -> Path {
    [path, rest].concat()
}
