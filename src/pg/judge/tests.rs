//! What readers share against what each is answered by his own execution: random policies, rows and claims.
#![allow(clippy::unwrap_used)]

#[pgrx::pg_schema]
mod tests {
    use crate::keyed::{Cell, Column, Key};
    use crate::pg::backend::act_as::act_as_trusted;
    use crate::pg::backend::memory::Memory;
    use crate::pg::backend::subtransaction::attempt;
    use crate::pg::judge::constants::Constants;
    use crate::pg::judge::facts::Facts;
    use crate::pg::judge::many::{ManyPolicies, Way};
    use crate::pg::judge::policy::{Compiled, Verdict};
    use crate::pg::judge::sets::Readers;
    use crate::pg::row::decoded::Decoded;
    use crate::pg::row::key::KeyKind;
    use crate::pg::row::record::RowShape;
    use crate::pg::Oid;
    use pgrx::pg_sys::Datum;
    use pgrx::prelude::*;
    use std::ffi::CString;
    use std::rc::Rc;

    const TABLES: &str = include_str!("tests/policies.sql");

    /// Conditions; `$` is replaced by one of the texts in `VALUES`.
    const CONDITIONS: &[&str] = &[
        "$ = auth.uid()",
        "(SELECT auth.uid()) = $",
        "(SELECT $) = auth.uid()",
        "EXISTS (SELECT FROM many.members m LEFT JOIN many.guarded g USING (organization_id) WHERE m.user_id = $)",
        "$ = (auth.jwt() ->> 'org')::uuid",
        "$::text = auth.claim('sub')",
        "$ IN (SELECT m.organization_id FROM many.members m WHERE m.user_id = auth.uid())",
        "$ IN (SELECT m.organization_id FROM many.members m WHERE m.user_id = auth.uid() AND m.level > 1)",
        "$ IN (SELECT m.organization_id FROM many.guarded m)",
        "$ IN (SELECT * FROM many.organizations())",
        "$ IN (SELECT many.organizations())",
        "EXISTS (SELECT FROM many.organizations() o JOIN many.members m ON m.organization_id = o WHERE m.level > 0 AND m.user_id = $)",
        "$ IN (SELECT organization FROM many.members_from(1) WHERE member = auth.uid())",
        "EXISTS (SELECT FROM many.members_from(level) WHERE organization = $ AND member = auth.uid())",
        "$ IN (SELECT org FROM many.own WHERE level > 1)",
        "EXISTS (SELECT FROM many.own o, many.own_guarded g WHERE o.org = $ AND g.org = posts.organization_id)",
        "$ IN (SELECT org FROM (SELECT DISTINCT organization_id AS org FROM many.members WHERE user_id = auth.uid()) d)",
        "$ IN (SELECT org FROM (SELECT organization_id AS org FROM many.members WHERE user_id = auth.uid() LIMIT 1) d)",
        "(auth.uid(), $) IN (SELECT m.user_id, m.organization_id FROM many.members m)",
        "EXISTS (SELECT FROM many.members m WHERE m.organization_id = $ AND m.user_id = auth.uid())",
        "EXISTS (SELECT FROM many.members m WHERE m.organization_id = $ AND m.user_id = (SELECT auth.uid()) AND m.level = auth.claim('level')::int)",
        "EXISTS (SELECT FROM many.members m JOIN many.guarded g USING (organization_id) WHERE m.user_id = $ AND g.user_id = auth.uid())",
        "EXISTS (SELECT FROM many.members m LEFT JOIN many.guarded g USING (organization_id) WHERE m.user_id = $ AND g.user_id = auth.uid())",
        "EXISTS (SELECT FROM many.members m WHERE m.user_id = auth.uid() AND auth.claim('role') = 'admin')",
        "EXISTS (SELECT FROM many.members m WHERE m.organization_id = $ AND m.user_id::text = ANY (string_to_array(auth.claim('orgs'), ',')))",
        "EXISTS (SELECT FROM many.members m WHERE m.organization_id = $ AND m.level >= auth.claim('level')::int)",
        "EXISTS (SELECT 1 FROM many.members m GROUP BY m.organization_id HAVING count(*) > 1 AND m.organization_id = auth.uid())",
        "(SELECT max(m.level) FROM many.members m WHERE m.user_id = auth.uid()) > level",
        "(SELECT m.user_id FROM many.members m WHERE m.organization_id = $ ORDER BY 1 LIMIT 1) = auth.uid()",
        "level >= auth.claim('level')::int",
        "$ <> auth.uid()",
        "level <> 2",
        "title NOT IN ('ab', 'admin')",
        "title NOT IN ('ab', NULL)",
        "level NOT IN (auth.claim('level')::int, 3)",
        "$ <> ALL (string_to_array(auth.claim('orgs'), ',')::uuid[])",
        "auth.uid() <> ALL (editors)",
        "auth.uid() <> ANY (editors)",
        "auth.claim('level')::numeric > level",
        "price = auth.claim('price')::numeric",
        "price < auth.claim('price')::numeric",
        "code = auth.claim('code')::char(4)",
        "short = auth.claim('level')::int",
        "title = auth.claim('role')",
        "title > auth.claim('role')",
        "title = ANY (string_to_array(auth.claim('orgs'), ','))",
        "$::text IN (SELECT jsonb_array_elements_text(auth.jwt() -> 'list'))",
        "$::text NOT IN (SELECT jsonb_array_elements_text(auth.jwt() -> 'list'))",
        "$ IN (SELECT e::uuid FROM jsonb_array_elements_text(auth.jwt() -> 'list') e WHERE e <> '')",
        "$::text = ANY (ARRAY(SELECT jsonb_array_elements_text(auth.jwt() -> 'list')))",
        "$::text = (SELECT max(e) FROM jsonb_array_elements_text(auth.jwt() -> 'list') e)",
        "EXISTS (SELECT FROM jsonb_array_elements_text(auth.jwt() -> 'list') e WHERE e = auth.claim('sub'))",
        "EXISTS (SELECT FROM jsonb_array_elements_text(auth.jwt() -> 'list') e WHERE e = $::text)",
        "$ = ANY (string_to_array(auth.claim('orgs'), ',')::uuid[])",
        "auth.uid() = ANY (editors)",
        "editors @> ARRAY[auth.uid()]",
        "data ->> 'owner' = auth.claim('sub')",
        "data @> jsonb_build_object('owner', auth.claim('sub'))",
        "(data ->> 'n')::int > 1",
        "public",
        "public IS TRUE",
        "public IS NOT TRUE",
        "auth.claim('role') = 'admin'",
        "auth.claim('role') IS NULL",
        "$ IS NULL",
        "$ IS NOT NULL",
        "$ IS DISTINCT FROM auth.uid()",
        "coalesce($ = auth.uid(), public)",
        "level > 1",
        "length(title) > 2",
        "current_user = 'many_reader'",
        "CASE auth.claim('role') WHEN 'admin' THEN true WHEN title THEN public ELSE $ = auth.uid() END",
        "many.definer($)",
        "many.procedural() = $",
        "many.misdeclared() = $",
        "many.raising(level)",
        "true",
    ];
    const VALUES: &[&str] = &["posts.user_id", "posts.organization_id"];

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end
        }

        fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
            all[self.below(all.len())]
        }

        fn policy(&mut self, depth: usize) -> String {
            match self.below(8) {
                _ if depth == 0 => self.of(CONDITIONS).replace('$', self.of(VALUES)),
                0 | 1 => format!(
                    "({}) AND ({})",
                    self.policy(depth - 1),
                    self.policy(depth - 1)
                ),
                2 | 3 => format!(
                    "({}) OR ({})",
                    self.policy(depth - 1),
                    self.policy(depth - 1)
                ),
                4 => format!("NOT ({})", self.policy(depth - 1)),
                5 => format!(
                    "({}) IS {}",
                    self.policy(depth - 1),
                    self.of(&["TRUE", "NOT TRUE", "FALSE", "NULL", "NOT NULL"])
                ),
                _ => self.policy(depth - 1),
            }
        }

        fn claims(&mut self) -> String {
            let mut parts = Vec::new();
            let id = |random: &mut Random| {
                format!("00000000-0000-0000-0000-00000000000{}", random.below(5))
            };
            if self.below(8) > 0 {
                parts.push(format!("\"sub\":\"{}\"", id(self)));
            }
            if self.below(3) > 0 {
                parts.push(format!("\"org\":\"{}\"", id(self)));
            }
            if self.below(3) > 0 {
                parts.push(format!("\"orgs\":\"{},{}\"", id(self), id(self)));
            }
            if self.below(3) > 0 {
                let level = self.of(&["0", "1", "2", "3", "\"x\""]);
                parts.push(format!("\"level\":{level}"));
            }
            if self.below(3) > 0 {
                let (one, other) = (
                    id(self),
                    self.of(&["\"\"", "null", "\"00000000-0000-0000-0000-000000000001\""]),
                );
                parts.push(format!("\"list\":[\"{one}\",{other}]"));
            }
            let role = self.of(&["admin", "ab", "abc", ""]);
            let price = self.of(&["1.50", "1.5", "2", "NaN"]);
            let code = self.of(&["ab", "ab  ", "c"]);
            parts.push(format!(
                "\"role\":\"{role}\",\"price\":\"{price}\",\"code\":\"{code}\""
            ));
            match self.below(20) {
                0 => String::new(),
                1 => "no JSON".to_string(),
                _ => format!("{{{}}}", parts.join(",")),
            }
        }
    }

    /// The rows of the table, and the keys of their columns.
    struct Table {
        shape: RowShape,
        rows: Vec<Decoded<'static>>,
        keys: Vec<Vec<Option<Option<Key>>>>,
    }

    impl Table {
        fn read(oid: Oid) -> Table {
            let row_type = crate::pg::catalog::rowtype::row_type_of_relation(oid).unwrap();
            let shape = RowShape::of_type(&Rc::new(Memory::new()), row_type);
            let mut table = Table {
                shape,
                rows: Vec::new(),
                keys: Vec::new(),
            };
            let kinds: Vec<Option<KeyKind>> = table
                .shape
                .columns()
                .iter()
                // SAFETY: a catalog look-up.
                .map(|column| {
                    KeyKind::of(column.type_oid, unsafe {
                        pg_sys::get_typcollation(column.type_oid)
                    })
                })
                .collect();
            Spi::connect(|_| {
                // SAFETY: connected; the result lives until the end, and its columns are the table's.
                let (found, count) = unsafe {
                    pg_sys::SPI_execute(c"SELECT * FROM many.posts ORDER BY id".as_ptr(), false, 0);
                    (&*pg_sys::SPI_tuptable, pg_sys::SPI_processed as usize)
                };
                for number in 0..count {
                    let mut values = Vec::new();
                    let mut nulls = Vec::new();
                    for place in 0..kinds.len() {
                        let mut null = false;
                        // SAFETY: as above; the value is copied, as one of the column's type.
                        unsafe {
                            let tuple = *found.vals.add(number);
                            let column = place as i32 + 1;
                            let datum =
                                pg_sys::SPI_getbinval(tuple, found.tupdesc, column, &mut null);
                            values.push(if null {
                                Datum::null()
                            } else {
                                table.copy(place, datum)
                            });
                        }
                        nulls.push(null);
                    }
                    let key = |((kind, value), null): ((&Option<KeyKind>, &Datum), &bool)| {
                        // SAFETY: the value is of the column's type.
                        kind.map(|kind| (!null).then(|| unsafe { kind.key(*value) }))
                    };
                    table
                        .keys
                        .push(kinds.iter().zip(&values).zip(&nulls).map(key).collect());
                    // SAFETY: the values live until the transaction ends.
                    table.rows.push(unsafe { Decoded::whole(values, nulls) });
                }
            });
            table
        }

        /// # Safety
        /// The value is of the column's type.
        unsafe fn copy(&self, place: usize, datum: Datum) -> Datum {
            let (length, by_value) = self.shape.storage(place);
            // SAFETY: as promised; the copy lives until the transaction ends.
            unsafe {
                let before = pg_sys::MemoryContextSwitchTo(pg_sys::TopTransactionContext);
                let copy = match (by_value, length) {
                    (true, _) => datum,
                    (_, -1) => Datum::from(pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr())),
                    (_, length) => {
                        let copy = pg_sys::palloc(length as usize).cast::<u8>();
                        copy.copy_from(datum.cast_mut_ptr(), length as usize);
                        Datum::from(copy)
                    }
                };
                pg_sys::MemoryContextSwitchTo(before);
                copy
            }
        }

        fn cell(&self, row: usize, column: Column) -> Cell<'_> {
            match &self.keys[row][column as usize - 1] {
                None => Cell::Unknown,
                Some(None) => Cell::Null,
                Some(Some(key)) => Cell::Key(key),
            }
        }
    }

    fn role(name: &str) -> Oid {
        Spi::get_one_with_args::<Oid>("SELECT $1::regrole::oid", &[name.into()])
            .unwrap()
            .unwrap()
    }

    /// What each reader sees by own execution; `None` where it raises an error.
    fn own(table: &Table, oid: Oid, reader: Oid, claims: &str) -> Vec<Option<bool>> {
        let claims = CString::new(claims).unwrap();
        act_as_trusted(reader, &[(c"request.jwt.claims", &claims)], || {
            let compiled = attempt(|| Compiled::new(oid, "many.posts", None));
            let one = |row: &Decoded| match &compiled {
                Err(_) => None,
                Ok(None) => Some(true),
                Ok(Some(compiled)) => {
                    let verdict = compiled.verdicts(&table.shape, &[row]).next()?;
                    Some(verdict.ok()? == Verdict::Seen)
                }
            };
            Ok(table.rows.iter().map(one).collect())
        })
        .unwrap()
    }

    /// Compares everything for the policies that there are; how many verdicts readers shared.
    fn compare(what: &str, table: &Table, oid: Oid, reader: Oid, claims: &[String]) -> usize {
        let many = act_as_trusted(reader, &[], || {
            Ok(ManyPolicies::new(oid, "many.posts", true))
        })
        .unwrap();
        if let Way::Own(reason) = many.way() {
            log!("{what}: {reason}");
            return 0;
        }
        let constants: Vec<Option<Constants>> = claims
            .iter()
            .map(|claims| {
                let claims = CString::new(claims.as_str()).unwrap();
                act_as_trusted(reader, &[(c"request.jwt.claims", &claims)], || {
                    Ok(many.constants().ok())
                })
                .unwrap()
            })
            .collect();
        let all: Vec<&Constants> = constants.iter().flatten().collect();
        let rows: Vec<&Decoded> = table.rows.iter().collect();
        let asked = asked(&many, table, reader, &constants);
        let mut shared = 0;
        // With few readers members are looked for among them, with many without.
        for count in [all.len(), 1_000_000] {
            let readers = Readers {
                count,
                each: &|call| all.iter().for_each(|one| call(one)),
            };
            let facts = act_as_trusted(reader, &[], || {
                Ok(many.facts(&table.shape, &rows, &readers))
            })
            .unwrap();
            for (who, constants) in constants.iter().enumerate() {
                let (Some(constants), Ok(facts)) = (constants, &facts) else {
                    continue;
                };
                let condition = many.condition(constants);
                let own = own(table, oid, reader, &claims[who]);
                let truth = |row: usize, facts: &Facts, absent: Column| {
                    condition.evaluate(&|column| match column {
                        ..0 => facts.cell(column),
                        _ if column == absent => Cell::Unknown,
                        _ => table.cell(row, column),
                    })
                };
                // What is certain of a row that lacks a value is so whatever the value is.
                for (row, own) in own.iter().enumerate().filter(|(row, _)| row % 4 == 0) {
                    let absent = 2 + (row + who) % 9;
                    let mut part = table.rows[row].clone();
                    part.leave_out(absent - 1);
                    let facts = act_as_trusted(reader, &[], || {
                        Ok(many.facts(&table.shape, &[&part], &readers))
                    });
                    let (Ok(Ok(facts)), Some(own)) = (facts, own) else {
                        continue;
                    };
                    let truth = truth(row, &facts[0], absent as Column);
                    let place = format!("{what}, claims {}, row {row}, {condition:?}", claims[who]);
                    assert!(truth.may_hold() || !own, "hidden without {absent}: {place}");
                    assert!(!truth.holds() || *own, "shown without {absent}: {place}");
                }
                for (row, own) in own.iter().enumerate() {
                    let truth = truth(row, &facts[row], 0);
                    let Some(own) = own else {
                        continue;
                    };
                    let place = format!("{what}, claims {}, row {row}, {condition:?}", claims[who]);
                    assert!(truth.may_hold() || !own, "keys hide: {place}");
                    assert!(!truth.holds() || *own, "keys show: {place}");
                    let pair = asked
                        .iter()
                        .find(|(reader, at, _)| (*reader, *at) == (who, row));
                    let asked = pair.map_or(*own, |(.., verdict)| *verdict);
                    assert_eq!(asked, *own, "asked: {place}");
                    shared += 1;
                }
            }
        }
        shared
    }

    /// The verdicts on readers and rows, asked for all together, in an order that is neither the one nor the other's.
    fn asked(
        many: &ManyPolicies,
        table: &Table,
        reader: Oid,
        constants: &[Option<Constants>],
    ) -> Vec<(usize, usize, bool)> {
        let rows: Vec<&Decoded> = table.rows.iter().rev().collect();
        let places: Vec<usize> = (0..constants.len())
            .filter(|who| constants[*who].is_some())
            .collect();
        let readers: Vec<&Constants> = constants.iter().flatten().collect();
        let (width, all) = (readers.len(), readers.len() * rows.len());
        let pairs: Vec<(u32, u32)> = (0..all)
            // A number that has no divisor in common with the others.
            .map(|number| number * 1_000_003 % all)
            .map(|number| ((number / width) as u32, (number % width) as u32))
            .collect();
        let ask = |pairs: &[(u32, u32)]| {
            let work = || Ok(many.verdicts(&table.shape, &rows, &readers, pairs));
            act_as_trusted(reader, &[], work).unwrap()
        };
        let verdicts = match ask(&pairs) {
            Ok(verdicts) => verdicts.into_iter().map(Some).collect(),
            // One by one, where one raises an error.
            Err(_) => pairs
                .iter()
                .map(|pair| ask(&[*pair]).ok().map(|verdicts| verdicts[0]))
                .collect::<Vec<_>>(),
        };
        let place = |((row, who), verdict): ((u32, u32), Option<bool>)| {
            let row = rows.len() - 1 - row as usize;
            Some((places[who as usize], row, verdict?))
        };
        pairs.into_iter().zip(verdicts).filter_map(place).collect()
    }

    #[pg_test]
    fn readers_share_what_each_would_be_answered() {
        Spi::run(TABLES).unwrap();
        let seed: Option<String> =
            Spi::get_one("SELECT current_setting('pgrealtime_test.seed', true)").unwrap();
        let seed = seed.and_then(|seed| {
            seed.bytes()
                .map(u64::from)
                .reduce(|sum, byte| sum * 31 + byte)
        });
        let mut random = Random(seed.unwrap_or_else(|| {
            std::time::SystemTime::UNIX_EPOCH
                .elapsed()
                .unwrap()
                .as_nanos() as u64
        }));
        log!("policies by seed {}", random.0);
        let oid = Spi::get_one::<Oid>("SELECT 'many.posts'::regclass::oid")
            .unwrap()
            .unwrap();
        let (reader, mut shared) = (role("many_reader"), 0);
        let table = Table::read(oid);
        for round in 0..60 {
            let (permissive, restrictive) = (random.policy(3), random.policy(1));
            let guard = random.policy_of_members();
            let what =
                format!("USING ({permissive}), restrictive ({restrictive}), members ({guard})");
            let mut statements = format!(
                "DROP POLICY IF EXISTS a ON many.posts; DROP POLICY IF EXISTS b ON many.posts;
                 DROP POLICY IF EXISTS a ON many.guarded;
                 CREATE POLICY a ON many.posts TO many_reader USING ({permissive});
                 CREATE POLICY a ON many.guarded USING ({guard});"
            );
            if round % 3 == 0 {
                statements +=
                    &format!("CREATE POLICY b ON many.posts AS RESTRICTIVE USING ({restrictive});");
            }
            Spi::run(&statements).unwrap();
            let claims: Vec<String> = (0..6).map(|_| random.claims()).collect();
            // SAFETY: a snapshot that sees what was done just now, taken back when it is compared.
            unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot()) };
            shared += compare(&what, &table, oid, reader, &claims);
            // SAFETY: as above.
            unsafe { pg_sys::PopActiveSnapshot() };
        }
        log!("{shared} verdicts were shared");
        assert!(shared > 5_000, "{shared}");
    }

    impl Random {
        fn policy_of_members(&mut self) -> &'static str {
            self.of(&[
                "user_id = auth.uid()",
                "true",
                "user_id = (SELECT auth.uid()) AND level > 0",
                "level > 1 OR user_id = auth.uid()",
            ])
        }
    }
}
