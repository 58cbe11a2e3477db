//! Events as JSON, one a line, for programs.

use super::{board::Board, open::Surface};
use greylag_core::event::Event;
use greylag_orchestrator::Notice;
use serde_json::{Value, json};
use std::io::Write;

pub struct Ndjson;

impl Surface for Ndjson {
    fn show(&self, notice: &Notice, _: &Board) {
        if let Some(value) = event(notice) {
            // A reader that went away doesn't stop a rollout.
            let _ = writeln!(std::io::stdout().lock(), "{value}");
        }
    }
}

/// A notice as an event for programs.
pub fn event(notice: &Notice) -> Option<Value> {
    Some(match notice {
        Notice::Surveyed {
            done,
            total,
            shard,
            unreachable,
        } => {
            // Of the looks that go well, only the last one is news.
            if unreachable.is_none() && done < total {
                return None;
            }
            json!({"type": "surveyed", "done": done, "total": total, "shard": shard, "unreachable": unreachable})
        }
        Notice::Taken {
            rollout,
            plan,
            past,
        } => json!({
            "type": "taken",
            "schema": "greylag.events/v1",
            "rollout": rollout,
            "digest": plan.digest,
            "stages": plan.stages.len(),
            "waves": plan.waves.iter().map(|wave| json!({"name": wave.name, "shards": wave.shards})).collect::<Vec<_>>(),
            "past_events": past.len(),
        }),
        Notice::Event(stamped) => serde_json::to_value(stamped).ok()?,
        // The same as was held by before, with figures that move at every look.
        Notice::Live {
            event: Event::Held { .. },
            ..
        } => return None,
        Notice::Live { at, event } => {
            let mut value = serde_json::to_value(event).ok()?;
            value.as_object_mut()?.insert("at".into(), json!(at));
            value
        }
        Notice::Waiting { reasons } => json!({"type": "waiting", "reasons": reasons}),
        Notice::Warning { shard, text } => json!({"type": "warning", "shard": shard, "text": text}),
        Notice::Stopping {
            cancelling,
            in_flight,
        } => json!({"type": "stopping", "cancelling": cancelling, "in_flight": in_flight}),
    })
}
