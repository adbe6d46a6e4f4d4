//! The power state of a virtual machine, from the codes of its statuses.

use gatherer_plugin_api::model::GuestState;
use serde_json::Value;

use super::values;

/// The words of `PowerState/WORD`, in lower case:
/// <https://learn.microsoft.com/azure/virtual-machines/states-billing>.
const POWER_STATES: [(&str, GuestState); 8] = [
    ("creating", GuestState::PoweringOn),
    ("starting", GuestState::PoweringOn),
    ("running", GuestState::Running),
    ("stopping", GuestState::PoweringOff),
    ("stopped", GuestState::Stopped),
    ("deallocating", GuestState::PoweringOff),
    ("deallocated", GuestState::Stopped),
    ("unknown", GuestState::Unknown),
];

/// What the statuses say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PowerState {
    /// The state.
    pub state: GuestState,
    /// The word of the source. Absent if no status has a power state.
    pub word: Option<String>,
    /// Whether the machine is generalized: it can only be made an image of, and never starts again.
    pub is_generalized: bool,
}

impl PowerState {
    /// A state that is not known.
    pub const UNKNOWN: Self =
        Self { state: GuestState::Unknown, word: None, is_generalized: false };

    /// The state in the statuses of an instance view. Case does not matter; other statuses (`ProvisioningState/...`) are
    /// ignored.
    pub fn of_instance_view(view: &Value) -> Self {
        let mut found = Self::UNKNOWN;
        let mut is_hibernated = false;
        for status in values::list(view, "/statuses") {
            let Some(code) = values::text(status, "/code") else { continue };
            let Some((kind, word)) = code.split_once('/') else { continue };
            match (kind.to_ascii_lowercase().as_str(), word.to_ascii_lowercase().as_str()) {
                ("powerstate", lower) if found.word.is_none() && !lower.is_empty() => {
                    let known = POWER_STATES.iter().find(|(known, _)| *known == lower);
                    found.state = known.map_or(GuestState::Unknown, |(_, state)| *state);
                    found.word = Some(word.to_owned());
                }
                ("osstate", "generalized") => found.is_generalized = true,
                ("hibernationstate", "hibernated") => is_hibernated = true,
                _ => {}
            }
        }
        if is_hibernated && found.state == GuestState::Stopped {
            found.state = GuestState::Suspended;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(codes: &[&str]) -> (GuestState, Option<String>, bool) {
        let statuses: Vec<_> = codes.iter().map(|code| json!({"code": code})).collect();
        let found = PowerState::of_instance_view(&json!({ "statuses": statuses }));
        (found.state, found.word, found.is_generalized)
    }

    #[test]
    fn each_power_state_has_its_state() {
        for (word, state) in [
            ("running", GuestState::Running),
            ("starting", GuestState::PoweringOn),
            ("creating", GuestState::PoweringOn),
            ("stopping", GuestState::PoweringOff),
            ("stopped", GuestState::Stopped),
            ("deallocating", GuestState::PoweringOff),
            ("deallocated", GuestState::Stopped),
            ("unknown", GuestState::Unknown),
            ("dancing", GuestState::Unknown),
        ] {
            for word in [word.to_owned(), word.to_uppercase()] {
                let code = format!("PowerState/{word}");
                let expected = (state, Some(word), false);
                assert_eq!(of(&["ProvisioningState/succeeded", &code]), expected, "{code}");
                assert_eq!(of(&[&code.replace("Power", "power")]), expected, "{code}");
            }
        }
    }

    #[test]
    fn other_statuses_are_no_power_state() {
        for codes in [
            &[][..],
            &["ProvisioningState/failed/X"],
            &["PowerState"],
            &["PowerState/"],
            &["running"],
        ] {
            assert_eq!(of(codes), (GuestState::Unknown, None, false), "{codes:?}");
        }
        let generalized = of(&["OSState/generalized", "PowerState/stopped"]);
        assert_eq!(generalized, (GuestState::Stopped, Some("stopped".to_owned()), true));
    }

    #[test]
    fn a_hibernated_machine_is_suspended() {
        let codes = ["PowerState/deallocated", "HibernationState/Hibernated"];
        assert_eq!(of(&codes).0, GuestState::Suspended);
        assert_eq!(of(&[codes[1], codes[0]]).0, GuestState::Suspended);
        assert_eq!(of(&["PowerState/running", codes[1]]).0, GuestState::Running);
    }

    #[test]
    fn the_first_power_state_counts_and_wrong_types_are_ignored() {
        assert_eq!(of(&["PowerState/running", "PowerState/stopped"]).0, GuestState::Running);
        for view in [
            json!(null),
            json!([]),
            json!({"statuses": {}}),
            json!({"statuses": [null, 7, {"code": []}]}),
        ] {
            assert_eq!(PowerState::of_instance_view(&view), PowerState::UNKNOWN, "{view}");
        }
    }
}
