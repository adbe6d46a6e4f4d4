//! How much of the last whole answer an answer lacks, and how much it may lack.

use std::fmt;

use gatherer_plugin_api::model::{EndpointResult, Host};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Change, ObjectKind, What, compare_hosts_and_guests};
use crate::output::escape::{capped, escape};
use crate::output::inventory::count;

/// What the value must be, for messages.
pub const EXPECTED: &str = "a share such as \"20%\", a number such as 5, or both: \"20%,5\", of which the larger one counts";

/// How many names of lost objects a message has.
const NAMES_SHOWN: usize = 5;

/// How many of its hosts, and how many of its guests, an endpoint may lose from one answer to the next. If both members
/// are set, the larger one counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxLost {
    percent: Option<f64>,
    number: Option<u64>,
}

impl MaxLost {
    /// Parses the text of a value: `20%`, `5` or `20%,5`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parsed = Self { percent: None, number: None };
        for part in text.split(',').map(str::trim) {
            match part.strip_suffix('%') {
                Some(percent) if parsed.percent.is_none() => {
                    let percent: f64 = percent.trim_end().parse().ok()?;
                    parsed.percent = Some(percent).filter(|share| (0.0..=100.0).contains(share));
                    parsed.percent?;
                }
                None if parsed.number.is_none() => parsed.number = Some(part.parse().ok()?),
                _ => return None,
            }
        }
        Some(parsed)
    }

    /// Whether `lost` of `total` may be lost.
    #[expect(clippy::cast_precision_loss, reason = "counts of objects are far below 2^52")]
    fn allows(self, lost: usize, total: usize) -> bool {
        let by_number = self.number.is_some_and(|number| lost as u64 <= number);
        let by_share =
            self.percent.is_some_and(|percent| lost as f64 * 100.0 <= percent * total as f64);
        lost == 0 || by_number || by_share
    }
}

impl fmt::Display for MaxLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.percent, self.number) {
            (Some(percent), Some(number)) => write!(f, "{percent}%,{number}"),
            (Some(percent), None) => write!(f, "{percent}%"),
            (None, Some(number)) => write!(f, "{number}"),
            (None, None) => Ok(()),
        }
    }
}

impl<'de> Deserialize<'de> for MaxLost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a share such as \"20%\", a number, or \"20%,5\"")]
        enum Written {
            Text(String),
            Number(u64),
        }
        let parsed = match Written::deserialize(deserializer)? {
            Written::Text(text) => Self::parse(&text),
            Written::Number(number) => Some(Self { percent: None, number: Some(number) }),
        };
        parsed.ok_or_else(|| serde::de::Error::custom(format!("max_lost must be {EXPECTED}")))
    }
}

/// An object that an answer lacks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LostObject {
    /// Its id; empty if it has none.
    pub id: String,
    /// Its last name.
    pub name: String,
}

/// What an answer lacks of the last whole one. A guest on another host is not lost; an object whose id changed is, and so
/// is a guest that is on no host any more, because a Manager gets only guests on hosts. A synthetic host is not counted: it
/// only groups guests. Neither is a host that it represents: a Manager does not get that one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Losses {
    /// The hosts, sorted by id.
    pub hosts: Vec<LostObject>,
    /// How many hosts there were.
    pub hosts_before: usize,
    /// The guests, sorted by id.
    pub guests: Vec<LostObject>,
    /// How many guests there were.
    pub guests_before: usize,
}

/// Whether a lost host counts.
fn is_counted(host: &Host) -> bool {
    !host.synthetic && host.represented_by.is_none()
}

impl Losses {
    /// What `after` lacks of `before`.
    pub fn between(before: &EndpointResult, after: &EndpointResult) -> Self {
        let on_hosts: usize = before.hosts.iter().map(|host| host.guests.len()).sum();
        let mut losses = Self {
            hosts_before: before.hosts.iter().filter(|host| is_counted(host)).count(),
            guests_before: on_hosts + before.detached_guests.len(),
            ..Self::default()
        };
        for Change { object, id, name, what, .. } in compare_hosts_and_guests(before, after) {
            let list = match (object, what) {
                (ObjectKind::Host, What::Deleted { data })
                    if data["synthetic"] == true || data["representedBy"].is_string() =>
                {
                    continue;
                }
                (ObjectKind::Host, What::Deleted { .. }) => &mut losses.hosts,
                (_, What::Deleted { .. } | What::Migrated { to: None, .. }) => &mut losses.guests,
                _ => continue,
            };
            list.push(LostObject { id, name });
        }
        losses.hosts.sort();
        losses.guests.sort();
        losses
    }

    /// Whether so many hosts and guests may be lost.
    pub fn are_allowed(&self, limit: MaxLost) -> bool {
        limit.allows(self.hosts.len(), self.hosts_before)
            && limit.allows(self.guests.len(), self.guests_before)
    }

    /// Whether everything that is lost is lost in `other` too.
    pub fn are_part_of(&self, other: &Self) -> bool {
        is_part(&self.hosts, &other.hosts) && is_part(&self.guests, &other.guests)
    }

    /// The counts with some names: `2 of 10 hosts (esx1, esx2) and 1 of 50 guests (web)`.
    pub fn summary(&self) -> String {
        let of = |lost: &[LostObject], before: usize, noun: &str| {
            (!lost.is_empty())
                .then(|| format!("{} of {} ({})", lost.len(), count(before, noun), names(lost)))
        };
        let parts = [
            of(&self.hosts, self.hosts_before, "host"),
            of(&self.guests, self.guests_before, "guest"),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
    }
}

/// Whether each object of a sorted list is in another one, as often.
fn is_part(list: &[LostObject], other: &[LostObject]) -> bool {
    let mut others = other.iter();
    list.iter().all(|lost| others.any(|object| object == lost))
}

/// The first names.
fn names(lost: &[LostObject]) -> String {
    let name = |lost: &LostObject| {
        escape(&capped(if lost.name.is_empty() { lost.id.clone() } else { lost.name.clone() }))
    };
    let mut sorted: Vec<String> = lost.iter().map(name).collect();
    sorted.sort();
    let left_out = sorted.len().saturating_sub(NAMES_SHOWN);
    sorted.truncate(NAMES_SHOWN);
    if left_out > 0 {
        sorted.push(format!("and {left_out} more"));
    }
    sorted.join(", ")
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::{EndpointResult, EndpointStatus, Guest, Host};

    use super::{Losses, MaxLost};

    fn parsed(text: &str) -> MaxLost {
        MaxLost::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    /// Hosts by id, each with the ids of its guests.
    fn answer(hosts: &[(&str, &[&str])]) -> EndpointResult {
        let host = |(id, guests): &(&str, &[&str])| Host {
            guests: guests.iter().map(|id| Guest::new(*id, format!("guest {id}"))).collect(),
            ..Host::new(*id, format!("host {id}"))
        };
        EndpointResult {
            status: EndpointStatus::Complete,
            hosts: hosts.iter().map(host).collect(),
            ..EndpointResult::new("e".into(), None, None)
        }
    }

    #[test]
    fn a_limit_is_a_share_a_number_or_both() {
        for text in ["20%", "5", "20%,5", "0", "0%", "100%", "12.5%", "12.5%,0"] {
            assert_eq!(parsed(text).to_string(), text);
        }
        assert_eq!(parsed(" 5 , 20 % ").to_string(), "20%,5");
        for text in
            ["", "%", "-1", "101%", "-1%", "0.2", "5,5", "20%,20%", "20%,5,1", "NaN%", "x", "5 %,"]
        {
            assert_eq!(MaxLost::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_is_of_the_last_answer_and_the_larger_limit_counts() {
        for (text, lost, total, is_allowed) in [
            ("20%", 2, 10, true),
            ("20%", 3, 10, false),
            ("20%", 1, 3, false),
            ("0%", 1, 10, false),
            ("100%", 10, 10, true),
            ("5", 5, 5, true),
            ("5", 6, 1000, false),
            ("0", 1, 1000, false),
            ("0", 0, 1000, true),
            ("20%,5", 5, 6, true),
            ("20%,5", 6, 10, false),
            ("20%,5", 20, 100, true),
            ("20%,5", 21, 100, false),
            ("20%", 0, 0, true),
        ] {
            assert_eq!(parsed(text).allows(lost, total), is_allowed, "{text}: {lost} of {total}");
        }
    }

    #[test]
    fn hosts_and_guests_are_counted_each_for_themselves() {
        let before = answer(&[("h1", &["a", "b", "c", "d"]), ("h2", &[])]);
        let losses = |after: &[(&str, &[&str])]| Losses::between(&before, &answer(after));
        let all = losses(&[("h1", &["a", "b", "c", "d"]), ("h2", &[])]);
        assert_eq!(all.summary(), "");
        assert!(all.are_allowed(parsed("0")));
        let one_guest = losses(&[("h1", &["a", "b", "c"]), ("h2", &[])]);
        assert_eq!(one_guest.summary(), "1 of 4 guests (guest d)");
        assert!(one_guest.are_allowed(parsed("25%")) && !one_guest.are_allowed(parsed("24%")));
        let one_host = losses(&[("h1", &["a", "b", "c", "d"])]);
        assert!(one_host.are_allowed(parsed("50%")) && !one_host.are_allowed(parsed("49%")));
        let everything = losses(&[]);
        assert_eq!(
            everything.summary(),
            "2 of 2 hosts (host h1, host h2) and 4 of 4 guests (guest a, guest b, guest c, guest d)"
        );
    }

    #[test]
    fn a_guest_that_moves_is_not_lost_but_one_that_leaves_all_hosts_or_changes_its_id_is() {
        let before = answer(&[("h1", &["a", "b"]), ("h2", &[])]);
        let moved = Losses::between(&before, &answer(&[("h1", &["a"]), ("h2", &["b"])]));
        assert_eq!(moved.summary(), "");
        let mut detached = answer(&[("h1", &["a"]), ("h2", &[])]);
        detached.detached_guests = vec![Guest::new("b", "guest b")];
        assert_eq!(Losses::between(&before, &detached).summary(), "1 of 2 guests (guest b)");
        assert_eq!(Losses::between(&detached, &detached).summary(), "");
        assert_eq!(Losses::between(&detached, &before).summary(), "");
        let other_id = Losses::between(&before, &answer(&[("h1", &["a", "c"]), ("h2", &[])]));
        assert_eq!(other_id.summary(), "1 of 2 guests (guest b)");
        let grown = Losses::between(&answer(&[]), &before);
        assert_eq!((grown.summary().as_str(), grown.hosts_before), ("", 0));
    }

    #[test]
    fn a_synthetic_host_is_not_counted_but_its_guests_are() {
        let mut before = answer(&[("h", &["a"]), ("cloud", &["b", "c"])]);
        before.hosts[1].synthetic = true;
        let losses = Losses::between(&before, &answer(&[("h", &["a"])]));
        assert_eq!((losses.hosts.len(), losses.hosts_before), (0, 1));
        assert_eq!(losses.summary(), "2 of 3 guests (guest b, guest c)");
        before.hosts[0].represented_by = Some("cloud".into());
        let losses = Losses::between(&before, &answer(&[]));
        assert_eq!((losses.hosts.len(), losses.hosts_before, losses.guests.len()), (0, 0, 3));
    }

    #[test]
    fn losses_are_part_of_others_only_if_each_object_is() {
        let ids: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let before = answer(&[("h", &ids)]);
        let losses = |rest: &[&str]| Losses::between(&before, &answer(&[("h", rest)]));
        let accepted = losses(&ids[3..]);
        assert_eq!(accepted.summary(), "3 of 9 guests (guest 0, guest 1, guest 2)");
        assert!(losses(&ids[3..]).are_part_of(&accepted));
        assert!(losses(&ids[1..]).are_part_of(&accepted));
        assert!(!losses(&ids[4..]).are_part_of(&accepted));
        // As many as before, but others.
        assert!(!losses(&ids[..6]).are_part_of(&accepted));
        let most = losses(&ids[8..]);
        assert!(most.summary().ends_with("guest 4, and 3 more)"), "{}", most.summary());
    }

    #[test]
    fn a_lost_clone_is_not_part_of_the_loss_of_one() {
        let clones = |count: usize| {
            let mut answer = answer(&[("h", &[])]);
            answer.hosts[0].guests = vec![Guest::new("a", "clone"); count];
            answer
        };
        let one = Losses::between(&clones(3), &clones(2));
        let two = Losses::between(&clones(3), &clones(1));
        assert!(one.are_part_of(&two) && !two.are_part_of(&one));
    }
}
