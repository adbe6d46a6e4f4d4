//! Connects to a hypervisor, and answers libvirt's requests for credentials.

use std::ffi::{CStr, CString, c_uint, c_void};

use super::raw::{
    CONNECT_RO, CRED_AUTHNAME, CRED_NOECHOPROMPT, CRED_PASSPHRASE, CRED_USERNAME, RawAuth,
    RawCredential,
};
use super::{Api, Connection, Failure};

/// The credentials that libvirt may request.
#[derive(Default)]
pub struct Credentials {
    /// The user name.
    pub username: Option<CString>,
    /// The password.
    pub password: Option<CString>,
}

impl Credentials {
    /// The user name, if it is text.
    pub fn username_text(&self) -> Option<&str> {
        self.username.as_ref()?.to_str().ok()
    }

    /// The names of the module's parameters that are not set.
    pub fn missing_parameters(&self) -> Option<&'static str> {
        match (&self.username, &self.password) {
            (None, None) => Some("sasl_username and sasl_password"),
            (None, Some(_)) => Some("sasl_username"),
            (Some(_), None) => Some("sasl_password"),
            (Some(_), Some(_)) => None,
        }
    }
}

impl Api {
    /// Connects read-only. Blocks without a time limit.
    pub fn connect(
        &'static self,
        uri: &CStr,
        credentials: &Credentials,
    ) -> Result<Connection, Failure> {
        let mut types = Vec::new();
        if credentials.username.is_some() {
            types.extend([CRED_USERNAME, CRED_AUTHNAME]);
        }
        if credentials.password.is_some() {
            types.extend([CRED_PASSPHRASE, CRED_NOECHOPROMPT]);
        }
        let mut auth = RawAuth {
            types: types.as_mut_ptr(),
            // At most four, as added above.
            type_count: c_uint::try_from(types.len()).unwrap_or(0),
            callback: answer,
            data: std::ptr::from_ref(credentials).cast_mut().cast(),
        };
        // SAFETY: the text ends in NUL; `auth`, `types` and the credentials outlive the call,
        // after which libvirt no longer uses them.
        let pointer = unsafe { (self.open_auth)(uri.as_ptr(), &raw mut auth, CONNECT_RO) };
        if pointer.is_null() { Err(self.failure()) } else { Ok(Connection { api: self, pointer }) }
    }
}

/// libvirt calls this to request credentials. Returns 0 if all are answered, -1 if one cannot be.
/// It must not panic: a panic in a C callback aborts the process.
pub(super) unsafe extern "C" fn answer(
    requests: *mut RawCredential,
    count: c_uint,
    credentials: *mut c_void,
) -> std::ffi::c_int {
    // SAFETY: libvirt passes the pointer that `connect` gave it, which is valid during the call.
    let Some(credentials) = (unsafe { credentials.cast::<Credentials>().as_ref() }) else {
        return -1;
    };
    for index in 0..count as usize {
        // SAFETY: libvirt passes an array of `count` requests, which we may write to.
        let request = unsafe { &mut *requests.add(index) };
        let answer = match request.kind {
            CRED_USERNAME | CRED_AUTHNAME => credentials.username.as_deref(),
            CRED_PASSPHRASE | CRED_NOECHOPROMPT => credentials.password.as_deref(),
            _ => None,
        };
        let Some(answer) = answer else { return -1 };
        // SAFETY: `answer` is a C string. The copy comes from malloc, because libvirt frees it.
        request.result = unsafe { libc::strdup(answer.as_ptr()) };
        if request.result.is_null() {
            return -1;
        }
        // libvirt uses 32-bit lengths; a parameter is never longer than that.
        request.result_len = c_uint::try_from(answer.count_bytes()).unwrap_or(0);
    }
    0
}
