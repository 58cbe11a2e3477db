//! A rollout as it is watched: what the pipe says line by line, and what the terminal shows at some moments.

use super::{board::Board, frame::frame, teller::Teller};
use greylag_core::event::{Event, Stamped};
use greylag_orchestrator::Notice;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

struct Watched {
    board: Board,
    pipe: Teller,
    now: Timestamp,
    sequence: u64,
    said: Vec<String>,
}

impl Watched {
    fn begin() -> Self {
        let plan: greylag_core::plan::Plan = serde_json::from_value(plan()).unwrap();
        let mut watched = Self {
            board: Board::default(),
            pipe: Teller::new(true, false, None),
            now: "2026-01-01T12:00:00Z".parse().unwrap(),
            sequence: 0,
            said: Vec::new(),
        };
        watched.notice(&Notice::Taken {
            rollout: "r1".into(),
            plan: Arc::new(plan),
            past: Arc::default(),
        });
        watched
    }

    fn notice(&mut self, notice: &Notice) {
        self.board.fold(notice, self.now);
        let lines = self.pipe.tell(notice, &self.board);
        let plain = lines
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string());
        self.said.extend(plain);
    }

    fn event(&mut self, event: Value) {
        let event: Event = serde_json::from_value(event).unwrap();
        self.sequence += 1;
        let notice = match event.is_durable() {
            true => Notice::Event(Stamped {
                sequence: self.sequence,
                at: self.now,
                epoch: 1,
                event,
            }),
            false => Notice::Live {
                at: self.now,
                event,
            },
        };
        self.notice(&notice);
    }

    fn after(&mut self, millis: i64) {
        self.now += SignedDuration::from_millis(millis);
    }

    fn pass(&mut self, stage: usize, wave: usize) {
        self.event(json!({"type": "gate_answered", "stage": stage, "wave": wave, "verdict": {"verdict": "pass"}}));
    }

    fn start(&mut self, shard: &str) {
        self.event(json!({"type": "shard_started", "stage": 0, "shard": shard}));
    }

    fn done(&mut self, shard: &str) {
        for migration in ["V1", "V2"] {
            self.event(json!({"type": "migration_applied", "stage": 0, "shard": shard, "migration": migration, "millis": 5}));
        }
        self.event(
            json!({"type": "shard_ended", "stage": 0, "shard": shard, "outcome": "applied"}),
        );
    }

    /// Times of day depend on where the test runs.
    fn frame(&self) -> String {
        let lines = frame(&self.board, self.now, 0, 78);
        let plain: Vec<_> = lines
            .iter()
            .map(|line| {
                anstream::adapter::strip_str(line)
                    .to_string()
                    .trim_end()
                    .to_owned()
            })
            .collect();
        assert!(
            plain.iter().all(|line| line.chars().count() <= 100),
            "{plain:#?}"
        );
        let text = plain.join("\n");
        regex::Regex::new(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d")
            .unwrap()
            .replace_all(&text, "WHEN")
            .into_owned()
    }
}

fn plan() -> Value {
    let shards = ["a", "b", "c", "d", "e"].map(|name| json!({"name": name, "host": "h"}));
    json!({
        "schema": "greylag.plan/v1",
        "digest": "sha256:0123456789abcdef0123456789abcdef",
        "project": "shop",
        "environment": "test",
        "scope": {"to": null, "only": null},
        "migrations": [],
        "shards": shards,
        "waves": [
            {"name": "canary", "shards": ["a"], "soak_ms": 5000, "approval": false},
            {"name": "fleet", "shards": ["b", "c", "d", "e"], "soak_ms": 0, "approval": false}
        ],
        "stages": [{
            "kind": "versioned",
            "phase": "expand",
            "migrations": ["V1", "V2"],
            "work": [{"migrations": ["V1", "V2"], "shards": ["a", "b", "c", "d", "e"]}]
        }],
        "held": [],
        "policy": greylag_policy(),
        "budget": 0,
        "settings": ""
    })
}

fn greylag_policy() -> Value {
    let project = greylag_orchestrator::project::read(
        std::path::Path::new("/x/greylag.toml"),
        "project = \"shop\"",
    );
    serde_json::to_value(project.unwrap().policy).unwrap()
}

#[test]
fn a_canary_that_soaks_shows_the_time_that_is_left() {
    let mut watched = Watched::begin();
    watched.pass(0, 0);
    watched.start("a");
    watched.after(40);
    watched.done("a");
    watched.event(json!({"type": "gate_answered", "stage": 0, "wave": 1, "verdict": {"verdict": "wait", "reasons": [{"wait": "soak", "until": "2026-01-01T12:00:05Z"}]}}));
    watched.after(1_960);
    insta::assert_snapshot!(watched.frame(), @r#"
    stage 1 of 1: expand, V1 and V2  1/5 shards, 0:02
      canary ━━━━━━━━━━━━━━━━━━━━━━━━       1/1  done
      fleet  ────────────────────────       0/4  waiting: soaking, 0:03 left
    "#);
}

#[test]
fn shards_in_flight_say_what_they_do_and_why_they_wait() {
    let mut watched = Watched::begin();
    watched.pass(0, 0);
    watched.start("a");
    watched.after(40);
    watched.done("a");
    watched.pass(0, 1);
    for shard in ["b", "c", "d"] {
        watched.start(shard);
    }
    watched.after(1_500);
    watched.event(json!({"type": "statement_done", "stage": 0, "shard": "b", "migration": "V1", "done": 2, "total": 7}));
    let blocker = json!({"pid": "4711", "application": "reports", "open_ms": 720_000, "query": "SELECT  *\nFROM orders"});
    let waits = |attempt: u32| json!({"type": "shard_waiting", "stage": 0, "shard": "c", "reasons": [{"wait": "lock", "blockers": [blocker], "attempt": attempt, "deadline": "2026-01-01T12:10:00Z"}]});
    watched.event(waits(1));
    watched.event(waits(2));
    watched.done("d");
    insta::assert_snapshot!(watched.frame(), @r#"
    stage 1 of 1: expand, V1 and V2  2/5 shards, 0:01
      canary ━━━━━━━━━━━━━━━━━━━━━━━━       1/1  done
      fleet  ━━━━━━╍╍╍╍╍╍╍╍╍╍╍╍──────       1/4
      ⠋ b  V1 (1 of 2), statement 3 of 7  1.5 s
      ⠋ c  V1 (1 of 2)  waiting: locked out by pid 4711 (reports, open for 12:00 …
    "#);
    let waits: Vec<_> = watched
        .said
        .iter()
        .filter(|line| line.contains("waits"))
        .collect();
    assert_eq!(waits.len(), 1, "the same reason is told once: {waits:?}");
}

/// The sentence that an on-call engineer is to read once: which replica, how far, the limit, and whose doing it is.
#[test]
fn a_replica_that_holds_the_rollout_is_named_with_figures_and_blame() {
    let mut watched = Watched::begin();
    watched.pass(0, 0);
    watched.start("a");
    watched.after(40);
    watched.event(
        json!({"type": "shard_replaying", "stage": 0, "shard": "a", "position": "wal:7/1/0/1F0"}),
    );
    let blocker = json!({"pid": "4711", "application": "reports", "open_ms": 720_000, "query": "SELECT * FROM orders"});
    let blame = json!({"blame": "blocked", "by": [blocker]});
    let node = json!({"shard": "a", "node": "b"});
    watched.event(json!({"type": "shard_waiting", "stage": 0, "shard": "a", "reasons": [{"wait": "replay", "nodes": [node], "count": 1, "blame": {"blame": "apply"}}]}));
    let held = |lag: u64| json!({"type": "held", "reasons": [{"wait": "replica_lag", "node": node, "lag_ms": lag, "distance": {"bytes": 114_688}, "limit_ms": 5000, "blame": blame}]});
    watched.after(5_200);
    watched.event(held(5_200));
    watched.after(2_000);
    // The same node, further behind: the live view shows it, and a pipe is not told again.
    watched.event(held(7_200));
    insta::assert_snapshot!(watched.frame(), @r#"
    stage 1 of 1: expand, V1 and V2  0/5 shards, 0:07
      canary ╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍╍       0/1
      fleet  ────────────────────────       0/4
      ⠋ a  applied, not yet replayed by a/b; the replica is still replaying it  7…
      waiting: replica a/b is 7.2 s (112.0 KB) behind (limit 5.0 s); replay is
          blocked by pid 4711 (reports, open for 12:00 min): SELECT * FROM orders
    "#);
    let waits: Vec<_> = watched
        .said
        .iter()
        .filter(|line| line.starts_with("waiting:"))
        .collect();
    assert_eq!(waits.len(), 1, "the same reason is told once: {waits:?}");
    insta::assert_snapshot!(waits[0], @"waiting: replica a/b is 5.2 s (112.0 KB) behind (limit 5.0 s); replay is blocked by pid 4711 (reports, open for 12:00 min): SELECT * FROM orders");
    watched.event(json!({"type": "held", "reasons": []}));
    watched.done("a");
    assert!(!watched.frame().contains("waiting"), "{}", watched.frame());
}

#[test]
fn a_failure_and_an_interrupt_are_seen() {
    let mut watched = Watched::begin();
    watched.pass(0, 0);
    watched.start("a");
    watched.done("a");
    watched.pass(0, 1);
    watched.start("b");
    watched.start("c");
    watched.after(90);
    watched.event(json!({"type": "shard_ended", "stage": 0, "shard": "b", "outcome": "failed", "failure": {
        "class": "data", "code": "23505", "message": "duplicate key", "migration": "V2",
        "place": {"script": "V2__unique.sql", "statement": 3, "line": 12, "column": 1, "excerpt": "CREATE UNIQUE INDEX"},
        "hint": "Mend the rows.", "left": {"left": "partial", "done": 2, "total": 5}
    }}));
    let in_flight = vec!["c".parse().unwrap()];
    watched.notice(&Notice::Stopping {
        cancelling: false,
        in_flight,
    });
    insta::assert_snapshot!(watched.frame(), @r#"
    stage 1 of 1: expand, V1 and V2  1/5 shards, 1 failed, 0:00
      canary ━━━━━━━━━━━━━━━━━━━━━━━━       1/1  done
      fleet  ╳╳╳╳╳╳╍╍╍╍╍╍────────────       0/4  1 in trouble
      ⠋ c  V1 (1 of 2)
      stopping: what is in flight finishes its current migration; ^C again cancels it
    "#);
    insta::assert_snapshot!(watched.said.join("\n"), @r#"
    rollout r1 begins: 5 shards, plan sha256:0123456789ab
    stage 1 of 1: expand, V1 and V2
    wave canary: 1 shard may start
    ✓ a has 2 migrations in 0 ms  [canary 1/1]
    ✓ wave canary: 1 shard done
    wave fleet: 4 shards may start
    ✗ b failed in V2 in 90 ms
        at V2__unique.sql:12:1 (statement 3)
          | CREATE UNIQUE INDEX
        data [23505]: duplicate key
        2 of its 5 statements stand, each committed by itself; a later run goes on after them
        hint: Mend the rows.
    stopping: 1 shard finishes its migration; ^C again cancels it on the server
    "#);
}

#[test]
fn a_rollout_taken_up_again_knows_what_was_done() {
    let mut first = Watched::begin();
    first.pass(0, 0);
    first.start("a");
    first.done("a");
    first.pass(0, 1);
    first.start("b");
    let plan = first.board.plan.clone().unwrap();
    let event = |sequence, event: Value| Stamped {
        sequence,
        at: first.now,
        epoch: 1,
        event: serde_json::from_value(event).unwrap(),
    };
    let past = vec![
        event(
            1,
            json!({"type": "shard_started", "stage": 0, "shard": "a"}),
        ),
        event(
            2,
            json!({"type": "shard_ended", "stage": 0, "shard": "a", "outcome": "applied"}),
        ),
        event(
            3,
            json!({"type": "shard_started", "stage": 0, "shard": "b"}),
        ),
    ];
    let mut board = Board::default();
    let taken = Notice::Taken {
        rollout: "r1".into(),
        plan,
        past: past.into(),
    };
    board.fold(&taken, first.now);
    assert_eq!(
        (board.complete, board.total(), board.visits_left),
        (1, 5, 4)
    );
    assert!(
        board.in_flight.is_empty(),
        "what was in flight is not any more"
    );
    assert_eq!(board.waves[0].done, 1);
    assert_eq!(board.waves[1].in_flight, 0);
}
