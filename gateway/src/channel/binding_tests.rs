//! Tests of bindings: their ids, their groups, and what is said of them.

use super::*;

fn binding(table: Option<&str>, filter: Option<&str>) -> Binding {
    Binding {
        event: "*".to_string(),
        schema: "public".to_string(),
        table: table.map(str::to_string),
        filter: filter.map(str::to_string),
        ..Binding::default()
    }
}

#[test]
fn equal_bindings_have_equal_ids() {
    let bindings = [
        binding(Some("t"), None),
        binding(Some("t"), Some("id=eq.1")),
        binding(Some("t"), None),
    ];
    let ids: Vec<_> = number(&bindings).iter().map(|bound| bound.id).collect();
    assert_eq!(ids[0], ids[2]);
    assert_ne!(ids[0], ids[1]);
    assert!(ids.iter().all(|id| *id != 0));
    assert_eq!(number(&bindings[..1])[0].id, ids[0], "in every channel");
}

#[test]
fn what_the_client_has_written_is_not_kept() {
    let written = Binding {
        text: "{\"own\":\"xxx\"}".to_string(),
        ..binding(Some("t"), None)
    };
    let groups = group(&number(&[written]));
    assert_eq!(groups[0].binding().text, "");
}

#[test]
fn what_a_wildcard_cannot_have() {
    let groups = group(&number(&[
        binding(None, Some("id=eq.1")),
        binding(None, None),
        binding(Some("t"), Some("id=eq.1")),
    ]));
    assert!(groups[0]
        .misfit()
        .is_some_and(|text| text.starts_with("No subscription params")));
    assert_eq!(groups[1].misfit(), None);
    assert_eq!(groups[2].misfit(), None);
}

#[test]
fn no_refusal_tells_whether_a_table_exists() {
    let bound = &number(&[binding(Some("secret"), None)])[0];
    let texts = ["42P01", "42501", "55000"]
        .map(|sqlstate| bound.refusal(&Fault::new(sqlstate, format!("a reason for {sqlstate}"))));
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
}
#[test]
fn bindings_of_each_event_by_itself_are_one_leg() {
    let of = |event: &str| Binding {
        event: event.to_string(),
        ..binding(Some("t"), None)
    };
    let who = Who {
        role: "anon".into(),
        claims: "{}".into(),
    };
    let numbered = number(&[of("INSERT"), of("DELETE"), of("INSERT")]);
    let groups = group(&numbered);
    let [one] = &groups[..] else {
        panic!("{groups:?}");
    };
    let interest = one.interest(one.relation(), &who);
    assert_eq!(
        interest.events,
        Some(vec!["DELETE".into(), "INSERT".into()])
    );
    let ids = |group: &Group, operation| {
        let mut ids = Vec::new();
        group.ids(operation, &mut ids);
        ids
    };
    assert_eq!(ids(one, "DELETE"), [numbered[1].id]);
    assert_eq!(ids(one, "INSERT"), [numbered[0].id, numbered[0].id]);
    assert!(ids(one, "TRUNCATE").is_empty());

    let with_all = group(&number(&[of("INSERT"), of("*")]));
    assert_eq!(with_all[0].interest(one.relation(), &who).events, None);
    assert_eq!(ids(&with_all[0], "TRUNCATE").len(), 1);

    let mut later = of("UPDATE");
    later.since = Some(Some("c".to_string()));
    assert_eq!(
        group(&number(&[of("INSERT"), later])).len(),
        2,
        "from another cursor"
    );
}
