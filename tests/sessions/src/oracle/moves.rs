//! What changes who sees what while a relay's subscriptions are there: memberships, policies, privileges, functions.

use super::kind::Kind;
use super::policy;
use super::schema::{ident, Cascade, Column, Schema, Table, GRANTED};
use super::tally::Tally;
use crate::pg::Client;
use crate::random::Random;
use crate::{check, Outcome};

/// One change, unless another session's lock is in the way.
pub fn one(
    client: &mut Client,
    schema: &Schema,
    tally: &mut Tally,
    random: &mut Random,
) -> Outcome {
    let table = random.pick(&schema.tables);
    let sql = match random.below(10) {
        0..=3 => membership(random),
        4..=6 if table.cascade == Cascade::No => policies(table, random),
        _ => privileges(table, random),
    };
    match client.run(&sql) {
        Ok(()) => {
            tally.moves += 1;
            Ok(())
        }
        // What a random policy is about may not be there, or be there already.
        Err(failure) => check(
            ["55P03", "42710", "42704", "42883", "42P01"].contains(&failure.code.as_str()),
            || format!("{failure}: {sql}"),
        ),
    }
}

fn membership(random: &mut Random) -> String {
    let (org, sub) = (random.below(5), random.below(5));
    match random.below(3) {
        0 => format!("DELETE FROM members WHERE org = {org}"),
        1 => format!("UPDATE members SET org = {org} WHERE sub = 'u{sub}'"),
        _ => format!("INSERT INTO members VALUES ({org}, 'u{sub}')"),
    }
}

fn policies(table: &Table, random: &mut Random) -> String {
    let (name, number) = (&table.name, random.below(5));
    let mut out = Vec::new();
    match random.below(9) {
        0 => format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
        1 | 2 => format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
        3 => format!("DROP POLICY p{number} ON {name}"),
        4 => {
            let condition = policy::condition(table, random, &mut out);
            out.push(format!(
                "ALTER POLICY p{number} ON {name} USING ({condition})"
            ));
            out.join("; ")
        }
        5 => format!(
            "CREATE OR REPLACE FUNCTION is_member(integer) RETURNS boolean LANGUAGE sql STABLE \
             AS $$ SELECT EXISTS (SELECT FROM members WHERE org = $1 AND sub <> 'u{number}') $$"
        ),
        6 => {
            let is_number = |column: &&Column| column.kind == Kind::Integer;
            let Some(column) = table.columns.iter().find(is_number) else {
                return membership(random);
            };
            // It raises an error for some rows.
            let column = ident(&column.name);
            format!("CREATE POLICY p{number} ON {name} AS RESTRICTIVE FOR SELECT USING (12 / nullif({column} - 2, -100) > -3)")
        }
        _ => {
            let condition = policy::condition(table, random, &mut out);
            out.push(format!(
                "CREATE POLICY p{number} ON {name} FOR SELECT USING ({condition})"
            ));
            out.join("; ")
        }
    }
}

fn privileges(table: &Table, random: &mut Random) -> String {
    let (name, role) = (&table.name, random.pick::<&str>(&GRANTED));
    match random.below(4) {
        0 => format!("REVOKE SELECT ON {name} FROM {role}"),
        1 => {
            let column = ident(&random.pick(&table.columns).name);
            format!("REVOKE SELECT ({column}) ON {name} FROM {role}")
        }
        _ => format!("GRANT SELECT ON {name} TO {role}"),
    }
}
