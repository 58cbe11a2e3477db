//! Whether what passes one CHECK passes another.

use super::words::{DEEPEST, Word, bare, group, uncast, words};
use greylag_core::engine::Dialect;
use std::collections::{BTreeSet, HashMap};

/// Longer ones are only told from others.
const LONGEST: usize = 2_000;

/// How many words are looked at before it counts as not known to follow.
const MOST: usize = 200_000;

/// Whether what passes `old` is known to pass `new`: it is the same, or wider.
pub(in super::super) fn implies(dialect: Dialect, old: &str, new: &str) -> bool {
    let (old, new) = (words(dialect, old), words(dialect, new));
    if bare(&old) == bare(&new) {
        return true;
    }
    if old.len().max(new.len()) > LONGEST {
        return false;
    }
    let (old, new) = (uncast(&old), uncast(&new));
    let mut search = Search {
        left: MOST,
        found: HashMap::new(),
    };
    search.follows(&old, &new, 0)
}

/// Where a part of a text begins, and how long it is.
type At = (*const Word, usize);

/// A part of one is compared with a part of the other once, whichever way leads there.
struct Search {
    left: usize,
    found: HashMap<(At, At), bool>,
}

impl Search {
    /// In SQL a CHECK passes what isn't false: that goes through AND and OR, too.
    fn follows(&mut self, old: &[Word], new: &[Word], depth: usize) -> bool {
        let (old, new) = (bare(old), bare(new));
        if old == new {
            return true;
        }
        let at = |words: &[Word]| (words.as_ptr(), words.len());
        let pair = (at(old), at(new));
        if let Some(found) = self.found.get(&pair) {
            return *found;
        }
        let cost = old.len() + new.len();
        if depth > DEEPEST || cost > self.left {
            return false;
        }
        self.left -= cost;
        let found = self.goes_through(old, new, depth + 1);
        self.found.insert(pair, found);
        found
    }

    fn goes_through(&mut self, old: &[Word], new: &[Word], depth: usize) -> bool {
        if let Some(parts) = parts(new, "and") {
            return parts.iter().all(|part| self.follows(old, part, depth));
        }
        if let Some(parts) = parts(old, "or") {
            return parts.iter().all(|part| self.follows(part, new, depth));
        }
        let conjuncts = parts(old, "and").unwrap_or_default();
        let disjuncts = parts(new, "or").unwrap_or_default();
        conjuncts.iter().any(|part| self.follows(part, new, depth))
            || disjuncts.iter().any(|part| self.follows(old, part, depth))
            || fact(old)
                .zip(fact(new))
                .is_some_and(|(old, new)| old.of == new.of && new.says.has(&old.says))
    }
}

/// The parts between a word, outside parentheses; None where there is but one. What OR joins, AND doesn't.
fn parts<'w>(words: &'w [Word], by: &str) -> Option<Vec<&'w [Word]>> {
    let (mut parts, mut begin, mut depth, mut between) = (Vec::new(), 0, 0usize, 0usize);
    for (at, word) in words.iter().enumerate() {
        match word {
            Word::Symbol(b'(' | b'[') => depth += 1,
            Word::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
            word if word.is("case") => depth += 1,
            word if word.is("end") => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            word if word.is("between") => between += 1,
            word if word.is("and") && between > 0 => between -= 1,
            word if by == "and" && word.is("or") => return None,
            word if word.is(by) => {
                parts.push(&words[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&words[begin..]);
    (parts.len() > 1).then_some(parts)
}

/// A comparison of something with constants.
struct Fact {
    of: Vec<Word>,
    says: Says,
}

enum Says {
    Within(BTreeSet<Word>),
    Outside(BTreeSet<Word>),
    /// Each with whether the end itself is left out.
    Range {
        low: Option<(f64, bool)>,
        high: Option<(f64, bool)>,
    },
}

impl Says {
    fn has(&self, other: &Says) -> bool {
        match (self, other) {
            (Says::Within(own), Says::Within(other)) => other.is_subset(own),
            (Says::Outside(own), Says::Outside(other)) => own.is_subset(other),
            (
                Says::Range { low, high },
                Says::Range {
                    low: least,
                    high: most,
                },
            ) => {
                let below = |(own, without): (f64, bool), (other, other_without)| {
                    own < other || own == other && (!without || other_without)
                };
                let above = |(own, without): (f64, bool), (other, other_without)| {
                    own > other || own == other && (!without || other_without)
                };
                low.is_none_or(|own| least.is_some_and(|other| below(own, other)))
                    && high.is_none_or(|own| most.is_some_and(|other| above(own, other)))
            }
            (Says::Range { low, high }, Says::Within(values)) => values.iter().all(|value| {
                let above = |number: f64, (end, without): (f64, bool)| {
                    number > end || number == end && !without
                };
                let below = |number: f64, (end, without): (f64, bool)| {
                    number < end || number == end && !without
                };
                let fits = |number: f64| {
                    low.is_none_or(|end| above(number, end))
                        && high.is_none_or(|end| below(number, end))
                };
                number(value).is_some_and(fits)
            }),
            _ => false,
        }
    }
}

fn fact(words: &[Word]) -> Option<Fact> {
    let mut depth = 0usize;
    let at = words.iter().position(|word| {
        match word {
            Word::Symbol(b'(' | b'[') => depth += 1,
            Word::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let compares = matches!(word, Word::Symbol(b'<' | b'>' | b'=' | b'!'));
        depth == 0 && (compares || word.is("in") || word.is("not") || word.is("between"))
    })?;
    let (of, rest) = words.split_at(at);
    Some(Fact {
        of: Some(bare(of)).filter(|of| !of.is_empty())?.to_vec(),
        says: says(rest)?,
    })
}

fn says(rest: &[Word]) -> Option<Says> {
    let (first, behind) = rest.split_first()?;
    if first.is("not") {
        let (next, behind) = behind.split_first()?;
        return next.is("in").then(|| Some(Says::Outside(list(behind)?)))?;
    }
    if first.is("in") {
        return Some(Says::Within(list(behind)?));
    }
    if first.is("between") {
        let and = behind.iter().position(|word| word.is("and"))?;
        return Some(Says::Range {
            low: Some((number(&constant(&behind[..and])?)?, false)),
            high: Some((number(&constant(&behind[and + 1..])?)?, false)),
        });
    }
    let symbols: Vec<u8> = rest
        .iter()
        .map_while(|word| match word {
            Word::Symbol(symbol @ (b'<' | b'>' | b'=' | b'!')) => Some(*symbol),
            _ => None,
        })
        .collect();
    let behind = &rest[symbols.len()..];
    if symbols == b"=" && behind.first()?.is("any") {
        let inner = bare(&behind[1..]);
        let items = inner.split_first().filter(|(word, _)| word.is("array"))?.1;
        return Some(Says::Within(items_of(group(items)?.0)?));
    }
    let value = constant(behind)?;
    let end = |without| Some(Some((number(&value)?, without)));
    Some(match symbols.as_slice() {
        b"=" => Says::Within(BTreeSet::from([value])),
        b"<>" | b"!=" => Says::Outside(BTreeSet::from([value])),
        b">" => Says::Range {
            low: end(true)?,
            high: None,
        },
        b">=" => Says::Range {
            low: end(false)?,
            high: None,
        },
        b"<" => Says::Range {
            low: None,
            high: end(true)?,
        },
        b"<=" => Says::Range {
            low: None,
            high: end(false)?,
        },
        _ => return None,
    })
}

fn list(words: &[Word]) -> Option<BTreeSet<Word>> {
    let (inner, behind) = group(words)?;
    behind.is_empty().then(|| items_of(inner))?
}

fn items_of(words: &[Word]) -> Option<BTreeSet<Word>> {
    words
        .split(|word| word.is_symbol(b','))
        .map(constant)
        .collect()
}

fn constant(words: &[Word]) -> Option<Word> {
    match bare(words) {
        [value @ (Word::Number(_) | Word::Text(_))] => Some(value.clone()),
        [Word::Symbol(b'-'), Word::Number(number)] => Some(Word::Number(format!("-{number}"))),
        // `date '2026-01-01'`
        [Word::Name(_), value @ Word::Text(_)] => Some(value.clone()),
        _ => None,
    }
}

fn number(word: &Word) -> Option<f64> {
    match word {
        Word::Number(number) => number.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_words_in_the_same_order_say_the_same() {
        let both =
            |dialect, one, other| implies(dialect, one, other) && implies(dialect, other, one);
        let same = |one, other| both(Dialect::Postgres, one, other);
        assert!(same("(qty>0)", "((\"qty\" > 0))"));
        assert!(same("(Qty > 0)", "(qty > 0)"));
        assert!(!same("(country = 'de')", "(country = 'DE')"));
        assert!(!same("((a OR b) AND c)", "(a OR (b AND c))"));
        assert!(!same("(\"Qty\" > 0)", "(qty > 0)"));
        assert!(!both(Dialect::Mysql, "(\"qty\" > 0)", "(qty > 0)"));
    }

    #[test]
    fn what_is_wider_follows_from_what_is_narrower() {
        for (old, new) in [
            ("(s IN ('a', 'b'))", "(s IN ('c', 'b', 'a'))"),
            ("(s = 'a')", "(s IN ('a', 'b'))"),
            (
                "(s = ANY (ARRAY['a'::text, 'b']))",
                "(s::text IN ('a', 'b', 'c'))",
            ),
            ("(n > 0)", "(n >= 0)"),
            ("(n > 5)", "(n > 0)"),
            ("(n = 5)", "(n > 0)"),
            ("(n BETWEEN 1 AND 5)", "(n BETWEEN 0 AND 9.5)"),
            ("(n BETWEEN 1 AND 5)", "(n >= 1)"),
            ("(n > 0 AND m > 0)", "(m > 0)"),
            ("(n > 0)", "(n > 0 OR kind = 'free')"),
            ("(n > 0)", "(n IS NULL OR n > -1)"),
            ("(length(s) <= 10)", "(length(s) <= 20)"),
            ("(s NOT IN ('a', 'b'))", "(s <> 'a')"),
        ] {
            assert!(implies(Dialect::Postgres, old, new), "{old} {new}");
            assert!(!implies(Dialect::Postgres, new, old), "{new} {old}");
        }
        for (old, new) in [
            ("(n > 0)", "(m > 0)"),
            ("(n > 0)", "(n < 0)"),
            ("(n > 0)", "(n > 0 AND m > 0)"),
            ("(n > 0 OR m > 0)", "(n > 0)"),
            ("(NOT n > 0)", "(n > 0)"),
            ("(NOT n > 5)", "(NOT n > 0)"),
            ("(n BETWEEN 1 AND 5 OR m = 1)", "(n >= 1)"),
            ("(s = 'a')", "(s = 'A')"),
            ("(s > 'a')", "(s > 'b')"),
            ("(CASE WHEN a THEN n > 0 AND m > 0 END)", "(m > 0)"),
        ] {
            assert!(!implies(Dialect::Postgres, old, new), "{old} {new}");
        }
    }

    /// `k` levels, each with a name of its own and the next within it.
    fn nested(k: usize, name: &str, by: &str) -> String {
        (0..k).fold(format!("({name}_ > 0)"), |inner, at| {
            format!("({name}{at} > 0 {by} {inner})")
        })
    }

    #[test]
    fn nested_ands_and_ors_are_compared_once_for_each_pair() {
        let (old, new) = (nested(30, "a", "AND"), nested(30, "b", "OR"));
        assert!(!implies(Dialect::Postgres, &old, &new));
        let ors = new.replace("b_ > 0", "a_ >= 0");
        assert!(implies(Dialect::Postgres, &old, &ors));
        // What is deeper, or has more pairs, isn't known to follow.
        let wide = |name: &str, by: &str| {
            let all: Vec<String> = (0..400).map(|at| format!("{name}{at} > 0")).collect();
            all.join(by)
        };
        let (old, new) = (wide("a", " AND "), wide("b", " OR "));
        assert!(!implies(Dialect::Postgres, &old, &new));
        assert!(!implies(
            Dialect::Postgres,
            &nested(90, "a", "AND"),
            &nested(90, "a", "AND").replace("a_ > 0", "a_ >= 0")
        ));
    }
}
