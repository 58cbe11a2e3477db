//! A statement that can't be in a transaction: watched from beside, and held up half-way by somebody who has the tables open,
//! so that there is something to see.

use super::{
    super::{
        link::{Answer, Link},
        quote::ident,
    },
    look::{Look, query},
};
use std::{
    pin::pin,
    time::{Duration, Instant},
};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(1);

/// Whoever has not waited for so long works, and is not to be held up at its end.
const LONG: Duration = Duration::from_secs(5);

/// Runs the statement. The locks are all that it was seen to have or to ask for.
pub(super) async fn run(
    work: &Link,
    watch: &Link,
    hold: &Link,
    sql: &str,
    before: &Look,
) -> (Answer, Look) {
    hold_tables(hold, before).await;
    let mut seen = Look::default();
    let mut held = true;
    let begun = Instant::now();
    let looking = query(work.pid);
    let answer = {
        let mut running = pin!(work.run(sql, usize::MAX));
        loop {
            let look = async {
                tokio::time::sleep(EVERY).await;
                watch.run(&looking, 0).await
            };
            let answer = tokio::select! {
                biased;
                answer = &mut running => break answer,
                answer = look => answer,
            };
            let text = answer.rows.first().and_then(|(_, row)| row.get(0));
            let Some(Ok(now)) = text.map(Look::parse) else {
                continue;
            };
            seen.locks.extend(now.locks);
            if held && (now.waits || begun.elapsed() > LONG) {
                release(hold).await;
                held = false;
            }
        }
    };
    if held {
        release(hold).await;
    }
    (answer, seen)
}

/// Opens every table as a writer does, and keeps them open. A table that can't be had is left alone.
async fn hold_tables(hold: &Link, look: &Look) {
    let tables = look.relations.values().filter(|known| known.is_table());
    let names: Vec<String> = tables.map(|known| known.quoted()).collect();
    hold.run("BEGIN; SELECT pg_catalog.txid_current()", usize::MAX)
        .await;
    if !names.is_empty() {
        let sql = format!(
            "LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE NOWAIT",
            names.join(", ONLY ")
        );
        hold.run(&sql, usize::MAX).await;
    }
}

async fn release(hold: &Link) {
    hold.run("ROLLBACK", usize::MAX).await;
}

impl super::look::Known {
    fn quoted(&self) -> String {
        let (schema, name) = self.place();
        format!("{}.{}", ident(schema), ident(name))
    }
}
