//! Opening the library, and what libvirt asks of us.

use super::auth::answer;
use super::raw::{CRED_AUTHNAME, CRED_PASSPHRASE, RawCredential};
use super::{Api, Credentials, LIBRARY, LoadError};

#[test]
fn a_missing_library_is_told_from_a_broken_one() {
    assert_eq!(Api::load("libvirt-that-is-not.so.0").err(), Some(LoadError::Missing));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("libvirt.so.0");
    std::fs::write(&path, "not a library").expect("written");
    let error = Api::load(path.to_str().expect("text")).err();
    assert!(matches!(error, Some(LoadError::Refused(_))), "{error:?}");
}

#[test]
fn another_library_of_that_name_lacks_the_functions() {
    assert_eq!(Api::load("libm.so.6").err(), Some(LoadError::Lacks("virGetLastError")));
}

#[test]
fn failures_carry_the_words_of_libvirt() {
    let api = match Api::load(LIBRARY) {
        Ok(api) => api,
        Err(LoadError::Missing) => gatherer_tests::skip!("{LIBRARY} is not installed"),
        Err(error) => panic!("{error:?}"),
    };
    let failure = api.connect(c"test:///nonexistent.xml", &Credentials::default()).err();
    let failure = failure.expect("no such file");
    assert!(failure.code != 0 && failure.message.contains("nonexistent"), "{failure:?}");
}

#[test]
fn questions_are_answered_from_the_credentials_and_no_others() {
    let credentials = Credentials {
        username: Some(c"somebody".to_owned()),
        password: Some(c"secret".to_owned()),
    };
    let ask = |kind| {
        let mut asked = RawCredential {
            kind,
            prompt: std::ptr::null(),
            challenge: std::ptr::null(),
            default: std::ptr::null(),
            result: std::ptr::null_mut(),
            result_len: 0,
        };
        let data = std::ptr::from_ref(&credentials).cast_mut().cast();
        // SAFETY: one question, and the data that the callback expects.
        let code = unsafe { answer(&raw mut asked, 1, data) };
        // SAFETY: null or the C string that the callback made, freed once.
        let result = unsafe { super::text(asked.result) };
        // SAFETY: as above; free takes null too.
        unsafe { libc::free(asked.result.cast()) };
        (code, result, asked.result_len)
    };
    assert_eq!(ask(CRED_AUTHNAME), (0, Some("somebody".into()), 8));
    assert_eq!(ask(CRED_PASSPHRASE), (0, Some("secret".into()), 6));
    // A question such as "accept this host key?" is never answered.
    assert_eq!(ask(6), (-1, None, 0));
}
