//! Whatever the arguments of a capture trigger say is read back.

use super::*;
use proptest::prelude::*;

/// Any text that a name, a filter or a topic may be: without NUL, and often with pieces of our own syntax.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => any::<char>().prop_filter("no NUL", |c| *c != '\0').prop_map(String::from),
        2 => prop::sample::select(vec![
            ",", "\"", "'", "\\", "{", "}", "[", "]", "\n", "\t", " ", "=", "", "leaf", "sinks=", "payload=key",
            "deletes=key", "columns=", "filter=", "topic=", "numbers=", "log",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn arguments()(
        sinks in prop::sample::subsequence(Sink::ALL.to_vec(), 0..=4).prop_shuffle(),
        key_only in any::<bool>(),
        deletes_by_key in any::<bool>(),
        columns in prop::option::of(prop::collection::vec(text(), 0..5)),
        filter in prop::option::of(text()),
        topic in prop::option::of(text()),
        numbers in prop::option::of((any::<u32>(), prop::collection::vec((any::<i16>(), text()), 0..4))),
        is_leaf in any::<bool>(),
    ) -> Arguments {
        let topic = topic.filter(|_| sinks.contains(&Sink::Broadcast));
        let numbers = numbers.map(|(table, columns)| Numbers { table, columns });
        Arguments { sinks, key_only, deletes_by_key, columns, filter, topic, numbers, is_leaf }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn what_is_written_is_read_back(arguments in arguments()) {
        let written = arguments.encode();
        prop_assert!(written.iter().all(|argument| !argument.contains('\0')));
        prop_assert_eq!(Arguments::decode(&written), arguments);
    }

    #[test]
    fn anything_can_be_read(arguments in prop::collection::vec(text(), 0..6)) {
        let read = Arguments::decode(&arguments);
        prop_assert_eq!(Arguments::decode(&read.encode()), read);
    }
}

#[test]
fn triggers_carry_these_texts() {
    // They are in dumps, so other versions have to read them.
    let arguments = Arguments {
        sinks: vec![Sink::Log, Sink::Broadcast],
        key_only: true,
        deletes_by_key: true,
        columns: Some(vec!["a".to_owned(), "b\"c".to_owned()]),
        filter: Some("a=eq.1".to_owned()),
        topic: Some("org:{a}".to_owned()),
        numbers: Some(Numbers {
            table: 16384,
            columns: vec![(2, "a".to_owned()), (3, "b\"c".to_owned())],
        }),
        is_leaf: true,
    };
    let written = [
        "sinks=log,broadcast",
        "payload=key",
        "deletes=key",
        r#"columns=["a","b\"c"]"#,
        "filter=a=eq.1",
        "topic=org:{a}",
        r#"numbers=[16384,[[2,"a"],[3,"b\"c"]]]"#,
        "leaf",
    ];
    assert_eq!(arguments.encode(), written);
    assert_eq!(name_for(Operation::Insert), "00_pgrealtime_insert");
    assert!(is_named("00_pgrealtime_insert") && !is_named("pgrealtime_insert"));
}

#[test]
fn columns_that_are_not_the_ones_meant_are_noticed() {
    let arguments = Arguments::decode(&[r#"numbers=[7,[[2,"a"],[3,"b"]]]"#]);
    let of = |columns: &[(i16, &str)], table, named: &[&str]| {
        let name_of = |number| {
            let found = columns.iter().find(|one| one.0 == number);
            found.map(|one| one.1.to_owned())
        };
        let number_of = |name: &str| {
            let found = columns.iter().find(|one| one.1 == name);
            found.map(|one| one.0)
        };
        arguments.misfit(table, name_of, number_of, named.iter().copied())
    };
    let renamed = |then: &str, now: &str| {
        let (then, now) = (then.to_owned(), now.to_owned());
        Some(Misfit::Renamed { then, now })
    };
    assert_eq!(of(&[(2, "a"), (3, "b")], 7, &["a"]), None);
    assert_eq!(of(&[(2, "a"), (3, "c")], 7, &[]), renamed("b", "c"));
    assert_eq!(of(&[(2, "b"), (3, "a")], 7, &[]), renamed("a", "b"));
    // Dropped.
    assert_eq!(of(&[(2, "a")], 7, &["a"]), None);
    assert_eq!(
        of(&[(2, "a")], 7, &["b"]),
        Some(Misfit::Missing("b".to_owned()))
    );
    // Dropped, and another one added with its name.
    assert_eq!(
        of(&[(2, "a"), (4, "b")], 7, &[]),
        Some(Misfit::Replaced("b".to_owned()))
    );
    // Restored.
    assert_eq!(of(&[(1, "b"), (2, "a")], 8, &["a", "b"]), None);
    assert_eq!(arguments.by_name().numbers, None);
}

#[test]
fn a_trigger_made_by_hand_feeds_the_log() {
    let bare = Arguments::decode::<&str>(&[]);
    assert_eq!(bare.sinks, [Sink::Log]);
    assert_eq!(bare.encode(), ["sinks=log"]);
}

#[test]
fn unknown_arguments_are_ignored() {
    let read = Arguments::decode(&[
        "sinks=log,later",
        "payload=full",
        "columns=[1",
        "topic=x",
        "later=1",
    ]);
    assert_eq!(read, Arguments::decode(&["sinks=log"]));
}
