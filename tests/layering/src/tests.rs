//! Small crates that break one rule each, and some that only look as if they did.

use crate::rules::{Rules, RULES};
use crate::source::Source;
use crate::Crate;

const FRESH: Rules = Rules {
    known_circles: &[],
    wings: &[&["sys"], &["row", "catalog"], &["judge"]],
    ..RULES
};

/// The problems of a crate of these files. A first line is put before each, so that the code begins in line 2.
fn judge(files: &[(&str, &str)]) -> Vec<String> {
    judge_by(&FRESH, files)
}

fn judge_by(rules: &Rules, files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, code)| Source {
            path: path.to_string(),
            text: format!("//! x\n{code}\n"),
        })
        .collect();
    let problems = Crate::parse(&sources).judge(rules);
    problems.iter().map(|problem| problem.to_string()).collect()
}

#[track_caller]
fn refuse(path: &str, code: &str, expected: &str) {
    refuse_among(&[(path, code)], &[expected]);
}

#[track_caller]
fn refuse_among(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(judge(files), expected, "{files:?}");
}

#[track_caller]
fn accept(files: &[(&str, &str)]) {
    refuse_among(files, &[]);
}

#[test]
fn a_file_begins_by_saying_what_it_is_for() {
    for text in ["fn f() {}", "", "//!\nfn f() {}", "// x", "\n//! x"] {
        let path = "feed/mod.rs".to_string();
        let text = text.to_string();
        let problems = Crate::parse(&[Source { path, text }]).judge(&FRESH);
        let problems: Vec<String> = problems.iter().map(|problem| problem.to_string()).collect();
        assert_eq!(
            problems,
            ["src/feed/mod.rs:1: does not begin with a //! line"]
        );
    }
}

#[test]
fn a_file_is_rust() {
    let said = judge(&[("feed/mod.rs", "fn f() {\n  let;\n}")]);
    assert!(
        said[0].starts_with("src/feed/mod.rs:3: is no Rust: "),
        "{said:?}"
    );
    let said = judge(&[("feed/mod.rs", "fn f() {\n\"")]);
    assert!(
        said[0].starts_with("src/feed/mod.rs:3: is no Rust: "),
        "{said:?}"
    );
}

#[test]
fn a_module_has_a_level() {
    refuse(
        "stray.rs",
        "fn f() {}",
        "src/stray.rs:1: stray is no module of the layering",
    );
    refuse(
        "log/append.rs",
        "use crate::nowhere;",
        "src/log/append.rs:2: crate::nowhere is no module of the layering",
    );
}

#[test]
fn nothing_uses_a_higher_level() {
    let path = "filter/condition.rs";
    let of = |line: usize, name: &str| {
        format!("src/{path}:{line}: filter is below {name} and may not use it")
    };
    refuse(path, "use crate::feed::policy;", &of(2, "feed"));
    refuse(
        path,
        "use crate::{error::Error, feed::policy};",
        &of(2, "feed"),
    );
    refuse(
        path,
        "use crate::{\n    error::{Error, Result},\n    api,\n};",
        &of(4, "api"),
    );
    refuse(path, "use crate::feed;", &of(2, "feed"));
    refuse(path, "use crate::feed::*;", &of(2, "feed"));
    refuse(path, "use crate::feed::{self as f};", &of(2, "feed"));
    refuse(path, "use crate::r#feed::x;", &of(2, "feed"));
    refuse(
        path,
        "fn f() {\n    crate::registry::g();\n}",
        &of(3, "registry"),
    );
    refuse(
        path,
        "fn f() { let a = \"//\"; crate::registry::g(); }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "fn f<'a>() { let q = '\"'; crate::registry::g(); let r = '\"'; }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "fn f() { let a = r#\"\"\"#; crate::registry::g(); }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "fn f(x: Vec<Option<crate::registry::X>>) {}",
        &of(2, "registry"),
    );
    refuse(
        path,
        "struct A<T: crate::registry::X>(T);",
        &of(2, "registry"),
    );
    refuse(path, "impl crate::registry::X for A {}", &of(2, "registry"));
    refuse(
        path,
        "fn f() { <u8 as crate::registry::X>::g() }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "fn f() { match x { crate::registry::X::Y => {} } }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "fn f() { use crate::registry as r; r::g(); }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "fn f() { format!(\"{}\", vec![crate::registry::g()]) }",
        &of(2, "registry"),
    );
    refuse(path, "fn f() { crate::registry::g!() }", &of(2, "registry"));
    refuse(
        path,
        "macro_rules! m { () => { $crate::registry::g() } }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "macro_rules! m { () => { use $crate::{error, registry}; } }",
        &of(2, "registry"),
    );
    refuse(
        path,
        "#[derive(crate::registry::X)] struct A;",
        &of(2, "registry"),
    );
    refuse(
        path,
        "#[cfg(not(test))] use crate::registry;",
        &of(2, "registry"),
    );
    refuse(
        "pg/mod.rs",
        "use crate::gucs;",
        "src/pg/mod.rs:2: pg is below gucs and may not use it",
    );
    refuse(
        "error.rs",
        "use crate::pg;",
        "src/error.rs:2: error is below pg and may not use it",
    );
}

#[test]
fn super_leads_to_the_root() {
    let path = "log/mod.rs";
    let of = |name: &str| format!("src/{path}:2: log is below {name} and may not use it");
    refuse(path, "use super::feed;", &of("feed"));
    refuse(path, "use {super::feed, std::fmt};", &of("feed"));
    refuse(path, "use super::{pg, feed::delta};", &of("feed"));
    refuse(path, "fn f() { super::feed::g() }", &of("feed"));
    refuse(
        "log.rs",
        "use super::feed;",
        "src/log.rs:2: log is below feed and may not use it",
    );
    // Which is hard to see from further below.
    for (path, code) in [
        ("log/append.rs", "use super::super::feed;"),
        ("log/mod.rs", "mod inner { use super::super::feed; }"),
    ] {
        let below = format!("src/{path}:2: log is below feed and may not use it");
        let far = format!("src/{path}:2: super::super: write the path from crate");
        refuse_among(&[(path, code)], &[&below, &far]);
    }
    // From a module within a file, super is the file.
    accept(&[("log/mod.rs", "mod inner { use super::feed; } mod feed {}")]);
}

#[test]
fn one_level_does_not_use_itself() {
    for (path, code, pair) in [
        (
            "feed/reader.rs",
            "use crate::capture::plan::Plan;",
            "feed and capture",
        ),
        (
            "sink/wal.rs",
            "use crate::filter::parse;",
            "sink and filter",
        ),
        (
            "message/value.rs",
            "pub(crate) use crate::log::append;",
            "message and log",
        ),
    ] {
        refuse(
            path,
            code,
            &format!("src/{path}:2: {pair} are of one level, neither may use the other"),
        );
    }
}

#[test]
fn renames_are_followed() {
    let of = "src/log/append.rs:3: log is below feed and may not use it";
    let code = "use crate as root;\nfn f() { root::feed::g() }";
    let said = judge(&[("log/append.rs", code)]);
    assert_eq!(said, ["src/log/append.rs:2: renames the crate's root", of]);
    let code = "use crate::log as l;\nuse crate::{feed as l2, pg as l};\nfn f() { l2::g() }";
    let said = judge(&[("log/append.rs", code)]);
    assert_eq!(
        said,
        [
            of,
            "src/log/append.rs:4: log is below feed and may not use it"
        ]
    );
}

#[test]
fn the_root_is_named_only_for_its_modules() {
    let path = "log/append.rs";
    let glob = format!("src/{path}:2: imports everything from the crate's root");
    let renames = format!("src/{path}:2: renames the crate's root");
    refuse(path, "use crate::*;", &glob);
    refuse(
        "log/mod.rs",
        "use super::*;",
        "src/log/mod.rs:2: imports everything from the crate's root",
    );
    refuse(path, "use crate as c;", &renames);
    refuse(path, "use crate::{self as c};", &renames);
    refuse_among(&[(path, "use crate::{self as c, *};")], &[&glob, &renames]);
}

#[test]
fn code_is_where_its_file_is() {
    let path = "log/append.rs";
    let puts = |what: &str| format!("src/{path}:2: {what} elsewhere");
    refuse(
        path,
        "#[path = \"../feed/delta.rs\"] mod delta;",
        &puts("#[path] puts a module"),
    );
    refuse(
        path,
        "#[cfg_attr(unix, path = \"../feed/delta.rs\")] mod delta;",
        &puts("#[path] puts a module"),
    );
    refuse(
        path,
        "include!(\"../feed/delta.rs\");",
        &puts("include! puts code"),
    );
    refuse(
        "pg/mod.rs",
        "include!(\"x.rs\");",
        "src/pg/mod.rs:2: include! puts code elsewhere",
    );
    accept(&[(
        path,
        "fn f() { let path = 1; g(path = 2); let s = include_str!(\"x\"); }",
    )]);
}

#[test]
fn unsafe_code_is_in_pg() {
    let path = "feed/reader.rs";
    let outside = |what: &str| format!("src/{path}:2: {what} outside src/pg");
    refuse(path, "fn f() { unsafe { g() } }", &outside("unsafe"));
    refuse(path, "unsafe impl Send for A {}", &outside("unsafe"));
    refuse(path, "fn f() { m!(unsafe { g() }) }", &outside("unsafe"));
    refuse(
        path,
        "#[cfg(test)] mod tests { fn f() { unsafe { g() } } }",
        &outside("unsafe"),
    );
    refuse(path, "#![allow(unsafe_code)]", &outside("unsafe_code"));
    refuse(
        path,
        "#[no_mangle] pub extern \"C-unwind\" fn f() {}",
        &outside("extern"),
    );
    refuse(path, "use pgrx::pg_sys;", &outside("pg_sys"));
    refuse(
        "lib.rs",
        "pub extern \"C-unwind\" fn f() {}",
        "src/lib.rs:2: extern outside src/pg",
    );
    refuse(
        "api/mod.rs",
        "use pgrx::pg_sys::panic::ErrorReport;",
        "src/api/mod.rs:2: pg_sys outside src/pg",
    );
    refuse(
        "error.rs",
        "use pgrx::pg_sys::panic::CaughtError;",
        "src/error.rs:2: pg_sys outside src/pg",
    );
    refuse(
        "error.rs",
        "use pgrx::pg_sys;",
        "src/error.rs:2: pg_sys outside src/pg",
    );
    accept(&[("error.rs", "use pgrx::pg_sys::panic::ErrorReport;")]);
    accept(&[("error.rs", "pub use pgrx::pg_sys::panic::ErrorReport;")]);
    accept(&[(
        "lib.rs",
        "pub extern \"C-unwind\" fn _PG_init() {}\nextern crate std;",
    )]);
    accept(&[(
        "pg/mod.rs",
        "#![allow(unsafe_code)]\nunsafe fn f() { pg_sys::g() }",
    )]);
}

#[test]
fn versions_of_postgres_are_in_sys() {
    let path = "pg/row/image.rs";
    let of = |line: usize| {
        format!("src/{path}:{line}: a cfg for a version of Postgres outside src/pg/sys")
    };
    refuse(path, "#[cfg(feature = \"pg15\")] fn f() {}", &of(2));
    let code = "#[cfg_attr(any(feature = \"x\", feature = \"pg17\"), inline)] fn f() {}";
    refuse(path, code, &of(2));
    refuse(
        path,
        "#[cfg(any(\n  feature\n = \"pg18\"\n))] fn f() {}",
        &of(3),
    );
    refuse(path, "fn f() -> bool { cfg!(feature = \"pg18\") }", &of(2));
    accept(&[(
        path,
        "#[cfg(any(test, feature = \"pg_test\"))] mod tests { use pgrx::prelude::*; }",
    )]);
    accept(&[("pg/sys/compat.rs", "#[cfg(feature = \"pg15\")] fn f() {}")]);
}

#[test]
fn extern_declarations_are_in_sys() {
    let code = "unsafe extern \"C-unwind\" { fn f(); }";
    refuse(
        "pg/row/image.rs",
        code,
        "src/pg/row/image.rs:2: extern declarations outside src/pg/sys",
    );
    accept(&[("pg/sys/raw.rs", code)]);
    accept(&[("pg/row/image.rs", "unsafe extern \"C-unwind\" fn f() {}")]);
}

#[test]
fn pure_modules_are_pure() {
    for (path, code, what) in [
        ("filter/parse.rs", "use pgrx::prelude::*;", "pgrx"),
        (
            "filter/parse/lexer.rs",
            "fn f() { pgrx::warning!(\"x\") }",
            "pgrx",
        ),
        (
            "feed/delta.rs",
            "#[cfg(test)] mod tests { use pgrx_tests::x; }",
            "pgrx_tests",
        ),
        ("feed/delta.rs", "use crate::pg::Oid;", "pg::Oid"),
        (
            "feed/net.rs",
            "use super::reader::Reader;",
            "feed::reader::Reader",
        ),
        ("log/cursor.rs", "use crate::gucs;", "gucs"),
        ("message/json.rs", "use super::Oid;", "message::Oid"),
        (
            "feed/matcher/index.rs",
            "use crate::log::append;",
            "log::append",
        ),
    ] {
        refuse(
            path,
            code,
            &format!("src/{path}:2: a pure module may not use {what}"),
        );
    }
    // Whatever names lead there.
    let files = [
        ("message/mod.rs", "pub use crate::pg::row::Row;"),
        ("message/json.rs", "use super::Row;"),
        ("pg/row.rs", "pub struct Row;"),
    ];
    refuse_among(
        &files,
        &["src/message/json.rs:2: a pure module may not use pg::row"],
    );
    accept(&[
        ("error.rs", "pub struct Error;"),
        ("filter/parse/mod.rs", "mod ast; mod list; use ast::Expr;"),
        ("filter/parse/ast.rs", "use crate::error::Error;"),
        ("filter/parse/list.rs", "use super::ast::Expr;"),
        ("feed/net.rs", "use super::delta::Delivery;"),
        ("feed/delta.rs", ""),
    ]);
}

#[test]
fn tests_import_what_they_like() {
    accept(&[
        ("filter/mod.rs", "#[cfg(test)] mod tests { use crate::api; use super::super::*; }"),
        ("log/mod.rs", "#[cfg(any(test, feature = \"pg_test\"))] mod tests;\n#[cfg(all(test, unix))] use crate::api;"),
        ("log/tests.rs", "use crate::api; mod inner { fn f() { crate::feed::f() } }"),
        ("log/tests/more.rs", "use crate::api;"),
        ("log/read.rs", "impl A { #[cfg(test)] fn f() { crate::api::g() } }"),
        ("log/state.rs", "#![cfg(test)]\nuse crate::api;"),
        ("pg/mod.rs", "mod row;"),
        ("pg/row/mod.rs", "mod array;"),
        ("pg/row/array.rs", "#[cfg(test)] mod tests;"),
        ("pg/row/array/tests.rs", "use crate::pg::judge::x;"),
        ("pg/judge/mod.rs", "pub mod x;"),
        ("pg/judge/x.rs", ""),
    ]);
}

#[test]
fn text_is_no_code() {
    accept(&[
        ("feed/delta.rs", "// unsafe, pg_sys, crate::api\n/* crate::api /* nested */ unsafe */\n/// crate::api::x, unsafe\nfn f() -> &'static str { \"crate::api::x unsafe feature = pg15\" }"),
        ("log/mod.rs", "#[doc = \"crate::api\"] fn f() { g!(\"crate::api::x\"); }\npub(in crate::log) fn h() {}"),
        // Not ours: a crate's name, a variable, an associated item, a name of the macro.
        ("log/read.rs", "use ::feed::x; fn f<api: T>(feed: u8) { feed.max(1); ::api::f(); g!(a::crate_::api, $feed::x); }"),
    ]);
}

#[test]
fn the_crate_as_it_is_passes() {
    accept(&[
        ("lib.rs", "mod feed;\nfn f() { gucs::init(); crate::pg::f(); }\nuse api::x;"),
        ("api/mod.rs", "use crate::{capture, error::{Error, Result}, feed::{self, delta}, filter, gucs, log, message, pg, registry, sink};"),
        ("feed/mod.rs", "mod delta; mod reader;\n#[cfg(test)] mod tests { use super::*; fn f() { super::delta::g(); } }"),
        ("feed/reader.rs", "use super::delta::Delta; use crate::message::json; pub(in crate::feed) fn f() {}"),
        ("feed/delta.rs", "pub struct Delta;"),
        ("log/mod.rs", "pub fn init() { crate::pg::worker::set_work(retention::janitor); }"),
    ]);
}

#[test]
fn wings_use_only_lower_ones() {
    let files = |code| {
        [
            (
                "pg/mod.rs",
                "mod row; mod judge; pub use judge::plan::Plan;",
            ),
            ("pg/row/mod.rs", "pub mod array;"),
            ("pg/row/array.rs", code),
            ("pg/catalog/mod.rs", "pub mod keys;"),
            ("pg/catalog/keys.rs", ""),
            ("pg/judge/mod.rs", "pub mod plan; use super::row::array;"),
            (
                "pg/judge/plan.rs",
                "use crate::pg::row::array; pub struct Plan;",
            ),
            ("pg/sys/mod.rs", "pub mod raw;"),
            ("pg/sys/raw.rs", ""),
        ]
    };
    accept(&files("use crate::pg::{sys::raw, Oid};"));
    let above = "src/pg/row/array.rs:2: pg::row is below pg::judge and may not use it";
    let circle = "src/pg/judge/plan.rs:2: a circle of imports: pg::judge::plan → pg::row::array (src/pg/judge/plan.rs:2) → pg::judge::plan (src/pg/row/array.rs:2)";
    refuse_among(&files("use crate::pg::judge::plan;"), &[circle, above]);
    refuse_among(&files("fn f(x: crate::pg::Plan) {}"), &[circle, above]);
    refuse_among(
        &files("fn f() { use crate::pg as p; p::judge::plan::g() }"),
        &[circle, above],
    );
    refuse_among(
        &files("use crate::pg::catalog::keys;"),
        &["src/pg/row/array.rs:2: pg::row and pg::catalog are of one level, neither may use the other"],
    );
}

#[test]
fn wings_are_known_and_one_level_deep() {
    refuse_among(
        &[("pg/attic/mod.rs", ""), ("pg/attic/box.rs", "")],
        &[
            "src/pg/attic/box.rs:1: pg::attic is no wing of the layering",
            "src/pg/attic/mod.rs:1: pg::attic is no wing of the layering",
        ],
    );
    refuse_among(
        &[("pg/row/array/mod.rs", ""), ("pg/row/array/item.rs", "")],
        &["src/pg/row/array/item.rs:1: src/pg has wings one level deep: pg/<wing>/<room>.rs"],
    );
    accept(&[("pg/attic.rs", ""), ("pg/row.rs", "")]);
}

#[test]
fn circles_are_shown() {
    let said = judge(&[
        ("pg/a.rs", "use super::b::B;\npub struct A;"),
        ("pg/b.rs", "\npub struct B(super::c::C);"),
        (
            "pg/c.rs",
            "use std::fmt;\n\nfn f() { use crate::pg as p; p::a::g() }",
        ),
        ("pg/d.rs", "use super::a;"),
    ]);
    let expected = "src/pg/a.rs:2: a circle of imports: pg::a → pg::b (src/pg/a.rs:2) → pg::c (src/pg/b.rs:3) → pg::a (src/pg/c.rs:4)";
    assert_eq!(said, [expected]);
}

#[test]
fn circles_are_found_through_reexports_and_globs() {
    // In two steps, each under another name.
    let said = judge(&[
        (
            "log/mod.rs",
            "mod read; mod entry; pub use entry::Entry as One;",
        ),
        ("log/entry.rs", "use super::read::f; pub struct Entry;"),
        ("log/read.rs", "use super::{One as It};\npub fn f(x: It) {}"),
    ]);
    let expected = "src/log/entry.rs:2: a circle of imports: log::entry → log::read (src/log/entry.rs:2) → log::entry (src/log/read.rs:2)";
    assert_eq!(said, [expected]);
    let said = judge(&[
        ("log/mod.rs", "mod read; mod entry; pub use entry::*;"),
        ("log/entry.rs", "use super::read::f; pub struct Entry;"),
        ("log/read.rs", "use crate::log::Entry;\npub fn f() {}"),
    ]);
    assert_eq!(said, [expected]);
    // By one that lists what is another's.
    let said = judge(&[
        ("log/value.rs", ""),
        (
            "log/row.rs",
            "pub use super::value::Value; use super::array::A;",
        ),
        ("log/array.rs", "use super::row::Value; pub struct A;"),
    ]);
    assert_eq!(said.len(), 1, "{said:?}");
    // By names that a glob brought, in a module within the file.
    let said = judge(&[
        ("log/mod.rs", "pub mod read; pub mod entry;"),
        (
            "log/read.rs",
            "mod inner { use crate::log::*; fn f() { entry::g() } }",
        ),
        ("log/entry.rs", "fn g() { super::read::f() }"),
    ]);
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn a_directory_and_its_files_are_no_circle_by_listing_them() {
    accept(&[
        (
            "log/mod.rs",
            "mod read; pub use read::f; pub struct Shared;",
        ),
        ("log/read.rs", "use super::Shared; pub fn f() {}"),
        ("log/entry.rs", "use super::f;"),
    ]);
    let said = judge(&[
        (
            "log/mod.rs",
            "mod read; pub struct Shared; fn g() { read::f() }",
        ),
        ("log/read.rs", "use super::Shared; pub fn f() {}"),
    ]);
    assert_eq!(said.len(), 1, "{said:?}");
    accept(&[
        (
            "log/mod.rs",
            "mod read; pub struct Shared; #[cfg(test)] mod tests { fn g() { super::read::f() } }",
        ),
        ("log/read.rs", "use super::Shared; pub fn f() {}"),
    ]);
}

#[test]
fn an_import_that_leads_to_itself_ends() {
    judge(&[
        ("log/mod.rs", "use a::x; use x::a; use self::b as b; use super::log::*; use c::*; fn f() { a::g(); b::h(); c::i() }"),
        ("log/read.rs", "pub use super::entry::y; pub use super::entry::*; fn f() { y::g(); z::g() }"),
        ("log/entry.rs", "pub use super::read::y; pub use super::read::*; fn f() { y::g(); z::g() }"),
    ]);
}

#[test]
fn known_circles_pass_and_must_be_there() {
    let rules = Rules {
        known_circles: &[&["pg::a", "pg::b", "pg::c"], &["pg::x", "pg::y"]],
        pure_later: &["feed::later"],
        ..FRESH
    };
    let files = [
        ("pg/a.rs", "use super::b;"),
        ("pg/b.rs", "use super::a;"),
        ("pg/c.rs", ""),
    ];
    assert_eq!(judge_by(&rules, &files), [""; 0]);
    let more = [
        ("pg/a.rs", "use super::d;"),
        ("pg/b.rs", "use super::a;"),
        ("pg/d.rs", "use super::b;"),
    ];
    assert_eq!(judge_by(&rules, &more).len(), 1);
    let sources: Vec<Source> = files
        .iter()
        .map(|(path, code)| Source {
            path: path.to_string(),
            text: code.to_string(),
        })
        .collect();
    let said = Crate::parse(&sources).judge_rules(&rules);
    let said: Vec<String> = said.iter().map(|problem| problem.what.clone()).collect();
    assert!(said
        .contains(&"pg::x, pg::y is no circle any more: take it out of known_circles".to_string()));
    assert!(
        !said.iter().any(|what| what.starts_with("pg::a")),
        "{said:?}"
    );
    assert!(said.contains(&"there is no module log::cursor".to_string()));
    assert!(
        !said
            .iter()
            .any(|what| what.contains("later") || what.contains("pg::sys")),
        "{said:?}"
    );
}
