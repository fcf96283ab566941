//! Tests of requests as clients write them.

use super::*;
use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;

const JSON: (&str, &str) = ("accept", "application/json");

fn request(query: &str, headers: &[(&str, &str)]) -> (Uri, HeaderMap) {
    let uri = format!("/realtime/v1/changes?{query}").parse().unwrap();
    let headers = headers.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    (uri, headers.collect())
}

fn read(query: &str, headers: &[(&str, &str)]) -> Result<Parameters, String> {
    let (uri, headers) = request(query, headers);
    Parameters::read(&uri, &headers).map_err(|problem| {
        assert_eq!(problem.status.as_u16(), 400);
        problem.message
    })
}

fn names(list: &[&str]) -> Option<Vec<Box<str>>> {
    Some(list.iter().map(|name| (*name).into()).collect())
}

#[test]
fn what_is_left_out_is_all() {
    let parameters = read("table=goals", &[]).unwrap();
    assert_eq!(
        parameters,
        Parameters {
            relation: Relation {
                schema: "public".into(),
                table: "goals".into()
            },
            filter: None,
            events: None,
            columns: None,
            since: None,
            form: Form::Events,
            wants: Wants::Stream,
        }
    );
    let empty = "table=goals&schema=&filter=&select=&events=&cursor=&snapshot=&_=123&apikey=";
    assert_eq!(read(empty, &[]).unwrap(), parameters);
    let stars = "table=goals&select=*&events=*";
    assert_eq!(read(stars, &[]).unwrap(), parameters);
}

#[test]
fn everything_is_given() {
    let query = "table=my%20goals&schema=s&filter=a%3Deq.1%2Cb%3Din.(1%2C2)&select=b,a&events=update,INSERT&cursor=abc";
    let parameters = read(query, &[]).unwrap();
    assert_eq!(&*parameters.relation.table, "my goals");
    assert_eq!(parameters.filter.as_deref(), Some("a=eq.1,b=in.(1,2)"));
    assert_eq!(parameters.columns, names(&["a", "b"]));
    assert_eq!(parameters.events, names(&["INSERT", "UPDATE"]));
    assert_eq!(parameters.since.as_deref(), Some("abc"));
}

#[test]
fn a_filter_may_be_written_as_it_is_read() {
    let parameters = read("table=goals&filter=status=eq.open", &[]).unwrap();
    assert_eq!(parameters.filter.as_deref(), Some("status=eq.open"));
}

#[test]
fn names_of_columns_may_have_quotes() {
    for (select, expected) in [
        ("a", names(&["a"])),
        (" a , b,a ", names(&["a", "b"])),
        ("\"a,b\",c", names(&["a,b", "c"])),
        ("\"say \"\"x\"\"\"", names(&["say \"x\""])),
        ("\"\"", names(&[""])),
        ("a,*", None),
        ("\"a\" , b", names(&["a", "b"])),
        ("é", names(&["é"])),
    ] {
        assert_eq!(columns(select).unwrap(), expected, "{select}");
    }
    for select in ["\"a", "\"a\"b", "\"a\"\"", "\"a\" b,c"] {
        assert!(columns(select).is_err(), "{select}");
    }
}

#[test]
fn where_a_client_was_is_in_the_header_first() {
    let last = ("last-event-id", "bbb");
    let since = |query: &str, headers: &[_]| {
        let parameters = read(query, headers).unwrap();
        parameters.since.map(|cursor| cursor.to_string())
    };
    assert_eq!(since("table=t&cursor=aaa", &[last]).as_deref(), Some("bbb"));
    assert_eq!(
        since("table=t&cursor=aaa&lastEventId=ccc", &[]).as_deref(),
        Some("ccc")
    );
    let empty = ("last-event-id", "");
    assert_eq!(
        since("table=t&cursor=aaa", &[empty]).as_deref(),
        Some("aaa")
    );
    assert_eq!(since("table=t", &[empty]), None);
}

#[test]
fn a_client_that_was_there_needs_no_snapshot() {
    let wants = |query: &str, headers: &[_]| read(query, headers).unwrap().wants;
    assert_eq!(wants("table=t&snapshot=1", &[]), Wants::Copy);
    assert_eq!(
        wants("table=t&snapshot=1", &[("last-event-id", "a")]),
        Wants::Stream
    );
    assert_eq!(wants("table=t&snapshot=1&cursor=a", &[]), Wants::Stream);
    assert_eq!(wants("table=t&snapshot=0", &[]), Wants::Stream);
    assert_eq!(wants("table=t&snapshot=1", &[JSON]), Wants::Copy);
}

#[test]
fn a_poll_has_bounds() {
    let wants = |query: &str| read(query, &[JSON]).unwrap().wants;
    let poll = |seconds, max| Wants::Poll {
        wait: Duration::from_secs(seconds),
        max,
    };
    assert_eq!(wants("table=t"), poll(0, 1000));
    assert_eq!(wants("table=t&wait=30&max=5"), poll(30, 5));
    assert_eq!(wants("table=t&wait=3600"), poll(50, 1000));
    for query in [
        "wait=-1", "wait=x", "wait=NaN", "wait=inf", "max=0", "max=-1", "max=1001", "max=1.5",
    ] {
        assert!(
            read(&format!("table=t&{query}"), &[JSON]).is_err(),
            "{query}"
        );
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (query, headers, text) in [
        ("", [].as_slice(), "table"),
        ("table=", &[], "table"),
        ("table=*", &[], "one table"),
        ("table=a&table=b", &[], "twice"),
        ("table=a&filtr=x", &[], "filtr"),
        ("table=a&filter=%00", &[], "zero byte"),
        ("table=a&snapshot=yes", &[], "snapshot"),
        ("table=a&wait=30", &[], "application/json"),
        ("table=a&max=30", &[], "application/json"),
        ("table=a&cursor=%0A", &[], "cursor"),
        ("table=a&cursor=a b", &[], "cursor"),
        ("table=a", &[("last-event-id", "'; DROP")], "cursor"),
        ("table=a&snapshot=1&wait=3", &[JSON], "without snapshot"),
        ("table=a&snapshot=1&cursor=a", &[JSON], "cursor"),
    ] {
        let query = query.replace(' ', "%20");
        let message = read(&query, headers).unwrap_err();
        assert!(message.contains(text), "{query}: {message}");
    }
}

#[test]
fn the_token_may_be_in_the_url() {
    let of = |query: &str, headers: &[_]| {
        let (uri, headers) = request(query, headers);
        token(&uri, &headers)
    };
    assert_eq!(of("table=t&apikey=a%2Eb", &[]), "a.b");
    let bearer = ("authorization", "Bearer one");
    assert_eq!(of("apikey=two", &[bearer]), "one");
    assert_eq!(of("", &[]), "");
}

proptest! {
    #[test]
    fn no_query_panics(query in "[a-z=&%0-9,.*(]{0,60}", accept in "[a-z/,;*]{0,20}") {
        let (uri, mut headers) = request(&query, &[]);
        headers.insert("accept", HeaderValue::from_str(&accept).unwrap());
        let _ = Parameters::read(&uri, &headers);
        let _ = token(&uri, &headers);
    }

    #[test]
    fn any_name_in_quotes_is_read_back(list in proptest::collection::btree_set(".{0,8}", 1..4)) {
        let quoted: Vec<String> = list.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
        let expected: Vec<Box<str>> = list.iter().map(|name| name.as_str().into()).collect();
        let is_all = list.contains("*");
        prop_assert_eq!(columns(&quoted.join(",")).unwrap(), (!is_all).then_some(expected));
    }
}
