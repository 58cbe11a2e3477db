//! The `verify` queries of files: asked once their work is there.

use super::{errand::Errand, explain::failure_of_verb, explain::is_lost};
use greylag_core::{
    migration::MigrationId,
    outcome::{Failure, FailureClass, Left},
};
use greylag_engines::{EngineError, Session};

/// What a no means: the migration stays applied, and the shard counts as failed.
pub async fn verify(
    session: &mut dyn Session,
    errand: &Errand,
    work: &[MigrationId],
) -> Result<Option<Failure>, EngineError> {
    for id in work {
        let queries = match errand.scripts.verify(id, &errand.shard) {
            Ok(queries) => queries,
            Err(failure) => return Ok(Some(failure)),
        };
        for query in queries.iter() {
            let said = match session.ask(query).await {
                Ok(said) => said,
                Err(error) if is_lost(&error) => return Err(error),
                Err(error) => {
                    return Ok(Some(Failure {
                        class: FailureClass::Verify,
                        migration: Some(id.clone()),
                        ..failure_of_verb(&error)
                    }));
                }
            };
            if !is_yes(said.as_deref()) {
                return Ok(Some(Failure {
                    class: FailureClass::Verify,
                    code: None,
                    message: format!(
                        "{id} is applied, but its verify query says {}: {query}",
                        said.map_or("nothing".to_owned(), |said| format!("`{said}`")),
                    ),
                    migration: Some(id.clone()),
                    place: None,
                    hint: Some(format!(
                        "Mend the data, then `greylag rollout retry {}`: the query is asked again, the migration is not run again.",
                        errand.shard.shard.name
                    )),
                    left: Left::Nothing,
                    blockers: Vec::new(),
                }));
            }
        }
    }
    Ok(None)
}

/// True in the words of any engine.
pub fn is_yes(said: Option<&str>) -> bool {
    said.is_some_and(|said| {
        let said = said.trim().to_ascii_lowercase();
        matches!(said.as_str(), "t" | "true" | "yes" | "on")
            || said.parse::<f64>().is_ok_and(|number| number != 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::is_yes;

    #[test]
    fn yes_is_true_in_any_engine_and_nothing_is_no() {
        for yes in ["t", "true", "TRUE", "1", "42", " 1 "] {
            assert!(is_yes(Some(yes)), "{yes}");
        }
        for no in [
            None,
            Some("f"),
            Some("false"),
            Some("0"),
            Some(""),
            Some("0.0"),
        ] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
