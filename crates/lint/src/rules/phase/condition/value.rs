//! What an expression comes to, as far as that is known.

use greylag_core::engine::Dialect;
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Value {
    Null,
    Number(f64),
    Text(String),
    Truth(Truth),
    /// Anything, null too.
    Any,
}

/// What a condition may come to: true, false, null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Truth(u8);

impl Truth {
    pub(super) const TRUE: Truth = Truth(1);
    pub(super) const FALSE: Truth = Truth(2);
    const NULL: Truth = Truth(4);
    pub(super) const EITHER: Truth = Truth(3);
    const ANY: Truth = Truth(7);

    pub(super) fn may_be(self, other: Truth) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn of(holds: bool) -> Truth {
        if holds { Truth::TRUE } else { Truth::FALSE }
    }

    pub(super) fn beside(self, other: Truth) -> Truth {
        Truth(self.0 | other.0)
    }

    pub(super) fn not(self) -> Truth {
        self.map(|one| match one {
            Truth::TRUE => Truth::FALSE,
            Truth::FALSE => Truth::TRUE,
            one => one,
        })
    }

    pub(super) fn and(self, other: Truth) -> Truth {
        self.with(other, |a, b| match (a, b) {
            (Truth::FALSE, _) | (_, Truth::FALSE) => Truth::FALSE,
            (Truth::TRUE, Truth::TRUE) => Truth::TRUE,
            _ => Truth::NULL,
        })
    }

    pub(super) fn or(self, other: Truth) -> Truth {
        self.not().and(other.not()).not()
    }

    fn equals(self, other: Truth) -> Truth {
        self.with(other, |a, b| match (a, b) {
            (Truth::NULL, _) | (_, Truth::NULL) => Truth::NULL,
            (a, b) => Truth::of(a == b),
        })
    }

    fn each(self) -> impl Iterator<Item = Truth> {
        let all = [Truth::TRUE, Truth::FALSE, Truth::NULL].into_iter();
        all.filter(move |one| self.may_be(*one))
    }

    fn map(self, to: impl Fn(Truth) -> Truth) -> Truth {
        self.each()
            .fold(Truth(0), |all, one| Truth(all.0 | to(one).0))
    }

    fn with(self, other: Truth, to: impl Fn(Truth, Truth) -> Truth) -> Truth {
        self.map(|one| other.map(|two| to(one, two)))
    }
}

impl Value {
    pub(super) fn truth(&self) -> Truth {
        match self {
            Value::Null => Truth::NULL,
            Value::Truth(truth) => *truth,
            Value::Number(number) => Truth::of(*number != 0.0),
            Value::Text(_) | Value::Any => Truth::ANY,
        }
    }

    pub(super) fn of_truth(truth: Truth) -> Value {
        match truth {
            Truth::NULL => Value::Null,
            truth => Value::Truth(truth),
        }
    }

    pub(super) fn is_null(&self) -> Truth {
        match self {
            Value::Null => Truth::TRUE,
            Value::Number(_) | Value::Text(_) => Truth::FALSE,
            Value::Truth(truth) if !truth.may_be(Truth::NULL) => Truth::FALSE,
            Value::Truth(_) | Value::Any => Truth::EITHER,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Truth(Truth::TRUE) => Some(1.0),
            Value::Truth(Truth::FALSE) => Some(0.0),
            _ => None,
        }
    }

    /// Whichever of the two it is.
    pub(super) fn beside(self, other: Value) -> Value {
        match (&self, &other) {
            (one, two) if one == two => self,
            (Value::Null | Value::Truth(_), Value::Null | Value::Truth(_)) => {
                Value::of_truth(self.truth().beside(other.truth()))
            }
            _ => Value::Any,
        }
    }

    pub(super) fn equals(&self, other: &Value, dialect: Dialect) -> Truth {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => Truth::NULL,
            (Value::Truth(one), Value::Truth(two)) => one.equals(*two),
            (Value::Text(one), Value::Text(two)) => same_text(one, two, dialect),
            (one, two) => match (one.number(), two.number()) {
                (Some(one), Some(two)) => Truth::of(one == two),
                _ => Truth::ANY,
            },
        }
    }

    pub(super) fn compare(&self, other: &Value, is: impl Fn(Ordering) -> bool) -> Truth {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => Truth::NULL,
            // Which of two texts comes first depends on the collation.
            (Value::Text(one), Value::Text(two)) if one == two => Truth::of(is(Ordering::Equal)),
            (one, two) => match (one.number(), two.number()) {
                (Some(one), Some(two)) => one
                    .partial_cmp(&two)
                    .map_or(Truth::ANY, |o| Truth::of(is(o))),
                _ => Truth::ANY,
            },
        }
    }
}

/// MySQL's collations and SQLite's NOCASE take some letters for others.
fn same_text(one: &str, two: &str, dialect: Dialect) -> Truth {
    let alike = || one.trim_end().eq_ignore_ascii_case(two.trim_end());
    let plain = one.is_ascii() && two.is_ascii();
    match one == two {
        true => Truth::TRUE,
        false if dialect == Dialect::Postgres || plain && !alike() => Truth::FALSE,
        false => Truth::EITHER,
    }
}
