//! Tests of redaction.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{Redactor, SECRET_MAX_BYTES, SECRETS_MAX, SECRETS_MAX_BYTES, Secrets, TooManySecrets};

fn redactor(secrets: &[&str]) -> Redactor {
    Redactor::new(secrets.iter().collect())
}

fn redact(secret: &str, text: &str) -> String {
    redactor(&[secret]).redact(text)
}

#[test]
fn redacts_every_spelling_of_a_secret() {
    let secret = "CAN'A\"R\u{1b}Y/ä \u{1f600}x";
    let json = serde_json::to_string(secret).expect("text");
    for spelled in [
        secret.to_owned(),
        format!("{secret:?}"),
        format!("{:?}", format!("{secret:?}")),
        secret.escape_debug().to_string(),
        secret.escape_default().to_string(),
        secret.escape_unicode().to_string(),
        json.clone(),
        format!("{json:?}"),
        "CAN'A\\\"R\\u001bY\\/\\u00e4 \\ud83d\\ude00x".to_owned(),
        "CAN\\'A\\\"R\\x1bY/\\xc3\\xa4 \\xf0\\x9f\\x98\\x80x".to_owned(),
        "CAN'A%22R%1BY%2fä%20\u{1f600}x".to_owned(),
        "CAN%27A%22R%1bY%2F%C3%A4+%F0%9F%98%80x".to_owned(),
        "CAN&apos;A&quot;R&#27;Y/&#xe4; \u{1f600}x".to_owned(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
    ] {
        let shown = redact(secret, &format!("< {spelled} >"));
        assert!(
            ["< *** >", "< \"***\" >", "< \\\"***\\\" >", "< \"\\\"***\\\"\" >"].contains(&&*shown),
            "{spelled}: {shown}"
        );
    }
    assert_eq!(redact("Pa!ss/word", "http://u:Pa!ss%2Fword@h"), "http://u:***@h");
    assert_eq!(redact("Pa/ss%2Fword", "http://u:Pa%2Fss%2Fword@h"), "http://u:***@h");
    assert_eq!(redact("Pa!ss%2Fword", "http://u:Pa!ss%2Fword@h"), "http://u:***@h");
}

#[test]
fn redacts_credentials_in_base64() {
    let mut secrets: Secrets = ["hunter2"].iter().collect();
    secrets.add_user("me");
    let redactor = Redactor::new(secrets);
    let basic = STANDARD.encode("me:hunter2");
    assert_eq!(redactor.redact(&format!("Basic {basic}.")), "Basic ***.");
    // Whatever the user name: the rest of the text contains no part of the password.
    let long = "correct horse battery staple";
    for user in ["", "a", "ab", "abc"] {
        let shown = redact(long, &STANDARD.encode(format!("\0{user}\0{long}")));
        assert!(shown.len() < 12 && shown.ends_with("***"), "{user}: {shown}");
    }
    let of_url: Secrets = ["http://me:hunt%65r2@h/"].iter().collect();
    assert_eq!(Redactor::new(of_url).redact(&basic), "***");
}

#[test]
fn redacts_overlapping_secrets_completely() {
    let redactor = redactor(&["CANARY12", "RY12zzzz9", "hunter2"]);
    assert_eq!(redactor.redact("a CANARY12zzzz9 b"), "a *** b");
    assert_eq!(redactor.redact("hunter2hunter2 hunter"), "*** hunter");
}

#[test]
fn does_not_redact_texts_that_are_too_short() {
    assert_eq!(redact("a", "a banana"), "a banana");
    assert_eq!(redact("    ", "a    b"), "a    b");
}

#[test]
fn redacts_the_secrets_of_a_document_and_not_its_words() {
    let document = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: https://u:sesame77@h\n\
        users:\n- name: reading\n  user:\n    token: abcd123\n    client-key-data: QUJDREVGR0g=\n\
        page\nhosts\nlist\n-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nQUJDREVGRw==\n\
        -----END PRIVATE KEY-----\n";
    let redactor = redactor(&[document]);
    let plain = "reading page 1 of 2 hosts for list Config v1 users: -----BEGIN PRIVATE KEY-----";
    assert_eq!(redactor.redact(plain), plain);
    for part in ["abcd123", "QUJDREVGR0g=", "MIIEvQIBADANBgkqhkiG", "QUJDREVGRw==", "sesame77"] {
        assert_eq!(redactor.redact(&format!("is {part}!")), "is ***!", "{part}");
    }
    assert_eq!(redactor.redact(&format!("is {document}")), "is ***");
    let google = "{\n  \"type\": \"service_account\",\n  \"private_key\": \"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBg\\n\"\n}";
    assert_eq!(redact(google, "is MIIEvQIBADANBg of service_account"), "is *** of service_account");
}

#[test]
fn redacts_members_in_one_line_of_json_and_of_yaml() {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\nMIIEvQIBADANBg==\n-----END PRIVATE KEY-----\n",
        "Qb0xZ".repeat(12)
    );
    let data = STANDARD.encode(&pem);
    let user = format!(r#""password":"a\"b,c}}\\d","client-key-data":"{data}""#);
    let json = format!(
        r#"{{"current-context":"me@cluster","clusters":[{{"cluster":{{"server":"https://h:6443"}}}}],"users":[{{"name":"reading","user":{{"token":"abcd123",{user}}}}}],"tokens":["tok1","tok,2"],"last":"x"}}"#
    );
    let flow = format!(
        "users: [{{name: reading, user: {{token: abcd123, {user}}}}}]\ntokens: [tok1, 'tok,2']\n"
    );
    let block = format!(
        "users:\n- name: reading\n  user:\n    token: abcd123 # mine\n    {}\nmore: {{tokens: [tok1, 'tok,2']}}\n",
        user.replace(",\"client", "\n    \"client").replace("\":\"", "\" : \"")
    );
    for document in [json, flow, block] {
        let redactor = redactor(&[&document]);
        for secret in ["abcd123", "a\"b,c}\\d", &data, "MIIEvQIBADANBg==", "tok1", "tok,2"] {
            assert_eq!(redactor.redact(&format!("is {secret} .")), "is *** .", "{document}");
        }
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            assert_eq!(redactor.redact(line), "***");
        }
        let plain = "context me@cluster of reading, https://h:6443: current-context tokens";
        assert_eq!(redactor.redact(plain), plain, "{document}");
    }
}

#[test]
fn all_clones_redact_a_learned_secret() {
    let redactor = redactor(&["hunter2"]);
    let clone = redactor.clone();
    assert_eq!(clone.redact("hunter2 sesame77"), "*** sesame77");
    assert_eq!(redactor.learn("sesame77"), Ok(()));
    assert_eq!(clone.redact("hunter2 sesame77"), "*** ***");
    let empty = Redactor::default();
    assert_eq!(empty.redact("sesame77"), "sesame77");
    assert_eq!(empty.learn("sesame77"), Ok(()));
    assert_eq!(empty.redact("sesame77"), "***");
}

#[test]
fn limits_learned_secrets_without_counting_known_ones() {
    let redactor = redactor(&["hunter2"]);
    for _ in 0..SECRETS_MAX * 2 {
        for known in ["hunter2", "abc", "sesame77"] {
            assert_eq!(redactor.learn(known), Ok(()));
        }
    }
    for number in 1..SECRETS_MAX {
        assert_eq!(redactor.learn(&format!("secret {number}")), Ok(()));
    }
    assert_eq!(redactor.learn("one more"), Err(TooManySecrets));
    assert_eq!(redactor.redact("sesame77, secret 255"), "***, ***");
    redactor.reset_learned();
    assert_eq!(redactor.learn("one more"), Ok(()));
    assert_eq!(redactor.redact("sesame77, secret 255, one more"), "***, ***, ***");

    // With a redaction after each, as if the plugin logged in between.
    let mut secrets: Secrets = ["hunter2"].iter().collect();
    secrets.add_user("me");
    let redactor = Redactor::new(secrets);
    for number in 1..=SECRETS_MAX {
        let text = format!("secret {number};");
        assert_eq!(redactor.learn(&text), Ok(()));
        let basic = STANDARD.encode(format!("me:{text}"));
        assert_eq!(redactor.redact(&format!("hunter2, {text}, {basic}")), "***, ***, ***");
    }
    for number in 1..=SECRETS_MAX {
        assert_eq!(redactor.redact(&format!("secret {number};")), "***");
    }

    let redactor = Redactor::default();
    assert_eq!(redactor.learn(&"x".repeat(SECRET_MAX_BYTES + 1)), Err(TooManySecrets));
    for number in 0..SECRETS_MAX_BYTES / SECRET_MAX_BYTES {
        let text = number.to_string().repeat(SECRET_MAX_BYTES);
        assert_eq!(redactor.learn(&text), Ok(()));
    }
    assert_eq!(redactor.learn("one more"), Err(TooManySecrets));
}

#[test]
fn redacts_short_secrets_besides_long_ones() {
    let redactor = redactor(&["hunter2"]);
    assert_eq!(redactor.learn("sesame77"), Ok(()));
    for number in 0..8 {
        // All pieces differ.
        let words: Vec<_> = (1..SECRET_MAX_BYTES / 8).map(|word| word * 8 + number).collect();
        let text = words.iter().fold(String::new(), |text, word| text + &format!("{word:08x}"));
        assert_eq!(text.len(), SECRET_MAX_BYTES - 8);
        assert_eq!(redactor.learn(&text), Ok(()));
    }
    assert_eq!(redactor.learn("abracadabra"), Ok(()));
    assert_eq!(redactor.redact("hunter2, sesame77, abracadabra"), "***, ***, ***");
}

#[test]
fn redacts_user_information_and_query_of_a_url() {
    let url = "https://user:p%40ss@host/path?token=t0k%2Ben&b=list&a=true#f";
    let redactor = redactor_of_url(url);
    for secret in ["user:p%40ss", "p%40ss", "p@ss", "t0k%2Ben", "t0k+en"] {
        assert_eq!(redactor.redact(&format!("({secret})")), "(***)");
    }
    assert_eq!(redactor.redact("true list of host/path"), "true list of host/path");
    for malformed in [
        "http:/u:hunter2@h/",
        "HTTP:u:hunter2@host",
        "u:hunter2@host:80/x",
        "http:\\\\u:hunter2@h",
        "http://u:hunter2/?#x@host/",
        "http://u:a:hunter2@host/",
    ] {
        let shown = redactor_of_url(malformed).redact(&format!("{malformed} hunter2"));
        assert!(!shown.contains("hunt"), "{malformed}: {shown}");
    }
    assert_eq!(redactor_of_url("/etc/hosts").redact("/etc/hosts"), "/etc/hosts");
    assert_eq!(
        redactor_of_url("http://h:80/hosts").redact("http://h:80/hosts"),
        "http://h:80/hosts"
    );
}

fn redactor_of_url(url: &str) -> Redactor {
    let mut secrets = Secrets::default();
    secrets.add_url(url);
    Redactor::new(secrets)
}

/// Redacts a text that arrives in chunks, like a long line from a pipe.
fn redact_chunks(redactor: &Redactor, text: &[u8], chunk: usize) -> String {
    let (mut shown, mut line, mut redacted) = (String::new(), Vec::new(), 0);
    for piece in text.chunks(chunk) {
        line.extend_from_slice(piece);
        if line.len() > redactor.longest_match() + 500 {
            let prefix = redactor.redact_prefix(&line, redacted);
            shown += &prefix.text;
            line.drain(..prefix.consumed);
            redacted = prefix.redacted;
        }
    }
    shown + &redactor.redact_rest(&line, redacted)
}

#[test]
fn divides_a_long_text_neither_in_a_secret_nor_in_a_character() {
    let long = "0123456789ab".repeat(100);
    for secret in ["hunter2", "hünter\"2", "aaaa", &long] {
        let redactor = redactor(&[secret]);
        let text = format!("ä {secret} b {secret}{secret:?} ").repeat(50) + "é";
        let whole = redactor.redact(&text);
        for chunk in [1, 2, 7, 100, 3000] {
            assert_eq!(redact_chunks(&redactor, text.as_bytes(), chunk), whole, "{secret} {chunk}");
        }
    }
    assert_eq!(redact_chunks(&Redactor::default(), "aä€".repeat(9).as_bytes(), 5), "aä€".repeat(9));
}

#[test]
fn truncates_a_text_after_redacting_it() {
    let redactor = redactor(&["hunter2CANARY"]);
    let text = "hunter2CANARY.".repeat(100_000);
    for bytes in 0..40 {
        let beginning = redactor.redact_beginning(&text, bytes);
        assert_eq!(beginning, "***.".repeat(10)[..bytes]);
    }
    assert_eq!(redactor.redact_beginning("short ä", 7), "short ");
}

#[test]
fn redacts_every_line_of_a_long_secret() {
    let line = |number: usize| {
        format!("{:064x}", (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_1234_5678_9abc_def1))
    };
    let secret: String = (0..4_000).map(|number| line(number) + "\n").collect();
    let redactor = redactor(&[&secret]);
    for number in [0, 7, 3_999] {
        assert_eq!(redactor.redact(&line(number)), "***");
    }
    let text = "some \"text\" \\n of %20 a log".repeat(4_000);
    assert_eq!(redactor.redact(&text), text);
}

/// A character in one of the spellings of a family of encodings.
fn spelled(character: char, family: usize, choice: usize) -> String {
    let unicode = |character: char| {
        let mut units = [0; 2];
        let spelled =
            character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}"));
        spelled.collect::<Vec<_>>().concat()
    };
    let bytes =
        |write: fn(u8) -> String| character.to_string().bytes().map(write).collect::<String>();
    let is_plain = character.is_alphanumeric();
    match (family, choice) {
        (0, _) => character.to_string(),
        (1, 0) if is_plain => character.to_string(),
        (1, 0 | 1) => character.escape_debug().to_string(),
        (1, 2) => character.escape_unicode().to_string(),
        (1, 3) => bytes(|byte| format!("\\x{byte:02x}")),
        (1, _) => unicode(character),
        (2, 0 | 1) if character != '%' => character.to_string(),
        (2, 2) if character == ' ' => "+".to_owned(),
        (2, 3) => bytes(|byte| format!("%{byte:02x}")),
        (2, _) => bytes(|byte| format!("%{byte:02X}")),
        (_, 0 | 1) if character != '&' => character.to_string(),
        (_, 2) => format!("&#{};", u32::from(character)),
        (_, _) => format!("&#x{:x};", u32::from(character)),
    }
}

proptest! {
    #[test]
    fn redacts_any_spelling_of_any_secret(
        secret in "[!-~äß€\u{1f600}][ -~äß€\u{1f600}\t]{2,40}[!-~äß€\u{1f600}]",
        family in 0..4_usize,
        second in 0..3_usize,
        choices in proptest::collection::vec(0..5_usize, 44),
    ) {
        let once: String = secret
            .chars()
            .zip(choices)
            .map(|(character, choice)| spelled(character, family, choice))
            .collect();
        let twice: String = match second {
            0 => once,
            family => once.chars().map(|character| spelled(character, family, 1)).collect(),
        };
        let shown = redact(&secret, &format!("< {twice} >"));
        prop_assert_eq!(shown, "< *** >", "{}", twice);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn redacts_a_secret_that_a_pipe_divides_anywhere(
        secret in "[!-~ä]{4,300}",
        chunk in 1..900_usize,
        before in 0..3000_usize,
    ) {
        let redactor = redactor(&[&secret]);
        let text = format!("{}<\n{secret}\n>{}", " ".repeat(before), " ".repeat(4000));
        let shown = redact_chunks(&redactor, text.as_bytes(), chunk);
        prop_assert_eq!(shown.trim(), "<\n***\n>");
    }
}
