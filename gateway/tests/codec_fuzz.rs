//! The codec under mutated frames: it never panics, allocates no more than a small multiple of what it was given, and reads
//! again what it has written.
//!
//! PGREALTIME_FUZZ_SECONDS sets how long (1 by default; `make soak` takes more), PGREALTIME_SEED repeats a run.

// A test fails by a panic; what is no test function itself is code like any other to the lints.
#![allow(clippy::expect_used, clippy::panic)]

use pgrealtime_gateway::phoenix::frame::{self, Address, Payload, Version};
use pgrealtime_gateway::phoenix::join::Join;
use pgrealtime_gateway::phoenix::{binary, reply};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Counts what this thread has allocated and not freed, and the most that was.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has no counters any more.
    let _ = NOW.try_with(|now| {
        now.set(now.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(now.get())));
    });
}

#[allow(unsafe_code)]
// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were allocated at once while `work` ran.
fn most(work: impl FnOnce()) -> usize {
    let before = NOW.get();
    MOST.set(before);
    work();
    (MOST.get() - before).max(0) as usize
}

const TEXTS: &[&str] = &[
    r#"["6","6","realtime:room","phx_join",{"config":{"broadcast":{"ack":false,"self":false},"presence":{"key":"","enabled":false},"postgres_changes":[{"event":"*","schema":"public","table":"todos","filter":"id=in.(1,2)","since":null,"select":["a","b"]},null],"private":"false"},"access_token":"a.b.c"}]"#,
    r#"{"topic":"realtime:room","event":"phx_join","payload":{"config":{"postgres_changes":[{"event":"INSERT","schema":"public"}]}},"ref":"1","join_ref":"1"}"#,
    r#"[null,"9","phoenix","heartbeat",{}]"#,
    r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"9"}"#,
    r#"["1","2","realtime:\u00e9 \"x\"","access_token",{"access_token":"eyJ"}]"#,
    r#"["6","7","realtime:room","broadcast",{"type":"broadcast","event":"b","payload":{"a":[1,2.5e3,true,null]}}]"#,
];

const PUSH: &[u8] = b"\x03\x01\x02\x0d\x01\x02\x01618realtime:roomb{}{\"x\":1}";

/// Texts that change what a frame means when they come into it.
const PIECES: &[&str] = &[
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "\\u0000",
    "\\ud800",
    "1e999",
    "-0",
    "\u{0}",
    "é",
    "[[[[[[[[",
    "{\"a\":",
    "\"config\":",
    "\"postgres_changes\":[",
    "\"since\":\"x\"",
    "\u{202e}",
    "\n",
];

struct Mutator {
    random: fastrand::Rng,
}

impl Mutator {
    fn mutate(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..self.random.usize(0..6) {
            let place = self.random.usize(0..=frame.len());
            match self.random.u8(0..7) {
                0 if place < frame.len() => frame[place] = self.random.u8(..),
                1 if place < frame.len() => frame[place] ^= 1 << self.random.u8(0..8),
                2 => frame.truncate(place),
                3 => {
                    let end = self.random.usize(place..=frame.len());
                    frame.drain(place..end);
                }
                4 => {
                    let end = self.random.usize(place..=frame.len());
                    let copy = frame[place..end].to_vec();
                    let times = self.random.usize(1..20);
                    frame.splice(place..place, copy.repeat(times));
                }
                _ => {
                    let piece = PIECES[self.random.usize(0..PIECES.len())];
                    let times = if self.random.u8(0..20) == 0 { 3000 } else { 1 };
                    frame.splice(place..place, piece.repeat(times).into_bytes());
                }
            }
        }
    }
}

/// What the socket does with a text frame; then the message is written and read again.
fn read_text(version: Version, text: &str) -> bool {
    let Ok(message) = frame::decode(version, text) else {
        return false;
    };
    let Payload::Json(payload) = &message.payload else {
        panic!("a text frame has a text: {text}");
    };
    let join = Join::read(payload, 100);
    for binding in &join.bindings {
        let given = binding.with_id(7);
        let value: serde_json::Value = serde_json::from_str(&given).expect("an object with its id");
        assert_eq!(value["id"], 7, "{given}");
    }
    let to = Address {
        join_ref: message.join_ref.as_deref(),
        reference: message.reference.as_deref(),
        topic: &message.topic,
    };
    let written = frame::encode(version, to, &message.event, &[payload.get()]);
    let again = frame::decode(version, &written).expect("what was written is read");
    assert_eq!(
        (&again.topic, &again.event),
        (&message.topic, &message.event)
    );
    assert_eq!(again.reference, message.reference);
    let refusal = reply::refusal(version, to, &message.topic);
    frame::decode(version, &refusal).expect("a refusal is a message");
    true
}

fn read_binary(frame: &[u8]) -> bool {
    let Ok(message) = binary::decode(frame) else {
        return false;
    };
    let Payload::Broadcast(broadcast) = &message.payload else {
        panic!("a binary frame is a broadcast: {frame:?}");
    };
    let sent = binary::encode(&message.topic, broadcast).expect("its parts fit");
    assert!(sent.ends_with(broadcast.payload));
    true
}

#[test]
fn mutated_frames() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect(name))
    };
    let seed: u64 = number("PGREALTIME_SEED").unwrap_or_else(|| fastrand::u64(..));
    let seconds: u64 = number("PGREALTIME_FUZZ_SECONDS").unwrap_or(1);
    println!("PGREALTIME_SEED={seed}");
    let mut mutator = Mutator {
        random: fastrand::Rng::with_seed(seed),
    };
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut frames, mut valid) = (0u64, [0u64; 2]);
    while Instant::now() < end || frames < 10_000 {
        let place = mutator.random.usize(0..=TEXTS.len());
        let mut frame = TEXTS
            .get(place)
            .map_or(PUSH, |text| text.as_bytes())
            .to_vec();
        mutator.mutate(&mut frame);
        let text = String::from_utf8_lossy(&frame).into_owned();
        let used = most(|| {
            for version in [Version::V1, Version::V2] {
                valid[0] += u64::from(read_text(version, &text));
            }
            valid[1] += u64::from(read_binary(&frame));
        });
        // serde_json's values take up to 72 bytes for a byte of text ("[0,0,0…"), and lists grow by doubling.
        let limit = 200 * text.len() + 20_000;
        assert!(
            used < limit,
            "{used} bytes for {} of text: {text:.300}",
            text.len()
        );
        frames += 1;
    }
    println!("{frames} frames, valid texts and pushes: {valid:?}");
    assert!(
        valid[0] > frames / 20 && valid[1] > frames / 200,
        "mutations reach the inner parts"
    );
}
