//! What is said, and remembered, where no way is left that a change may take.

use super::{
    ladder::Extent,
    statement::{Change, Unread},
};
use crate::{
    job::Attempt,
    mysql::{apply::End, failure, quote, stepwise, walk::Walk},
};
use greylag_core::outcome::{Doubt, FailureClass, Left};

/// A refusal, before it has a place.
pub struct Refusal {
    pub class: FailureClass,
    pub message: String,
    pub hint: Option<String>,
}

/// No way is left but a copy that nobody has allowed.
pub fn no_way(change: &Change, extent: Extent, not: Vec<String>) -> Refusal {
    let tried = match not.is_empty() {
        true => String::new(),
        false => format!(" ({})", not.join("; ")),
    };
    Refusal {
        class: FailureClass::Refused,
        message: format!(
            "{} ({}) can't be changed like this beside running traffic, and nobody has allowed that writes wait while the server copies it{tried}",
            quote::name(&change.table),
            self::extent(extent),
        ),
        hint: Some(
            "Put `-- greylag:online pt-online-schema-change` at the top of the file to have that tool do it; or `-- greylag:online inplace` (replicas repeat it as a whole), `-- greylag:allow copies-table because REASON` (writes wait), or an ALGORITHM of your own in the statement."
                .to_owned(),
        ),
    }
}

/// The file asks for a way, and the statement can't be read.
pub fn unread(why: &str) -> Refusal {
    Refusal {
        class: FailureClass::Refused,
        message: format!(
            "the file asks for a way with `-- greylag:online`, and this statement can't be given one: {why}"
        ),
        hint: Some(
            "Write it out for the servers that you have; or put it into a file of its own, with `-- greylag:online off`, where it runs as written."
                .to_owned(),
        ),
    }
}

/// Nobody has said how, and the statement can't be given a way: the server would choose.
pub fn chosen_by_server(unread: &Unread) -> Refusal {
    let table = unread.table.as_ref();
    let table = table.map_or_else(|| "a table".to_owned(), |(_, table)| quote::name(table));
    Refusal {
        class: FailureClass::Refused,
        message: format!(
            "{table} would be changed in whatever way the server chooses, perhaps by a copy while writes wait: this statement can't be told a way, because {}",
            unread.why
        ),
        hint: Some(
            "Write it out for the servers that you have; or say an ALGORITHM of your own in it, outside of such comments; or put `-- greylag:allow copies-table because REASON` at the top of the file (writes wait), or `-- greylag:online off`, where it runs as written."
                .to_owned(),
        ),
    }
}

/// How much a table holds, as people read it.
pub fn extent(extent: Extent) -> String {
    extent.bytes.map_or_else(
        || "of a size that the server does not know".to_owned(),
        size,
    )
}

/// A size as people read it.
pub fn size(bytes: u64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")];
    match units.iter().find(|(power, _)| bytes >> power > 0) {
        Some((power, unit)) => format!("{:.1} {unit}", bytes as f64 / 2_f64.powi(*power)),
        None => format!("{bytes} bytes"),
    }
}

impl Walk<'_> {
    /// Remembers a refusal of our own, with what stands before it.
    pub async fn refuse(&mut self, index: usize, refusal: Refusal) -> End {
        let mut failure = failure::of_ours(self.job, refusal.class, refusal.message, Left::Nothing);
        failure.place = failure::place(self.job, index, None);
        failure.hint = refusal.hint;
        failure.left = self.left(self.done);
        match stepwise::remember(self.session, self.job, self.done, &failure).await {
            Ok(()) => Box::new(Attempt::Failed(failure)),
            Err(end) => end,
        }
    }

    /// Only a person can tell.
    pub fn doubt(&self, index: usize, why: &str) -> End {
        Box::new(Attempt::Unknown(Doubt {
            migration: Some(self.job.migration.clone()),
            place: failure::place(self.job, index, None),
            why: format!(
                "whether statement {} of {} took effect can't be told: {why}",
                index + 1,
                self.job.script_name
            ),
            needs_person: true,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_rounded_to_what_people_read() {
        assert_eq!(size(512), "512 bytes");
        assert_eq!(size(3 << 29), "1.5 GB");
    }
}
