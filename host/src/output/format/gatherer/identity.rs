//! `hostIdentifier`: what the Manager keys on, unique within an endpoint and never empty.

use gatherer_plugin_api::model::Host;

use super::text::{IDENTIFIER, abridged, collisions, cut, number_the_rest};

/// UUIDs that firmware says when nobody has given it one, as hexadecimal digits alone.
const JUNK_UUIDS: [&str; 6] = [
    "00000000000000000000000000000000",
    "ffffffffffffffffffffffffffffffff",
    "03000200040005000006000700080009",
    "00020003000400050006000700080009",
    "12345678123456781234567812345678",
    "123456781234567890abcddeefaabbcc",
];

/// What stands where neither an id nor a name is known.
const NOTHING: &str = "unknown";

/// The identifier that changes whenever a host starts: a Manager would take it for another host.
const OF_A_BOOT: &str = "bootId";

/// The identities of one host, the one to take first in front; unusable ones are `None`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidates([Option<String>; 9]);

impl Candidates {
    /// The source's own id, then system UUID, Kubernetes UID, managed object, the other
    /// identifiers, name; and the short name, which tells hosts apart that have all of these
    /// in common.
    pub fn of(host: &Host) -> Self {
        let identifiers = &host.identifiers;
        let usable = |text: &str| (!is_junk(text)).then(|| super::text::storable(text));
        let option = |text: &Option<String>| text.as_deref().and_then(usable);
        let other = identifiers.other.iter().filter(|(name, _)| *name != OF_A_BOOT);
        let other = other.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("-");
        // A name is taken even if it looks like a junk UUID: nothing better comes after it.
        let name = |text: &String| (!text.trim().is_empty()).then(|| super::text::storable(text));
        Self([
            usable(&host.id),
            option(&identifiers.system_uuid),
            option(&identifiers.kubernetes_uid),
            option(&identifiers.managed_object),
            option(&identifiers.uuid),
            option(&identifiers.instance_id),
            usable(&other),
            name(&host.name),
            host.short_name.as_ref().and_then(name),
        ])
    }

    fn next(&self, from: usize) -> Option<(usize, &str)> {
        (from..self.0.len()).find_map(|slot| Some((slot, self.0[slot].as_deref()?)))
    }
}

/// An older identity of the same host, if it is one and the Manager can look it up.
pub fn fallback(host: &Host) -> Option<String> {
    let previous = host.identifiers.previous.as_deref()?;
    (!previous.is_empty() && cut(previous, IDENTIFIER) == previous)
        .then(|| super::text::storable(previous))
}

/// An assigned identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The text.
    pub text: String,
    /// Whether the source's own id could not be used.
    pub replaced: bool,
    /// Whether another host had the same.
    pub repeated: bool,
}

/// Assigns an identity to each host, in their order. Where one repeats, every holder gets
/// `-<its next identifier>`, those left out that all holders share; hosts whose identifiers
/// are all the same are numbered. One that is too long ends in its fingerprint.
pub fn assign(hosts: &[Candidates]) -> Vec<Identity> {
    let mut next = Vec::new();
    let mut texts = Vec::new();
    for host in hosts {
        let (slot, text) = host.next(0).unwrap_or((host.0.len(), NOTHING));
        next.push(slot + 1);
        texts.push(text.to_owned());
    }
    let replaced: Vec<bool> = next.iter().map(|next| *next != 1).collect();
    let mut repeated = vec![false; hosts.len()];
    loop {
        let mut grown = false;
        for holders in collisions(&texts) {
            for &holder in &holders {
                repeated[holder] = true;
            }
            grown |= tell_apart(hosts, &holders, &mut next, &mut texts);
        }
        if !grown {
            break;
        }
    }
    for text in &mut texts {
        *text = abridged(text, IDENTIFIER);
    }
    number_the_rest(&mut texts, "-", IDENTIFIER);
    texts
        .into_iter()
        .zip(replaced)
        .zip(repeated)
        .map(|((text, replaced), repeated)| Identity { text, replaced, repeated })
        .collect()
}

/// Appends the next identifier to the holders of one identity, if each has one.
fn tell_apart(
    hosts: &[Candidates],
    holders: &[usize],
    next: &mut [usize],
    texts: &mut [String],
) -> bool {
    loop {
        let found: Option<Vec<(usize, &str)>> =
            holders.iter().map(|&holder| hosts[holder].next(next[holder])).collect();
        let Some(found) = found else { return false };
        let all_the_same = found.iter().all(|(_, text)| *text == found[0].1);
        for (&holder, (slot, text)) in holders.iter().zip(&found) {
            next[holder] = slot + 1;
            if !all_the_same {
                texts[holder] = format!("{}-{text}", texts[holder]);
            }
        }
        if !all_the_same {
            return true;
        }
    }
}

/// Whether a text identifies nothing: it is blank, a UUID that firmware comes with, or a
/// word that says so.
fn is_junk(text: &str) -> bool {
    let trimmed = text.trim();
    let digits = || {
        let bytes = trimmed.bytes().filter(|byte| !matches!(byte, b'-' | b'{' | b'}'));
        bytes.map(|byte| byte.to_ascii_lowercase())
    };
    let words = ["not settable", "not present", "not specified", "uninitialized"];
    trimmed.is_empty()
        || JUNK_UUIDS.iter().any(|junk| digits().eq(junk.bytes()))
        || words.iter().any(|words| trimmed.eq_ignore_ascii_case(words))
}

#[cfg(test)]
mod tests {
    use gatherer_plugin_api::model::Host;

    use super::{Candidates, assign};

    fn host(id: &str, system: &str, kubernetes: &str, name: &str) -> Candidates {
        let mut host = Host::new(id, name);
        let option = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        host.identifiers.system_uuid = option(system);
        host.identifiers.kubernetes_uid = option(kubernetes);
        Candidates::of(&host)
    }

    fn texts(hosts: &[Candidates]) -> Vec<String> {
        assign(hosts).into_iter().map(|identity| identity.text).collect()
    }

    #[test]
    fn the_sources_own_id_is_taken_verbatim() {
        assert_eq!(texts(&[host("93CE9D1D06B94F0EA3D6", "s", "k", "n")]), ["93CE9D1D06B94F0EA3D6"]);
    }

    #[test]
    fn an_absent_or_junk_id_gives_way_to_the_next() {
        for junk in [
            "",
            " ",
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "00000000000000000000000000000000",
            "03000200-0400-0500-0006-000700080009",
            "{00000000-0000-0000-0000-000000000000}",
            "Not Settable",
        ] {
            let assigned = assign(&[host(junk, "s", "k", "n")]);
            assert_eq!(assigned[0].text, "s", "{junk:?}");
            assert!(assigned[0].replaced);
            assert_eq!(texts(&[host(junk, junk, "", "n")]), ["n"]);
        }
    }

    #[test]
    fn a_host_that_nothing_is_known_of_still_has_an_identity() {
        assert_eq!(texts(&[host("", "", "", "")]), ["unknown"]);
        assert_eq!(
            texts(&[host("", "", "", ""), host("", "", "", "")]),
            ["unknown-1", "unknown-2"]
        );
    }

    #[test]
    fn every_holder_of_a_repeated_id_gets_its_next_identifier() {
        let hosts = [host("m", "s1", "", "a"), host("x", "s", "", "c"), host("m", "s2", "", "b")];
        assert_eq!(texts(&hosts), ["m-s1", "x", "m-s2"]);
        assert_eq!(
            assign(&hosts).iter().map(|identity| identity.repeated).collect::<Vec<_>>(),
            [true, false, true]
        );
    }

    #[test]
    fn an_identifier_that_all_holders_share_is_left_out() {
        assert_eq!(
            texts(&[host("m", "s", "k1", "a"), host("m", "s", "k2", "b")]),
            ["m-k1", "m-k2"]
        );
    }

    #[test]
    fn what_changes_with_every_boot_is_no_identity() {
        let mut host = Host::new("", "n1");
        host.identifiers.other.insert("bootId".into(), "1b645389".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "n1");
    }

    #[test]
    fn a_suffixed_identity_that_another_host_has_is_told_apart_too() {
        let texts =
            texts(&[host("m", "s1", "", "a"), host("m", "s2", "", "b"), host("m-s1", "", "", "c")]);
        assert_eq!(texts, ["m-s1-a", "m-s2", "m-s1-c"]);
    }

    #[test]
    fn an_identity_that_is_too_long_is_cut_and_stays_unique() {
        let long = "i".repeat(1001);
        let texts = texts(&[
            host(&format!("{long}1"), "", "", "a"),
            host(&format!("{long}2"), "", "", "b"),
        ]);
        assert!(texts.iter().all(|text| text.len() == 1000) && texts[0] != texts[1], "{texts:?}");
    }

    #[test]
    fn every_identifier_is_tried_before_the_name() {
        let mut host = Host::new("00000000-0000-0000-0000-000000000000", "n");
        host.identifiers.other.insert("manager".into(), "m1".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "m1");
        host.identifiers.instance_id = Some("i-1".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "i-1");
        host.identifiers.uuid = Some("u".into());
        assert_eq!(assign(&[Candidates::of(&host)])[0].text, "u");
    }

    #[test]
    fn hosts_that_are_equal_in_everything_are_numbered() {
        let twin = host("m", "s", "k", "a");
        assert_eq!(texts(&[twin.clone(), twin]), ["m-1", "m-2"]);
    }
}
