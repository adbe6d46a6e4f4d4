//! Answers in which texts, names and credentials have forms that are legal but unusual.

use gatherer_plugin_api::ErrorKind;
use gatherer_plugin_support::testing::{Action, ReceivedRequest};
use gatherer_tests::fakes::vcenter::{Vcenter, text};

use super::misuse::gather_from;
use super::{all_guests, gather, guests};

/// A change of the text of an answer.
type Change = fn(String) -> String;

/// The answer with a change of its text.
fn changed(action: Action, change: impl Fn(String) -> String) -> Action {
    let Action::Answer { status, headers, body } = action else { panic!("not an answer") };
    let body = change(String::from_utf8(body).expect("UTF-8")).into_bytes();
    Action::Answer { status, headers, body }
}

/// Every answer with a change.
fn with_every_answer_changed(
    change: impl Fn(String) -> String + Send + Sync + 'static,
) -> impl Fn(&ReceivedRequest) -> Action + Send + Sync + 'static {
    let fake = Vcenter::default();
    move |request| changed(fake.answer(request), &change)
}

#[test]
fn other_forms_of_the_same_document_are_the_same_answer() {
    let bom = |body: String| format!("\u{feff}{body}");
    let cdata = |body: String| body.replace(">vm-41<", "><![CDATA[vm-]]>41<");
    let comments = |body: String| body.replace("<objects>", "<!-- a --><objects><!-- b -->");
    let spaces = |body: String| body.replace(">host-11<", ">\n host-11\t<");
    let prefix =
        |body: String| body.replace("soapenv:", "S-1:").replace("xmlns:soapenv", "xmlns:S-1");
    let crlf = |body: String| body.replace('\n', "\r\n");
    let changes: [(&str, Change); 6] = [
        ("a byte order mark", bom),
        ("CDATA", cdata),
        ("comments between elements", comments),
        ("spaces", spaces),
        ("another prefix", prefix),
        ("CR LF", crlf),
    ];
    for (case, change) in changes {
        let gathered = gather_from(with_every_answer_changed(change));
        let gathered = gathered.unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!(guests(&gathered), all_guests(), "{case}");
    }
}

/// The parser would return only the text before the comment.
#[test]
fn a_comment_or_instruction_in_a_text_fails_the_endpoint() {
    for inserted in ["<!-- x -->", "<?x y?>"] {
        for (text, parts) in [(">host-11<", ">host-1{}1<"), (">vm-41<", ">{}vm-41<")] {
            let parts = parts.replace("{}", inserted);
            let change = move |body: String| body.replace(text, &parts);
            let error = gather_from(with_every_answer_changed(change)).expect_err(inserted);
            assert_eq!(error.kind, ErrorKind::Protocol, "{inserted}: {error}");
        }
    }
}

#[test]
fn other_encodings_fail_the_endpoint() {
    let fake = Vcenter::default();
    let error = gather_from(move |request| {
        let Action::Answer { status, headers, body } = fake.answer(request) else {
            panic!("not an answer")
        };
        let text = String::from_utf8(body).expect("UTF-8");
        let body = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Action::Answer { status, headers, body }
    });
    assert_eq!(error.expect_err("UTF-16").kind, ErrorKind::Protocol);
}

#[test]
fn unusual_names_are_kept() {
    let long = "n".repeat(10_000);
    for name in ["a\tb", "a%2fb%0a", "%", "\u{202e}x", "日本", "<&>\"'", &long] {
        let mut fake = Vcenter::default();
        let machine = fake.objects.iter_mut().find(|object| object.id == "vm-41").expect("vm-41");
        machine.set("name", text(name));
        let gathered = gather(fake).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = name.replace("%2f", "/");
        let mut names = gathered.hosts.iter().flat_map(|host| &host.guests);
        assert!(names.any(|guest| guest.name == expected), "{name:.50}");
        assert_eq!(guests(&gathered).len(), all_guests().len());
    }
}

#[test]
fn blank_names_become_the_id_of_the_object() {
    for name in ["", " ", "\n"] {
        let mut fake = Vcenter::default();
        for id in ["vm-41", "host-11"] {
            let object = fake.objects.iter_mut().find(|object| object.id == id).expect("it exists");
            object.set("name", text(name));
        }
        let gathered = gather(fake).expect("a complete answer");
        let host = gathered.hosts.iter().find(|host| host.name == "host-11").expect("the host");
        assert!(
            gathered.hosts.iter().flat_map(|host| &host.guests).any(|guest| guest.name == "vm-41")
        );
        assert_eq!(host.short_name, None);
    }
}

#[test]
fn unusual_uuids_are_kept() {
    for (uuid, id) in [
        ("00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000000"),
        ("421C0000-1122-3344-5566-00000000ABCD", "00001c42-2211-4433-5566-00000000abcd"),
        ("no UUID", "no UUID"),
    ] {
        let mut fake = Vcenter::default();
        for id in ["vm-41", "vm-44"] {
            let machine =
                fake.objects.iter_mut().find(|object| object.id == id).expect("it exists");
            machine.set("summary.config.uuid", text(uuid));
        }
        let gathered = gather(fake).expect("a complete answer");
        let guests = gathered.hosts.iter().flat_map(|host| &host.guests);
        assert_eq!(guests.filter(|guest| guest.id.as_deref() == Some(id)).count(), 2, "{uuid}");
    }
}

/// Each call may be answered by another service: a load balancer, a log-in page, a proxy.
#[test]
fn any_call_that_is_answered_by_another_service_fails_the_endpoint_and_is_not_quoted() {
    let page = || Action::answer(200, "<html><body>hunter2 log in</body></html>");
    let cases = [
        (page(), ErrorKind::Protocol),
        (Action::answer(302, "").header("location", "/ui/login"), ErrorKind::Configuration),
        (Action::answer(401, "hunter2"), ErrorKind::Authentication),
        (Action::answer(403, "hunter2"), ErrorKind::Permission),
        (Action::answer(500, "hunter2"), ErrorKind::Unavailable),
        (Action::answer(204, ""), ErrorKind::Protocol),
    ];
    for (action, kind) in cases {
        for method in [
            "RetrieveServiceContent",
            "Login",
            "HasPrivilegeOnEntity",
            "RetrieveEntityPermissions",
            "CreateContainerView",
            "RetrievePropertiesEx",
            "ContinueRetrievePropertiesEx",
        ] {
            let (fake, own) = (Vcenter { page_size: 10, ..Vcenter::default() }, action.clone());
            let error = gather_from(move |request| {
                let body = String::from_utf8_lossy(&request.body);
                if body.contains(&format!("<{method} ")) {
                    own.clone()
                } else {
                    fake.answer(request)
                }
            });
            let error = error.expect_err(method);
            assert!(!error.to_string().contains("hunter2"), "{method}: {error}");
            assert_eq!(error.kind, kind, "{method} {action:?}: {error}");
            let needs_no_hint = kind == ErrorKind::Unavailable;
            assert!(error.hint.is_some() || needs_no_hint, "{method} {action:?}: {error}");
        }
    }
}
