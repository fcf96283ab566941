//! What a file uses of the crate: its `use` items, and the paths in its code, types, attributes and macros.

use crate::modules::{is_only_for_tests, leaves, plain, Imports, Modules};
use crate::source::{File, Path};
use proc_macro2::{Spacing, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, ImplItem, Item, ItemMod, ItemUse, Stmt, TraitItem, UseTree, Visibility,
};

/// One use of a module or of an item in it.
pub struct Use {
    pub line: usize,
    /// As written, up to a name or `*`.
    pub written: Path,
    /// Where that leads to, from the crate's root.
    pub to: Path,
    pub is_glob: bool,
    /// Brought in with `use`, under this name.
    pub name: Option<String>,
    pub is_reexport: bool,
}

/// Everything that a file uses outside its tests.
pub fn of(file: &File, modules: &Modules) -> Vec<Use> {
    if modules.is_only_for_tests(&file.module) {
        return Vec::new();
    }
    let mut collector = Collector {
        modules,
        at: file.module.clone(),
        blocks: Vec::new(),
        uses: Vec::new(),
    };
    collector.visit_file(&file.syntax);
    collector.uses
}

struct Collector<'a> {
    modules: &'a Modules,
    at: Path,
    /// The imports of the blocks around, the innermost last.
    blocks: Vec<Imports>,
    uses: Vec<Use>,
}

impl Collector<'_> {
    fn add(&mut self, line: usize, written: Path) -> Option<&mut Use> {
        let to = self.modules.absolute(&self.at, &self.blocks, &written)?;
        self.uses.push(Use {
            line,
            written,
            to,
            is_glob: false,
            name: None,
            is_reexport: false,
        });
        self.uses.last_mut()
    }

    fn import(&mut self, tree: &UseTree, is_reexport: bool) {
        for leaf in leaves(tree) {
            if let Some(found) = self.add(leaf.line, leaf.path) {
                found.is_glob = leaf.name.is_none();
                found.name = leaf.name;
                found.is_reexport = is_reexport;
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !attributes(item).iter().any(is_only_for_tests) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_only_for_tests) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[Attribute] = match item {
            TraitItem::Const(item) => &item.attrs,
            TraitItem::Fn(item) => &item.attrs,
            TraitItem::Type(item) => &item.attrs,
            TraitItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_only_for_tests) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let blocks = std::mem::take(&mut self.blocks);
        self.at.push(plain(&item.ident));
        visit::visit_item_mod(self, item);
        self.at.pop();
        self.blocks = blocks;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        item.attrs
            .iter()
            .for_each(|attribute| self.visit_attribute(attribute));
        if item.leading_colon.is_none() {
            self.import(&item.tree, !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_block(&mut self, block: &'ast Block) {
        let mut imports = Imports::default();
        for statement in &block.stmts {
            if let Stmt::Item(Item::Use(item)) = statement {
                imports.add(&item.tree);
            }
        }
        self.blocks.push(imports);
        visit::visit_block(self, block);
        self.blocks.pop();
    }

    /// The visibility of an item is not a use of a module.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // One name alone is the module's own, or was imported.
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let written = path.segments.iter().map(|segment| plain(&segment.ident));
            self.add(
                path.segments[0].ident.span().start().line,
                written.collect(),
            );
        }
        visit::visit_path(self, path);
    }

    /// What a macro or an attribute is given, and what `macro_rules!` writes: paths can be told without its grammar.
    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.scan(tokens);
    }
}

impl Collector<'_> {
    fn scan(&mut self, tokens: &TokenStream) {
        let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.scan(&group.stream()),
                TokenTree::Ident(ident) if ident == "use" => {
                    let end = tokens[at..].iter().position(|token| is_punct(token, ';'));
                    let item = &tokens[at + 1..end.map_or(tokens.len(), |end| at + end)];
                    let plain = item.iter().filter(|token| !is_punct(token, '$'));
                    if let Ok(tree) = syn::parse2::<UseTree>(plain.cloned().collect()) {
                        self.import(&tree, false);
                        at += item.len();
                    }
                }
                TokenTree::Ident(ident) => {
                    let before = &tokens[..at];
                    let mut written = vec![plain(ident)];
                    while let Some(next) = segment_after(&tokens[at + 1..]) {
                        written.push(next);
                        at += 3;
                    }
                    let goes_on = follows_colons(before);
                    // `$name` stands for something else, `$crate` for the crate.
                    let stands_in = before.last().is_some_and(|token| is_punct(token, '$'));
                    if written.len() > 1 && !goes_on && (!stands_in || written[0] == "crate") {
                        self.add(ident.span().start().line, written);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_colons(first: &TokenTree, second: &TokenTree) -> bool {
    let is_joint = matches!(first, TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint);
    is_joint && is_punct(first, ':') && is_punct(second, ':')
}

fn follows_colons(before: &[TokenTree]) -> bool {
    matches!(before, [.., first, second] if is_colons(first, second))
}

/// The name of `::name`.
fn segment_after(tokens: &[TokenTree]) -> Option<String> {
    match tokens {
        [first, second, TokenTree::Ident(ident), ..] if is_colons(first, second) => {
            Some(plain(ident))
        }
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
