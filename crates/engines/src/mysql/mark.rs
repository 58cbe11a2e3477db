//! What tells Greylag's sessions from others, to whoever counts a server's load: a named lock of each of them, made of its
//! connection id. Anybody may ask who holds a lock (`IS_USED_LOCK`), on both servers, without a privilege; connect attributes
//! don't get through with TLS, and MariaDB shows none. The questions that count load have the name written out.

/// Gives this connection its mark; a reset takes it. The last statement of what a connection begins with (`open::greeted`): a server
/// may refuse it.
pub const SET: &str = "DO GET_LOCK(CONCAT('greylag-session-', CONNECTION_ID()), 0)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::{flavour::Flavour, mariadb::MariaDb, observe::Topic, upstream::MySql};

    #[test]
    fn whoever_counts_load_leaves_out_what_is_marked() {
        let name = "CONCAT('greylag-session-', ";
        assert!(SET.contains(name));
        let flavours: [&dyn Flavour; 2] = [&MySql, &MariaDb];
        for flavour in flavours {
            let counts = [Topic::Load, Topic::RowWaits];
            let questions = flavour.look().questions.iter();
            let counting: Vec<_> = questions.filter(|q| counts.contains(&q.topic)).collect();
            assert_eq!(counting.len(), 2);
            for question in counting {
                assert!(question.sql.contains(name), "{question:?}");
            }
        }
    }
}
