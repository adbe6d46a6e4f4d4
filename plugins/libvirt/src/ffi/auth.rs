//! Connecting, and answering when libvirt asks who we are.

use std::ffi::{CStr, CString, c_uint, c_void};

use super::raw::{
    CONNECT_RO, CRED_AUTHNAME, CRED_NOECHOPROMPT, CRED_PASSPHRASE, CRED_USERNAME, RawAuth,
    RawCredential,
};
use super::{Api, Connection, Failure};

/// What libvirt may be told when it asks who we are.
#[derive(Default)]
pub struct Credentials {
    /// The user name.
    pub username: Option<CString>,
    /// The password.
    pub password: Option<CString>,
}

impl Credentials {
    /// The names of the parameters that are not there.
    pub fn lacking(&self) -> Option<&'static str> {
        match (&self.username, &self.password) {
            (None, None) => Some("sasl_username and sasl_password"),
            (None, Some(_)) => Some("sasl_username"),
            (Some(_), None) => Some("sasl_password"),
            (Some(_), Some(_)) => None,
        }
    }
}

impl Api {
    /// Connects read-only. Blocks as long as libvirt likes to.
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
            // At most the four above.
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

/// libvirt calls this to learn who we are. 0 = answered, -1 = we cannot. It does nothing that
/// could panic: a panic would end the process here.
pub(super) unsafe extern "C" fn answer(
    asked: *mut RawCredential,
    count: c_uint,
    credentials: *mut c_void,
) -> std::ffi::c_int {
    // SAFETY: libvirt hands back the pointer that `connect` gave it, which lives meanwhile.
    let Some(credentials) = (unsafe { credentials.cast::<Credentials>().as_ref() }) else {
        return -1;
    };
    for index in 0..count as usize {
        // SAFETY: libvirt hands over an array of `count` questions, ours to write to.
        let asked = unsafe { &mut *asked.add(index) };
        let answer = match asked.kind {
            CRED_USERNAME | CRED_AUTHNAME => credentials.username.as_deref(),
            CRED_PASSPHRASE | CRED_NOECHOPROMPT => credentials.password.as_deref(),
            _ => None,
        };
        let Some(answer) = answer else { return -1 };
        // SAFETY: a C string; libvirt frees the copy, which therefore is from malloc.
        asked.result = unsafe { libc::strdup(answer.as_ptr()) };
        if asked.result.is_null() {
            return -1;
        }
        // libvirt's own lengths are 32-bit; a longer answer does not exist.
        asked.result_len = c_uint::try_from(answer.count_bytes()).unwrap_or(0);
    }
    0
}
