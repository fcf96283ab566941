//! The crate's dependency directions, and where unsafe code may be: see rules.rs.
//!
//! - modules of one level do not use each other, none uses a higher one, no two use each other in a circle
//! - unsafe, pg_sys and extern functions are in src/pg only, extern declarations and version cfgs in src/pg/sys
//! - pure modules use neither pgrx nor what uses it
//! - every file begins with a //! line that says what it is for
//!
//! Code that is compiled only for tests may import anything. Usage: .ci/layering [DIR]

mod circles;
mod modules;
mod rules;
mod source;
#[cfg(test)]
mod tests;
mod uses;
mod words;

use circles::Arrows;
use modules::Modules;
use rules::Rules;
use source::{File, Source};
use std::process::ExitCode;
use uses::Use;

/// A rule that is broken, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl Problem {
    pub fn new(path: &str, line: usize, what: impl Into<String>) -> Problem {
        Problem {
            path: format!("src/{path}"),
            line,
            what: what.into(),
        }
    }

    /// A problem in the tables of rules themselves.
    pub fn of_rules(what: impl Into<String>) -> Problem {
        Problem {
            path: "tests/layering/src/rules.rs".to_string(),
            line: 1,
            what: what.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// A crate's files and what they use of each other.
struct Crate {
    files: Vec<(File, Vec<Use>)>,
    modules: Modules,
    arrows: Arrows,
    /// What could not be parsed.
    problems: Vec<Problem>,
}

impl Crate {
    fn parse(sources: &[Source]) -> Crate {
        let mut problems = Vec::new();
        let mut files = Vec::new();
        for source in sources {
            problems.extend(source.judge_first_line());
            match source.parse() {
                Ok(file) => files.push(file),
                Err(problem) => problems.push(problem),
            }
        }
        let modules = Modules::of(&files);
        let mut arrows = Arrows::default();
        let mut parsed = Vec::new();
        for file in files {
            let uses = uses::of(&file, &modules);
            uses.iter()
                .for_each(|found| arrows.add(&file, found, &modules));
            parsed.push((file, uses));
        }
        Crate {
            files: parsed,
            modules,
            arrows,
            problems,
        }
    }

    fn judge(&self, rules: &Rules) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        for (file, uses) in &self.files {
            problems.extend(rules.judge_file(file, &self.modules));
            problems.extend(words::judge(file, rules));
            for found in uses {
                let broken = rules.judge_use(file, found, &self.modules);
                let broken = broken.into_iter();
                problems.extend(broken.map(|what| Problem::new(&file.path, found.line, what)));
            }
        }
        problems.extend(self.arrows.judge(rules.known_circles));
        problems.sort();
        problems.dedup();
        problems
    }

    /// Modules that the rules name and the crate does not have: such a rule checks nothing.
    fn judge_rules(&self, rules: &Rules) -> Vec<Problem> {
        let names = rules.missing(&self.modules);
        let mut problems: Vec<String> = names
            .iter()
            .map(|name| format!("there is no module {name}"))
            .collect();
        for circle in self.arrows.missing(rules.known_circles) {
            problems.push(format!(
                "{circle} is no circle any more: take it out of known_circles"
            ));
        }
        problems.into_iter().map(Problem::of_rules).collect()
    }
}

fn main() -> ExitCode {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "src".to_string());
    let sources = match source::read(directory.as_ref()) {
        Ok(sources) => sources,
        Err(error) => {
            println!("{directory} cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let parsed = Crate::parse(&sources);
    let mut problems = parsed.judge(&rules::RULES);
    problems.extend(parsed.judge_rules(&rules::RULES));
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        return ExitCode::FAILURE;
    }
    println!("layering: ok");
    ExitCode::SUCCESS
}
