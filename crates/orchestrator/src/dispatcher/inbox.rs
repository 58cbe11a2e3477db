//! Folds requests from the durable inbox: what a second terminal asked for.

use super::ledger::Ledger;
use crate::{
    journal::{InboxItem, Taken},
    steering::{Request, fold},
};

/// Answers each request, by folding it or by saying why not.
pub fn take(ledger: &mut Ledger, items: Vec<InboxItem>) {
    for item in items {
        let answer = match serde_json::from_value::<Request>(item.request) {
            Ok(request) => fold(ledger, &request, &item.by),
            Err(why) => Err(format!(
                "this greylag does not understand the request: {why}"
            )),
        };
        ledger.answer(Taken {
            item: item.id,
            answer,
        });
    }
}
