//! Decides which objects of two results are the same object.
//!
//! Objects with the same id are the same. If several objects of a result have the id (cloned machines), those that did
//! not change are paired first, then those with the same name and host, with the same name, and finally the rest in
//! their order. An object without an id is identified by its name.

use std::collections::HashMap;

use super::objects::{Object, Placed};

/// The indices of the objects that are in both results, or in one of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    pub both: Vec<(usize, usize)>,
    pub only_before: Vec<usize>,
    pub only_after: Vec<usize>,
}

/// Objects with the same id.
#[derive(Default)]
struct Holders {
    before: Vec<usize>,
    after: Vec<usize>,
}

/// What objects with the same id must have in common to be paired, in this order.
#[derive(Clone, Copy)]
enum Step {
    Everything,
    NameAndHost,
    Name,
    Nothing,
}

/// Pairs the objects of two results.
pub fn pair<T: Object>(before: &[Placed<'_, T>], after: &[Placed<'_, T>]) -> Pairs {
    let mut by_id: HashMap<Identity<'_>, Holders> = HashMap::new();
    for (index, object) in before.iter().enumerate() {
        by_id.entry(identity(object)).or_default().before.push(index);
    }
    for (index, object) in after.iter().enumerate() {
        by_id.entry(identity(object)).or_default().after.push(index);
    }
    let mut pairs = Pairs::default();
    for mut holders in by_id.into_values() {
        if let ([old], [new]) = (&holders.before[..], &holders.after[..]) {
            pairs.both.push((*old, *new));
            continue;
        }
        for step in [Step::Everything, Step::NameAndHost, Step::Name, Step::Nothing] {
            if holders.before.is_empty() || holders.after.is_empty() {
                break;
            }
            pair_equal(
                &mut holders,
                &mut pairs.both,
                |index| key(&before[index], step),
                |index| key(&after[index], step),
            );
        }
        pairs.only_before.append(&mut holders.before);
        pairs.only_after.append(&mut holders.after);
    }
    pairs.both.sort_unstable();
    pairs.only_before.sort_unstable();
    pairs.only_after.sort_unstable();
    pairs
}

/// The id of an object, or its name if it has none.
#[derive(PartialEq, Eq, Hash)]
enum Identity<'a> {
    Id(&'a str),
    Name(std::borrow::Cow<'a, str>),
}

fn identity<'a, T: Object>(object: &Placed<'a, T>) -> Identity<'a> {
    match object.object.id() {
        "" => Identity::Name(object.object.full_name()),
        id => Identity::Id(id),
    }
}

/// What two objects have in common if they can be paired in a step.
fn key<T: Object>(object: &Placed<'_, T>, step: Step) -> String {
    let name = || object.object.full_name().into_owned();
    match step {
        Step::Everything => serde_json::json!([object.place, object.json()]).to_string(),
        Step::NameAndHost => serde_json::json!([object.place, name()]).to_string(),
        Step::Name => name(),
        Step::Nothing => String::new(),
    }
}

/// Pairs the objects with the same key in their order, and leaves the others.
fn pair_equal(
    holders: &mut Holders,
    both: &mut Vec<(usize, usize)>,
    key_before: impl Fn(usize) -> String,
    key_after: impl Fn(usize) -> String,
) {
    let mut free: HashMap<String, Vec<usize>> = HashMap::new();
    for &index in holders.after.iter().rev() {
        free.entry(key_after(index)).or_default().push(index);
    }
    let mut paired = Vec::new();
    holders.before.retain(|&old| {
        let Some(new) = free.get_mut(&key_before(old)).and_then(Vec::pop) else { return true };
        both.push((old, new));
        paired.push(new);
        false
    });
    paired.sort_unstable();
    holders.after.retain(|new| paired.binary_search(new).is_err());
}
