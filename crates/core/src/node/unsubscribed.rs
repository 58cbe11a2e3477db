//! Tables that a publisher publishes and a subscription has not been told of: no row of theirs comes, and nothing fails.

use super::{Finding, Qualified, Severity, Subscription, subscriber::refresh};
use std::collections::BTreeSet;

/// How many tables are named.
const NAMED: usize = 5;

/// A table with who carries it: its publication, on the publisher; its subscription, on the subscriber.
pub type Carried = (String, Qualified);

/// What a subscriber says of its own tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The tables that each subscription knows.
    pub tables: BTreeSet<Carried>,
    /// Of those that were asked for, the ones that are not there at all.
    pub absent: BTreeSet<Qualified>,
}

/// One finding for each subscription that is behind what is published. `own` are Greylag's tables, whose rows are kept out anyway.
pub fn unsubscribed(
    subscriptions: &[Subscription],
    published: &[Carried],
    taken: &Taken,
    own: impl Fn(&Qualified) -> bool,
) -> Vec<Finding> {
    let found = subscriptions.iter().filter_map(|subscription| {
        let name = &subscription.name;
        let missing: BTreeSet<&Qualified> = published
            .iter()
            .filter(|(publication, table)| {
                subscription.publications.contains(publication)
                    && !own(table)
                    && !taken.tables.contains(&(name.clone(), table.clone()))
            })
            .map(|(_, table)| table)
            .collect();
        if missing.is_empty() {
            return None;
        }
        let absent: Vec<&Qualified> = (missing.iter().copied())
            .filter(|table| taken.absent.contains(*table))
            .collect();
        let first = match absent.is_empty() {
            true => String::new(),
            false => format!("make {} there first; then ", listed(&absent)),
        };
        let missing: Vec<&Qualified> = missing.into_iter().collect();
        let (tables, rows) = match missing.len() {
            1 => ("a table that is published", "its rows don't come"),
            _ => ("tables that are published", "their rows don't come"),
        };
        Some(Finding {
            severity: Severity::Warning,
            kind: "not-subscribed".into(),
            text: format!(
                "the subscription `{name}` does not know {tables}, and {rows}: {}",
                listed(&missing)
            ),
            mend: Some(format!("{first}its owner runs there: {}", refresh(name))),
        })
    });
    found.collect()
}

fn listed(tables: &[&Qualified]) -> String {
    let names = tables.iter().take(NAMED);
    let names: Vec<_> = names
        .map(|(schema, name)| format!("{schema}.{name}"))
        .collect();
    match tables.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Qualified {
        ("public".into(), name.into())
    }

    fn subscription(name: &str, publication: &str) -> Subscription {
        Subscription {
            name: name.into(),
            publications: vec![publication.into()],
            ..Subscription::default()
        }
    }

    fn found(published: &[(&str, &str)], taken: &[(&str, &str)], absent: &[&str]) -> Vec<Finding> {
        let carried = |(by, name): &(&str, &str)| ((*by).to_owned(), table(name));
        let published: Vec<Carried> = published.iter().map(carried).collect();
        let taken = Taken {
            tables: taken.iter().map(carried).collect(),
            absent: absent.iter().map(|name| table(name)).collect(),
        };
        let subscriptions = [subscription("mirror", "shop"), subscription("b", "other")];
        unsubscribed(&subscriptions, &published, &taken, |(_, name)| {
            name.starts_with("greylag_")
        })
    }

    #[test]
    fn a_table_that_was_published_after_the_subscription_is_told_with_the_statement() {
        let published = [("shop", "orders"), ("shop", "kinds")];
        let found = found(&published, &[("mirror", "orders")], &[]);
        let [found] = &found[..] else {
            panic!("{found:#?}");
        };
        assert!(
            found.text.ends_with("its rows don't come: public.kinds"),
            "{found:#?}"
        );
        assert_eq!(
            found.mend.as_deref(),
            Some("its owner runs there: ALTER SUBSCRIPTION \"mirror\" REFRESH PUBLICATION;")
        );
    }

    #[test]
    fn each_subscription_is_asked_of_its_own_publications_and_never_of_greylags_tables() {
        let published = [
            ("shop", "orders"),
            ("other", "tags"),
            ("shop", "greylag_step"),
        ];
        let taken = [("mirror", "orders"), ("b", "tags")];
        assert_eq!(found(&published, &taken, &[]), []);
        // Another subscription's table is not its own.
        let taken = [("mirror", "orders"), ("mirror", "tags")];
        let found = found(&published, &taken, &[]);
        assert!(found[0].text.contains("`b`"), "{found:#?}");
    }

    #[test]
    fn a_table_that_is_not_there_is_to_be_made_first() {
        let found = found(&[("shop", "kinds")], &[], &["kinds"]);
        let mend = found[0].mend.as_deref().unwrap();
        assert!(
            mend.starts_with("make public.kinds there first; then "),
            "{mend}"
        );
    }
}
