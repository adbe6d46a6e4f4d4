//! Tests of loading the library, and of the answers to libvirt's requests for credentials.

use super::auth::answer;
use super::raw::{CRED_AUTHNAME, CRED_PASSPHRASE, RawCredential};
use super::{Api, Credentials, LIBRARY, LoadError};

#[test]
fn a_missing_library_differs_from_a_broken_one() {
    assert_eq!(Api::load("libvirt-missing.so.0").err(), Some(LoadError::NotInstalled));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("libvirt.so.0");
    std::fs::write(&path, "not a library").expect("written");
    let error = Api::load(path.to_str().expect("text")).err();
    assert!(matches!(error, Some(LoadError::Unloadable(_))), "{error:?}");
}

#[test]
fn a_library_without_the_functions_is_rejected() {
    assert_eq!(Api::load("libm.so.6").err(), Some(LoadError::MissingFunction("virGetLastError")));
}

#[test]
fn a_failure_has_the_code_and_text_of_libvirt() {
    let api = match Api::load(LIBRARY) {
        Ok(api) => api,
        Err(LoadError::NotInstalled) => gatherer_tests::skip!("{LIBRARY} is not installed"),
        Err(error) => panic!("{error:?}"),
    };
    let failure = api.connect(c"test:///nonexistent.xml", &Credentials::default()).err();
    let failure = failure.expect("the file does not exist");
    assert!(failure.code != 0 && failure.message.contains("nonexistent"), "{failure:?}");
}

#[test]
fn answers_only_requests_for_a_user_name_or_a_password() {
    let credentials = Credentials {
        username: Some(c"username".to_owned()),
        password: Some(c"secret".to_owned()),
    };
    let request = |kind| {
        let mut request = RawCredential {
            kind,
            prompt: std::ptr::null(),
            challenge: std::ptr::null(),
            default: std::ptr::null(),
            result: std::ptr::null_mut(),
            result_len: 0,
        };
        let data = std::ptr::from_ref(&credentials).cast_mut().cast();
        // SAFETY: one request, and the data that the callback expects.
        let code = unsafe { answer(&raw mut request, 1, data) };
        // SAFETY: the result is null or the C string that the callback has made.
        let result = unsafe { super::text(request.result) };
        // SAFETY: as above, and it is freed once; free accepts null.
        unsafe { libc::free(request.result.cast()) };
        (code, result, request.result_len)
    };
    assert_eq!(request(CRED_AUTHNAME), (0, Some("username".into()), 8));
    assert_eq!(request(CRED_PASSPHRASE), (0, Some("secret".into()), 6));
    // A request such as "accept this host key?" is never answered.
    assert_eq!(request(6), (-1, None, 0));
}
