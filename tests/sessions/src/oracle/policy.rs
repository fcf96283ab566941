//! Random policies, over the columns of a table, the reader's claims and a table that nobody changes.

use super::kind::Kind;
use super::schema::{ident, Cascade, Table, READERS};
use crate::pg::quote;
use crate::random::Random;

/// The claims of the reader.
const CLAIMS: &str = "current_setting('request.jwt.claims', true)::jsonb";

/// Claims that the policies understand.
pub fn claims(random: &mut Random) -> String {
    let few = random.below(5);
    format!(
        "{{\"org\": {}, \"sub\": \"u{}\", \"uid\": \"00000000-0000-4000-8000-00000000000{few}\"}}",
        random.below(5),
        random.below(5)
    )
}

/// Functions as applications write them, and what Postgres makes of them: the first three are inlined, the next is not
/// since it runs as its owner, and the last since it is no SQL.
const FUNCTIONS: &str = "\
    CREATE FUNCTION jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$; \
    CREATE FUNCTION uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (jwt() ->> 'uid')::uuid $$; \
    CREATE FUNCTION is_member(integer) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT EXISTS (SELECT FROM members WHERE org = $1 AND sub = jwt() ->> 'sub') $$; \
    CREATE FUNCTION is_known(integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER AS $$ SELECT EXISTS (SELECT FROM members WHERE org = $1) $$; \
    CREATE FUNCTION sub() RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN current_setting('request.jwt.claims', true)::jsonb ->> 'sub'; END $$";

/// The table that membership policies look at; half of the time it has a policy itself.
pub fn members(random: &mut Random, out: &mut Vec<String>) {
    out.push(
        "CREATE TABLE members (org integer, sub text); GRANT SELECT ON members TO PUBLIC"
            .to_string(),
    );
    out.push(FUNCTIONS.to_string());
    for _ in 0..random.below(8) {
        out.push(format!(
            "INSERT INTO members VALUES ({}, 'u{}')",
            random.below(5),
            random.below(5)
        ));
    }
    if random.chance(50) {
        out.push(format!(
            "ALTER TABLE members ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY own ON members USING (sub = {CLAIMS} ->> 'sub')"
        ));
    }
}

pub fn random(table: &Table, random: &mut Random, out: &mut Vec<String>) {
    let name = &table.name;
    match table.cascade {
        Cascade::Parent => out.push(format!(
            "ALTER TABLE parent ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY org ON parent USING (org = ({CLAIMS} ->> 'org')::integer); \
             GRANT SELECT ON parent TO PUBLIC"
        )),
        Cascade::Child => out.push(
            "ALTER TABLE child ENABLE ROW LEVEL SECURITY; \
             CREATE POLICY org ON child USING (EXISTS (SELECT FROM parent WHERE parent.id = child.parent))"
                .to_string(),
        ),
        Cascade::No if random.chance(80) => {
            out.push(format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"));
            if random.chance(30) {
                out.push(format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
            }
            for i in 0..1 + random.below(4) {
                let restrictive = random.chance(25);
                let kind = if restrictive { "RESTRICTIVE" } else { "PERMISSIVE" };
                let command = *random.pick(&["SELECT", "SELECT", "ALL", "UPDATE"]);
                let mut to = "PUBLIC".to_string();
                if random.chance(30) {
                    to = random.pick(&["oracle_group", "oracle_a", "oracle_b, oracle_member", "oracle_owner"]).to_string();
                }
                let condition = condition(table, random, out);
                out.push(format!("CREATE POLICY p{i} ON {name} AS {kind} FOR {command} TO {to} USING ({condition})"));
            }
        }
        Cascade::No => {}
    }
}

pub fn condition(table: &Table, random: &mut Random, out: &mut Vec<String>) -> String {
    let place = random.below(table.columns.len() as u64) as usize;
    let (column, kind) = (
        format!("{}.{}", table.name, ident(&table.columns[place].name)),
        table.columns[place].kind,
    );
    match random.below(14) {
        0 => "true".to_string(),
        1 => format!("{column} IS NULL OR {}", of_column(&column, kind, random)),
        2 => format!("NOT ({})", of_column(&column, kind, random)),
        3 => format!(
            "{} AND {}",
            condition(table, random, out),
            of_column(&column, kind, random)
        ),
        4 => format!(
            "{} OR {}",
            condition(table, random, out),
            of_column(&column, kind, random)
        ),
        5 => format!(
            "current_user <> {} OR {}",
            quote(random.pick::<&str>(&READERS)),
            of_column(&column, kind, random)
        ),
        6 => format!("length({}::text) % 3 <> 0", table.name),
        7 => {
            let function = format!("seen_{}_{}", table.name, out.len());
            let member = ident(&table.columns[place].name);
            out.push(match random.below(2) {
                0 => format!(
                    "CREATE FUNCTION {function}({}) RETURNS boolean LANGUAGE sql STABLE \
                     AS $$ SELECT coalesce(abs(hashtext(($1).{member}::text)::bigint) % 3, 0) <> 1 $$",
                    table.name
                ),
                _ => format!(
                    "CREATE FUNCTION {function}({}) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER \
                     AS $$ BEGIN RETURN coalesce(abs(hashtext(to_json($1)::text)::bigint) % 3, 0) <> 1; END $$",
                    table.name
                ),
            });
            format!("{function}({})", table.name)
        }
        _ => of_column(&column, kind, random),
    }
}

fn of_column(column: &str, kind: Kind, random: &mut Random) -> String {
    let value = kind.value(random);
    let literal = kind.literal(&value);
    let own: &[String] = &match kind {
        Kind::Integer if random.chance(40) => vec![
            format!("is_member({column})"),
            format!("is_known({column})"),
            format!("(SELECT is_member({column}))"),
        ],
        _ if kind.is_number() => vec![
            format!("{column} = ({CLAIMS} ->> 'org')::{}", kind.sql()),
            format!("{column} IN (SELECT org FROM members WHERE sub = {CLAIMS} ->> 'sub')"),
            format!("EXISTS (SELECT FROM members m WHERE m.org = {column})"),
            format!("{column} BETWEEN 1 AND 3"),
            format!("{column} = (SELECT (jwt() ->> 'org')::{})", kind.sql()),
            format!("{column} <= (jwt() ->> 'org')::integer"),
            format!("coalesce({column} <> (jwt() ->> 'org')::integer, true)"),
            format!("{column} IN (SELECT m.org FROM members m WHERE m.sub = (SELECT jwt() ->> 'sub'))"),
            format!("EXISTS (SELECT FROM members m WHERE m.org = {column} AND m.sub = jwt() ->> 'sub')"),
        ],
        _ if kind.is_text() => vec![
            format!("{column} = (SELECT jwt() ->> 'sub')"),
            format!("{column} <> (jwt() ->> 'sub')"),
            format!("strpos(jwt() ->> 'sub', {column}) = 0"),
            format!("{column} = sub()"),
            format!("EXISTS (SELECT 1 FROM members m WHERE m.sub = {column} AND m.org = (jwt() ->> 'org')::integer)"),
            format!("{column} = {CLAIMS} ->> 'sub'"),
            format!(
                "{column} IN (SELECT sub FROM members WHERE org = ({CLAIMS} ->> 'org')::integer)"
            ),
            format!("{column} LIKE 'u%'"),
            format!("(SELECT count(*) FROM members m WHERE m.sub = {column}) < 2"),
        ],
        Kind::Bool => vec![column.to_string(), format!("{column} IS NOT TRUE")],
        Kind::Uuid => vec![
            format!("{column} = ({CLAIMS} ->> 'uid')::uuid"),
            format!("uid() = {column}"),
            format!("(SELECT uid()) = {column}"),
        ],
        Kind::Jsonb => vec![
            format!("{column} ->> 'k' = {CLAIMS} ->> 'sub'"),
            format!("{column} ? 'k'"),
        ],
        Kind::Integers => vec![
            format!("({CLAIMS} ->> 'org')::integer = ANY ({column})"),
            format!("{column} @> ARRAY[1]"),
        ],
        Kind::Texts => vec![format!("{CLAIMS} ->> 'sub' = ANY ({column})")],
        _ => vec![format!("{column} = {literal}")],
    };
    match random.below(4) {
        0 if kind.is_ordered() => format!(
            "{column} {} {literal}",
            random.pick(&["<", "<=", ">", ">=", "<>"])
        ),
        1 => format!("{column} IS {}NULL", random.pick(&["", "NOT "])),
        _ => random.pick(own).clone(),
    }
}
