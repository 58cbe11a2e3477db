//! A subscriber's own rows of Greylag's tables, kept apart from the publisher's.
//!
//! A publication of all tables carries Greylag's tables, too: the publisher's history would be copied into the subscriber's
//! when the subscription begins, and collide with it ever after. A trigger that fires in apply workers only, and nowhere else,
//! lets none of those rows in, whatever is published.

use super::{
    message::{Message, What},
    quote::{ident, literal},
    session::PgSession,
};
use crate::error::EngineError;

/// The name of the trigger, and of its function.
pub const SHIELD: &str = "greylag_keep_own_rows";

const DOING: &str = "keeping the publisher's rows out of greylag's tables";

impl PgSession {
    pub(super) async fn keep_own_rows(&mut self) -> Result<(), EngineError> {
        if self.home.is_none() {
            self.find_home().await?;
        }
        let tables = self.own_tables();
        let bare = self.query(DOING, &bare(&tables)).await?;
        if bare.is_empty() {
            return Ok(());
        }
        self.refresh().await?;
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        let function = self.table(SHIELD);
        message.push(
            What::Head,
            &format!(
                "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql \
                 AS 'BEGIN RETURN NULL; END'"
            ),
        );
        let trigger = ident(SHIELD);
        for table in bare.iter().filter_map(|row| row.get(0)) {
            message.push(
                What::Head,
                &format!(
                    "CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT OR UPDATE OR DELETE ON {table} \
                     FOR EACH ROW EXECUTE FUNCTION {function}()"
                ),
            );
            let enable = format!("ALTER TABLE {table} ENABLE REPLICA TRIGGER {trigger}");
            message.push(What::Head, &enable);
        }
        message.push(What::Commit, "COMMIT");
        let answer = self.link.run(message.text(), usize::MAX).await;
        self.link.hush();
        if let Some(trouble) = answer.trouble {
            let broken = self.broken(DOING, Some(trouble));
            self.link.run("ROLLBACK", usize::MAX).await;
            self.link.hush();
            return Err(broken);
        }
        Ok(())
    }

    fn own_tables(&self) -> [String; 3] {
        let history = &*self.target.history_table;
        [history, "greylag_shard", "greylag_step"].map(|name| self.table(name))
    }

    /// How many of our tables get rows from a publisher and are not shielded.
    pub(super) fn unshielded(&self) -> String {
        format!(
            "SELECT count(*) FROM ({}) bare JOIN pg_subscription_rel r ON r.srrelid = bare.oid",
            bare(&self.own_tables())
        )
    }
}

/// Those of the tables that are there and have no shield.
fn bare(tables: &[String; 3]) -> String {
    let oids = tables
        .each_ref()
        .map(|table| format!("to_regclass({})", literal(table)));
    format!(
        "SELECT c.oid::regclass AS name, c.oid FROM pg_class c WHERE c.oid IN ({}) AND NOT EXISTS ( \
         SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = '{SHIELD}' AND t.tgenabled = 'R')",
        oids.join(", ")
    )
}
