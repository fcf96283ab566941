//! Accepted filters and what they mean, one line each.

use super::*;

/// The shared part of the language: filters that clients already write.
#[rustfmt::skip]
const SHARED: &[(&str, &str)] = &[
    // the documented tables
    (r#"organization_id=eq.42"#, "<organization_id> eq <42>"),
    (r#"id=gt.0,id=lt.100"#, "and[<id> gt <0>; <id> lt <100>]"),
    (r#"status=not.in.(draft,archived)"#, "<status> not in [<draft> <archived>]"),
    (r#"name=eq."a,b",id=gt.0"#, "and[<name> eq <a,b>; <id> gt <0>]"),
    (r#"name=eq."she said \"hi\"""#, r#"<name> eq <she said "hi">"#),
    (r#"path=eq."C:\new""#, "<path> eq <C:new>"),
    (r#"tags=in.("a,b",c)"#, "<tags> in [<a,b> <c>]"),
    (r#"name=eq."unterminated"#, r#"<name> eq <"unterminated>"#),
    (r#"name=eq."ab"cd"#, r#"<name> eq <"ab"cd>"#),
    (r#"desc=eq.5" tall,id=gt.0"#, r#"and[<desc> eq <5" tall>; <id> gt <0>]"#),
    (r#"a=eq.x&y=z&eq.5"#, "<a> eq <x&y=z&eq.5>"),
    (r#"a=eq."x&b=eq.1""#, "<a> eq <x&b=eq.1>"),
    (r#"a=in.("x&b=eq.1",y)"#, "<a> in [<x&b=eq.1> <y>]"),
    (r#"a=eq.x),b=eq.y)"#, "and[<a> eq <x)>; <b> eq <y)>]"),
    (r#"name=eq."""#, "<name> eq <>"),
    (r#"name=eq."#, "<name> eq <>"),
    (r#"name=eq.O'Brien "x""#, r#"<name> eq <O'Brien "x">"#),
    (r#"status=not.in.(draft,archived),progress=gte.50"#, "and[<status> not in [<draft> <archived>]; <progress> gte <50>]"),
    (r#"subject=eq.hey"#, "<subject> eq <hey>"),
    (r#"subject=in.(hidee,ho)"#, "<subject> in [<hidee> <ho>]"),
    (r#"subject=not.like.hey%"#, "<subject> not like <hey%>"),
    (r#"id=not.eq.5"#, "<id> not eq <5>"),
    (r#"col1=eq.val,col2=gt.5"#, "and[<col1> eq <val>; <col2> gt <5>]"),
    (r#"re=match."a{1,3}""#, "<re> match <a{1,3}>"),
    (r#"re=match."\\d{1,3}""#, r"<re> match <\d{1,3}>"),
    // every operator, bare and negated
    (r#"a=eq.1"#, "<a> eq <1>"),
    (r#"a=neq.1"#, "<a> neq <1>"),
    (r#"a=lt.1"#, "<a> lt <1>"),
    (r#"a=lte.1"#, "<a> lte <1>"),
    (r#"a=gt.1"#, "<a> gt <1>"),
    (r#"a=gte.1"#, "<a> gte <1>"),
    (r#"a=in.(1)"#, "<a> in [<1>]"),
    (r#"a=like.x%"#, "<a> like <x%>"),
    (r#"a=ilike.%x_"#, "<a> ilike <%x_>"),
    (r#"a=match.^x$"#, "<a> match <^x$>"),
    (r#"a=imatch.x|y"#, "<a> imatch <x|y>"),
    (r#"a=is.null"#, "<a> is null"),
    (r#"a=isdistinct.1"#, "<a> isdistinct <1>"),
    (r#"a=not.eq.1"#, "<a> not eq <1>"),
    (r#"a=not.neq.1"#, "<a> not neq <1>"),
    (r#"a=not.lt.1"#, "<a> not lt <1>"),
    (r#"a=not.lte.1"#, "<a> not lte <1>"),
    (r#"a=not.gt.1"#, "<a> not gt <1>"),
    (r#"a=not.gte.1"#, "<a> not gte <1>"),
    (r#"a=not.in.(1)"#, "<a> not in [<1>]"),
    (r#"a=not.like.x%"#, "<a> not like <x%>"),
    (r#"a=not.ilike.x%"#, "<a> not ilike <x%>"),
    (r#"a=not.match.x"#, "<a> not match <x>"),
    (r#"a=not.imatch.x"#, "<a> not imatch <x>"),
    (r#"a=not.is.null"#, "<a> not is null"),
    (r#"a=not.isdistinct.1"#, "<a> not isdistinct <1>"),
    // is
    (r#"a=is.true"#, "<a> is true"),
    (r#"a=is.false"#, "<a> is false"),
    (r#"a=is.unknown"#, "<a> is unknown"),
    (r#"a=is."null""#, "<a> is null"),
    (r#"a=is.null "#, "<a> is null"),
    (r#"a=isdistinct.null"#, "<a> isdistinct <null>"),
    // values verbatim: dots, equals, spaces, symbols
    (r#"a=eq.1.5"#, "<a> eq <1.5>"),
    (r#"a=eq.2024-05-01T10:00:00.123Z"#, "<a> eq <2024-05-01T10:00:00.123Z>"),
    (r#"a=eq.2024-05-01 10:00:00+02"#, "<a> eq <2024-05-01 10:00:00+02>"),
    (r#"a=eq.x=y"#, "<a> eq <x=y>"),
    (r#"a=eq.=="#, "<a> eq <==>"),
    (r#"a=eq.eq.1"#, "<a> eq <eq.1>"),
    (r#"a=eq.not.eq.1"#, "<a> eq <not.eq.1>"),
    (r#"a=eq.."#, "<a> eq <.>"),
    (r#"a=eq. x"#, "<a> eq < x>"),
    (r#"a=eq.x  "#, "<a> eq <x>"),
    (r#"  a=eq.x"#, "<a> eq <x>"),
    (r#"a=eq.1 , b=eq.2"#, "and[<a> eq <1>; <b> eq <2>]"),
    ("\ta=eq.1\n,\u{a0}b=eq.2\u{2003}", "and[<a> eq <1>; <b> eq <2>]"),
    (r#"a=eq. "#, "<a> eq <>"),
    (r#"a=eq.,b=eq."#, "and[<a> eq <>; <b> eq <>]"),
    (r#"a=eq.null"#, "<a> eq <null>"),
    (r#"a=eq.undefined"#, "<a> eq <undefined>"),
    (r#"a=eq.C:\new"#, r"<a> eq <C:\new>"),
    (r#"a=eq.it's -- /* $$ ;"#, "<a> eq <it's -- /* $$ ;>"),
    (r#"a=eq.héé→日本"#, "<a> eq <héé→日本>"),
    (r#"a=eq.“x”"#, "<a> eq <“x”>"),
    (r#"a=eq.{1}"#, "<a> eq <{1}>"),
    (r#"a=eq.x->y"#, "<a> eq <x->y>"),
    (r#"a=eq.x->"y"#, r#"<a> eq <x->"y>"#),
    (r#"a=eq.a@b.com"#, "<a> eq <a@b.com>"),
    (r#"a=eq.-1e-5"#, "<a> eq <-1e-5>"),
    // parentheses in values
    (r#"a=eq.f(x)"#, "<a> eq <f(x)>"),
    (r#"a=eq.f(x,y),b=eq.1"#, "and[<a> eq <f(x,y)>; <b> eq <1>]"),
    (r#"a=eq.((x,y),z)"#, "<a> eq <((x,y),z)>"),
    (r#"a=eq.)"#, "<a> eq <)>"),
    (r#"a=eq.)(x,y)"#, "<a> eq <)(x,y)>"),
    (r#"a=eq.))),b=eq.1"#, "and[<a> eq <)))>; <b> eq <1>]"),
    (r#"a=eq.(1,2)"#, "<a> eq <(1,2)>"),
    (r#"a=eq.("x,y")"#, r#"<a> eq <("x,y")>"#),
    (r#"a=eq.(x,")")"#, r#"<a> eq <(x,")")>"#),
    (r#"a=eq.:)"#, "<a> eq <:)>"),
    (r#"a=eq.":(""#, "<a> eq <:(>"),
    (r#"a=eq."f(x",b=eq.1"#, "and[<a> eq <f(x>; <b> eq <1>]"),
    // quotes in values
    (r#"a=eq.say "hi""#, r#"<a> eq <say "hi">"#),
    (r#"a=eq.x"y,b=eq.z"w"#, r#"and[<a> eq <x"y>; <b> eq <z"w>]"#),
    (r#"a=eq.v."x,y""#, r#"<a> eq <v."x,y">"#),
    (r#"a=eq."x,y"z,b=eq.1"#, r#"and[<a> eq <"x,y"z>; <b> eq <1>]"#),
    (r#"a=eq."x""y""#, r#"<a> eq <"x""y">"#),
    (r#"a=eq.""x"#, r#"<a> eq <""x>"#),
    (r#"a=eq.""#, r#"<a> eq <">"#),
    (r#"a=eq."\"#, r#"<a> eq <"\>"#),
    (r#"a=eq."\""#, r#"<a> eq <"\">"#),
    (r#"a=eq."\\""#, r"<a> eq <\>"),
    (r#"a=eq."\"""#, r#"<a> eq <">"#),
    (r#"a=eq."\,\)\é""#, "<a> eq <,)é>"),
    (r#"a=eq." x ""#, "<a> eq < x >"),
    (r#"a=eq." x " "#, "<a> eq < x >"),
    (r#"a=eq."a=b,c.d""#, "<a> eq <a=b,c.d>"),
    (r#"a=eq.'x'"#, "<a> eq <'x'>"),
    (r#"a=like."50\\%""#, r"<a> like <50\%>"),
    (r#"a=like.50\%"#, r"<a> like <50\%>"),
    // columns verbatim
    (r#"Créé le=eq.1"#, "<Créé le> eq <1>"),
    (r#"price (eur)=eq.1"#, "<price (eur)> eq <1>"),
    (r#"f(a,b)=eq.1"#, "<f(a,b)> eq <1>"),
    (r#"a =eq.1"#, "<a > eq <1>"),
    (r#"a.b=eq.1"#, "<a.b> eq <1>"),
    (r#"a."b,c"=eq.1"#, r#"<a."b,c"> eq <1>"#),
    (r#"a)=eq.1"#, "<a)> eq <1>"),
    (r#"a"b=eq.1"#, r#"<a"b> eq <1>"#),
    (r#"f(a=eq.b)"#, "<f(a> eq <b)>"),
    (r#"not.a=eq.1"#, "<not.a> eq <1>"),
    (r#"eq=eq.eq"#, "<eq> eq <eq>"),
    (r#"a-b=eq.1"#, "<a-b> eq <1>"),
    (r#"'a'=eq.1"#, "<'a'> eq <1>"),
];

/// `in` lists: Postgres array input between parentheses.
#[rustfmt::skip]
const LISTS: &[(&str, &str)] = &[
    (r#"a=in.()"#, "<a> in []"),
    (r#"a=in.(  )"#, "<a> in []"),
    (r#"a=not.in.()"#, "<a> not in []"),
    (r#"a=in.(1,2,3)"#, "<a> in [<1> <2> <3>]"),
    (r#"a=in.(1,2),b=in.(3,4)"#, "and[<a> in [<1> <2>]; <b> in [<3> <4>]]"),
    (r#"a=in.( 1 , 2 )"#, "<a> in [<1> <2>]"),
    ("a=in.(\t1\n,\r2\x0b\x0c)", "<a> in [<1> <2>]"),
    (r#"a=in.(a b , c)"#, "<a> in [<a b> <c>]"),
    (r#"a=in.(null)"#, "<a> in [NULL]"),
    (r#"a=in.(NULL,Null,nULL)"#, "<a> in [NULL NULL NULL]"),
    (r#"a=in.("null","NULL")"#, "<a> in [<null> <NULL>]"),
    (r#"a=in.(nul\l,\null)"#, "<a> in [<null> <null>]"),
    (r#"a=in.(nulls,null x)"#, "<a> in [<nulls> <null x>]"),
    (r#"a=in.("","a")"#, "<a> in [<> <a>]"),
    (r#"a=in.(" a ", "b" )"#, "<a> in [< a > <b>]"),
    (r#"a=in.("a", "b,c")"#, "<a> in [<a> <b,c>]"),
    (r#"a=in.("a", "b)c", d)"#, "<a> in [<a> <b)c> <d>]"),
    (r#"a=in.( "a)" )"#, "<a> in [<a)>]"),
    (r#"a=in.(a\,b,c)"#, "<a> in [<a,b> <c>]"),
    (r#"a=in.(a\ ,\ b)"#, "<a> in [<a > < b>]"),
    (r#"a=in.(\",\\,\{\})"#, r#"<a> in [<"> <\> <{}>]"#),
    (r#"a=in.("\"","\\","{}")"#, r#"<a> in [<"> <\> <{}>]"#),
    (r#"a=in.("a\b")"#, "<a> in [<ab>]"),
    (r#"a=in.(f(x),g(y,z))"#, "<a> in [<f(x)> <g(y> <z)>]"),
    (r#"a=in.(O'Brien,x=y,1.5,a->b)"#, "<a> in [<O'Brien> <x=y> <1.5> <a->b>]"),
    (r#"a=in.(é,日本,“x”)"#, "<a> in [<é> <日本> <“x”>]"),
    ("a=in.(\u{a0}x\u{a0})", "<a> in [<\u{a0}x\u{a0}>]"),
    (r#"a=in.(1) "#, "<a> in [<1>]"),
    (r#"a=in.(eq.1,not.in)"#, "<a> in [<eq.1> <not.in>]"),
    (r#"or=(a.in.(1,2),b.not.in.("x)",y))"#, "or[<a> in [<1> <2>]; <b> not in [<x)> <y>]]"),
    (r#"or=(a.in.("x", "y)"),b.in.())"#, "or[<a> in [<x> <y)>]; <b> in []]"),
];

/// What goes beyond the shared part: groups, quoted names, JSON paths, containment.
#[rustfmt::skip]
const EXTENDED: &[(&str, &str)] = &[
    (r#"a=is.not null"#, "<a> is not_null"),
    (r#"a=is.not_null"#, "<a> is not_null"),
    (r#"a=is."not null""#, "<a> is not_null"),
    (r#"a=not.is.not_null"#, "<a> not is not_null"),
    (r#"a=cs."{1,2}""#, "<a> cs <{1,2}>"),
    (r#"a=cd."{\"a b\",c}""#, r#"<a> cd <{"a b",c}>"#),
    (r#"a=ov."[1,5)""#, "<a> ov <[1,5)>"),
    (r#"a=ov.(1,5)"#, "<a> ov <(1,5)>"),
    (r#"a=cs.{1}"#, "<a> cs <{1}>"),
    (r#"a=cs."{\"plan\": \"pro\"}""#, r#"<a> cs <{"plan": "pro"}>"#),
    (r#"a=not.cs.{1}"#, "<a> not cs <{1}>"),
    (r#"a=not.cd.{1}"#, "<a> not cd <{1}>"),
    (r#"a=not.ov.{1}"#, "<a> not ov <{1}>"),
    // groups
    (r#"or=(a.eq.1,b.gt.2)"#, "or[<a> eq <1>; <b> gt <2>]"),
    (r#"and=(a.eq.1,b.gt.2)"#, "and[<a> eq <1>; <b> gt <2>]"),
    (r#"not.or=(a.eq.1,b.gt.2)"#, "not or[<a> eq <1>; <b> gt <2>]"),
    (r#"not.and=(a.eq.1,b.gt.2)"#, "not and[<a> eq <1>; <b> gt <2>]"),
    (r#"or=(a.eq.1)"#, "or[<a> eq <1>]"),
    (r#"and=(a.eq.1)"#, "and[<a> eq <1>]"),
    (r#"c=eq.0,or=(a.eq.1,b.gt.2),d=eq.3"#, "and[<c> eq <0>; or[<a> eq <1>; <b> gt <2>]; <d> eq <3>]"),
    (r#"or=(a.eq.1,b.eq.2),or=(c.eq.3,d.eq.4)"#, "and[or[<a> eq <1>; <b> eq <2>]; or[<c> eq <3>; <d> eq <4>]]"),
    (r#"or=(a.eq.1,and(b.eq.2,c.eq.3))"#, "or[<a> eq <1>; and[<b> eq <2>; <c> eq <3>]]"),
    (r#"or=(not.and(a.eq.1,b.eq.2),not.or(c.eq.3))"#, "or[not and[<a> eq <1>; <b> eq <2>]; not or[<c> eq <3>]]"),
    (r#"or=(or(or(a.eq.1)))"#, "or[or[or[<a> eq <1>]]]"),
    (r#" or=( a.eq.1 , b.eq.2 ) , c=eq.3"#, "and[or[<a> eq <1>; <b> eq <2>]; <c> eq <3>]"),
    (r#"or=( and( a.eq.1 ) , b.eq.2 )"#, "or[and[<a> eq <1>]; <b> eq <2>]"),
    (r#"or=(a.not.eq.1,b.not.is.null)"#, "or[<a> not eq <1>; <b> not is null]"),
    (r#"or=(a.eq.,b.eq."")"#, "or[<a> eq <>; <b> eq <>]"),
    (r#"or=(a.eq.1.5,b.eq.x=y)"#, "or[<a> eq <1.5>; <b> eq <x=y>]"),
    (r#"or=(a.eq.f(x,y),b.eq.2)"#, "or[<a> eq <f(x,y)>; <b> eq <2>]"),
    (r#"or=(a.eq."x,y)",b.eq.5" tall)"#, r#"or[<a> eq <x,y)>; <b> eq <5" tall>]"#),
    (r#"or=(a.eq."x"y,b.eq.1)"#, r#"or[<a> eq <"x"y>; <b> eq <1>]"#),
    (r#"or=(a.eq."\"\\",b.eq.C:\new)"#, r#"or[<a> eq <"\>; <b> eq <C:\new>]"#),
    (r#"or=(a.is.not_null,b.is.not null)"#, "or[<a> is not_null; <b> is not_null]"),
    (r#"or=(a.cs."{1,2}",b.ov.(1,5))"#, "or[<a> cs <{1,2}>; <b> ov <(1,5)>]"),
    (r#"or=(or_else.eq.1,nota.eq.2,android.eq.3)"#, "or[<or_else> eq <1>; <nota> eq <2>; <android> eq <3>]"),
    // columns that look like groups
    (r#"or=eq.1"#, "<or> eq <1>"),
    (r#"and=in.(1,2)"#, "<and> in [<1> <2>]"),
    (r#"not.or=eq.1"#, "<not.or> eq <1>"),
    (r#"not=eq.1"#, "<not> eq <1>"),
    (r#"or=eq.(a.eq.1)"#, "<or> eq <(a.eq.1)>"),
    (r#"or=("or".eq.1,"and".eq.2,"not".eq.3)"#, "or[<or> eq <1>; <and> eq <2>; <not> eq <3>]"),
    (r#""or"=eq.1"#, "<or> eq <1>"),
    (r#"OR=eq.1"#, "<OR> eq <1>"),
    // quoted names
    (r#""a"=eq.1"#, "<a> eq <1>"),
    (r#""a=b,c.d->e"=eq.1"#, "<a=b,c.d->e> eq <1>"),
    (r#""a\"b\\c"=eq.1"#, r#"<a"b\c> eq <1>"#),
    (r#"" a "=eq.1"#, "< a > eq <1>"),
    (r#""a(b"=eq.1,c=eq.2"#, "and[<a(b> eq <1>; <c> eq <2>]"),
    (r#"a=eq.1, "b,c"=eq.2"#, "and[<a> eq <1>; <b,c> eq <2>]"),
    (r#"or=("a.b".eq.1,"c)".eq.2)"#, "or[<a.b> eq <1>; <c)> eq <2>]"),
    (r#""a"=eq."b""#, "<a> eq <b>"),
    (r#""日=本"=eq.1"#, "<日=本> eq <1>"),
    // JSON paths
    (r#"meta->>plan=eq.pro"#, "<meta> ->> <plan> eq <pro>"),
    (r#"meta->limits->max=gt.5"#, "<meta> -> <limits> -> <max> gt <5>"),
    (r#"meta->items->0->>id=eq.5"#, "<meta> -> <items> -> #0 ->> <id> eq <5>"),
    (r#"meta->-1=eq.5"#, "<meta> -> #-1 eq <5>"),
    (r#"meta->>007=eq.5"#, "<meta> ->> #7 eq <5>"),
    (r#"meta->2147483647=eq.5"#, "<meta> -> #2147483647 eq <5>"),
    (r#"meta->-2147483648=eq.5"#, "<meta> -> #-2147483648 eq <5>"),
    (r#"meta->"0"=eq.5"#, "<meta> -> <0> eq <5>"),
    (r#"meta->"-1"=eq.5"#, "<meta> -> <-1> eq <5>"),
    (r#"meta->-=eq.5"#, "<meta> -> <-> eq <5>"),
    (r#"meta->+1=eq.5"#, "<meta> -> <+1> eq <5>"),
    (r#"meta->1a=eq.5"#, "<meta> -> <1a> eq <5>"),
    (r#"meta->"a=b,c->d"->>"e\"f"=eq.5"#, r#"<meta> -> <a=b,c->d> ->> <e"f> eq <5>"#),
    (r#"meta->""=eq.5"#, "<meta> -> <> eq <5>"),
    (r#""me.ta"->>plan=eq.pro"#, "<me.ta> ->> <plan> eq <pro>"),
    (r#"meta->a.b=eq.5"#, "<meta> -> <a.b> eq <5>"),
    (r#"meta->a b=eq.5"#, "<meta> -> <a b> eq <5>"),
    (r#"a--->b=eq.1"#, "<a--> -> <b> eq <1>"),
    (r#"meta->>plan=in.(pro,team),id=gt.5"#, "and[<meta> ->> <plan> in [<pro> <team>]; <id> gt <5>]"),
    (r#"meta->>plan=not.is.null"#, "<meta> ->> <plan> not is null"),
    (r#"or=(meta->>plan.eq.pro,meta->limits->max.gt.5)"#, "or[<meta> ->> <plan> eq <pro>; <meta> -> <limits> -> <max> gt <5>]"),
    (r#"or=(meta->"a.b".eq.5,meta->0->>"x)".eq.6)"#, "or[<meta> -> <a.b> eq <5>; <meta> -> #0 ->> <x)> eq <6>]"),
];

#[test]
fn shared_part() {
    check(SHARED);
}

#[test]
fn lists() {
    check(LISTS);
}

#[test]
fn extensions() {
    check(EXTENDED);
}

fn check(vectors: &[(&str, &str)]) {
    let mut failures = String::new();
    for (input, expected) in vectors {
        let found = match parse(input) {
            Ok(Some(expr)) => compact(&expr),
            other => format!("{other:?}"),
        };
        if found != *expected {
            failures += &format!("\n{input}\n  expected {expected}\n  found    {found}");
        }
        if let Ok(Some(expr)) = parse(input) {
            let text = expr.to_string();
            let again = parse(&text).map(|found| found.map(without_positions));
            if again != Ok(Some(without_positions(expr))) {
                failures += &format!("\n{input}\n  canonical {text}\n  reads as {again:?}");
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn blank_is_no_filter() {
    for input in ["", " ", "\t\r\n", "\u{a0}\u{2003}"] {
        assert_eq!(parse(input), Ok(None), "{input:?}");
    }
}

#[test]
fn canonical_texts() {
    #[rustfmt::skip]
    let vectors = [
        (r#" a=eq.1 , b=eq. "#, r#"a=eq.1,b=eq."""#),
        (r#"a=eq."x",b=eq."x,y""#, r#"a=eq.x,b=eq."x,y""#),
        (r#"a=eq.5" tall"#, r#"a=eq."5\" tall""#),
        (r#"a=eq.x)"#, r#"a=eq."x)""#),
        (r#"a=in.( 1 ,"null",NULL,"")"#, r#"a=in.(1,"null",null,"")"#),
        (r#"a=is.not null"#, "a=is.not_null"),
        (r#"and=(a.eq.1,b.eq.2)"#, "a=eq.1,b=eq.2"),
        (r#"and=(a.eq.1)"#, "and=(a.eq.1)"),
        (r#"a=eq.1,and=(b.eq.2,or(c.eq.3,not.and(d.eq.4)))"#, "a=eq.1,and=(b.eq.2,or(c.eq.3,not.and(d.eq.4)))"),
        (r#"or=("or".eq.1,b.eq.2)"#, r#"or=("or".eq.1,b.eq.2)"#),
        (r#""or"=eq.1"#, "or=eq.1"),
        (r#"a b=eq.1"#, r#""a b"=eq.1"#),
        (r#"meta->"0"->00->>x=eq.1"#, r#"meta->"0"->0->>x=eq.1"#),
    ];
    for (input, canonical) in vectors {
        assert_eq!(parsed(input).to_string(), canonical, "{input}");
    }
}

/// Negations that the language cannot stack are folded into what they mean.
#[test]
fn folded_negations() {
    let condition = || Box::new(parsed("a=not.eq.1"));
    assert_eq!(Expr::Not(condition()).to_string(), "a=eq.1");
    let twice = Expr::Not(Box::new(Expr::Not(condition())));
    assert_eq!(twice.to_string(), "a=not.eq.1");
}

#[test]
fn positions_count_characters() {
    let expr = parsed("é=eq.日本, \"ü\"=not.in.(1),or=(a.eq.1, b.is.null)");
    let positions: Vec<_> = expr
        .comparisons()
        .map(|comparison| (comparison.position, comparison.value_position))
        .collect();
    assert_eq!(positions, [(1, 6), (10, 21), (29, 34), (37, 42)]);
}

#[test]
fn columns_are_listed_once() {
    let expr = parsed("b=eq.1,or=(a.eq.1,b.eq.2,and(c.eq.1)),a=eq.3");
    assert_eq!(expr.columns(), ["b", "a", "c"]);
    assert_eq!(expr.comparisons().count(), 5);
}

#[test]
fn names_come_back() {
    for operator in Operator::ALL {
        assert_eq!(Operator::from_name(operator.name()), Some(operator));
    }
    for test in [
        IsTest::Null,
        IsTest::NotNull,
        IsTest::True,
        IsTest::False,
        IsTest::Unknown,
    ] {
        assert_eq!(IsTest::from_name(test.name()), Some(test));
    }
}
