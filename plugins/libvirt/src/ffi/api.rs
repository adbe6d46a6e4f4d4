//! Loads the library at run time, resolves its functions by name, and reads its last error.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::ptr::null_mut;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::raw::{
    ConnectPtr, DomainPtr, ErrorHandler, RawAuth, RawDomainInfo, RawError, RawNodeInfo,
    RawStatsRecord,
};
use super::text;

/// The file name of libvirt's client library in all distributions.
pub const LIBRARY: &str = "libvirt.so.0";

/// The number of a libvirt error (`virErrorNumber`).
pub type ErrorCode = c_int;

/// Changes the environment only once, even if the library is loaded several times, as in tests.
static AUTOSTART_OFF: std::sync::Once = std::sync::Once::new();

/// Declares the table of functions, and `resolve`, which fills it.
macro_rules! functions {
    ($($field:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)+) => {
        /// The libvirt functions that this crate uses.
        pub struct Api {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+
        }

        impl Api {
            fn resolve(library: &Library) -> Result<Self, LoadError> {
                Ok(Self {$(
                    // SAFETY: this is the type of the function in libvirt's public header, and
                    // the library is never closed.
                    $field: *unsafe {
                        library.get::<unsafe extern "C" fn($($argument),*) $(-> $result)?>(
                            $symbol.as_bytes(),
                        )
                    }
                    .map_err(|_| LoadError::MissingFunction($symbol))?,
                )+})
            }
        }
    };
}

functions! {
    get_last_error = "virGetLastError": fn() -> *const RawError;
    set_error_func = "virSetErrorFunc": fn(*mut c_void, ErrorHandler);
    open_auth = "virConnectOpenAuth": fn(*const c_char, *mut RawAuth, c_uint) -> ConnectPtr;
    close = "virConnectClose": fn(ConnectPtr) -> c_int;
    is_alive = "virConnectIsAlive": fn(ConnectPtr) -> c_int;
    get_type = "virConnectGetType": fn(ConnectPtr) -> *const c_char;
    get_version = "virConnectGetVersion": fn(ConnectPtr, *mut c_ulong) -> c_int;
    get_lib_version = "virConnectGetLibVersion": fn(ConnectPtr, *mut c_ulong) -> c_int;
    get_hostname = "virConnectGetHostname": fn(ConnectPtr) -> *mut c_char;
    get_capabilities = "virConnectGetCapabilities": fn(ConnectPtr) -> *mut c_char;
    node_get_info = "virNodeGetInfo": fn(ConnectPtr, *mut RawNodeInfo) -> c_int;
    list_all_domains = "virConnectListAllDomains":
        fn(ConnectPtr, *mut *mut DomainPtr, c_uint) -> c_int;
    domain_free = "virDomainFree": fn(DomainPtr) -> c_int;
    domain_get_name = "virDomainGetName": fn(DomainPtr) -> *const c_char;
    domain_get_uuid = "virDomainGetUUID": fn(DomainPtr, *mut u8) -> c_int;
    domain_get_info = "virDomainGetInfo": fn(DomainPtr, *mut RawDomainInfo) -> c_int;
    domain_get_xml = "virDomainGetXMLDesc": fn(DomainPtr, c_uint) -> *mut c_char;
    domain_list_get_stats = "virDomainListGetStats":
        fn(*const DomainPtr, c_uint, *mut *mut *mut RawStatsRecord, c_uint) -> c_int;
    stats_list_free = "virDomainStatsRecordListFree": fn(*mut *mut RawStatsRecord);
}

/// Why the library cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// The library does not exist.
    NotInstalled,
    /// The dynamic loader rejects the library, with this text.
    Unloadable(String),
    /// The library does not have the function of this name.
    MissingFunction(&'static str),
}

/// libvirt's error of a failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `virErrorNumber`; 0 if libvirt reported no error.
    pub code: ErrorCode,
    /// `virErrorDomain`: the part of libvirt that failed.
    pub domain: c_int,
    /// The text of the error.
    pub message: String,
}

impl Api {
    /// Loads the library. It is never closed, because libvirt does not allow that.
    pub fn load(library: &str) -> Result<&'static Self, LoadError> {
        // For a session URI libvirt would start a daemon, but a query must not start anything.
        #[expect(clippy::disallowed_methods, reason = "libvirt has no other switch for it")]
        AUTOSTART_OFF.call_once(|| {
            // SAFETY: no other thread reads the environment at this time. The worker calls the
            // plugin from its main thread; its only other thread waits for a line from the runner
            // and sets a flag, without reading the environment. This plugin has not started a
            // thread yet, and has not run C code that reads the environment without std's lock:
            // libvirt is loaded below.
            unsafe { std::env::set_var("LIBVIRT_AUTOSTART", "0") };
        });

        // SAFETY: every program that links libvirt runs the same initialisers.
        let opened = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) };
        let opened = opened.map_err(|error| {
            let text = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            // If a dependency of the library is missing, the text starts with the dependency's name.
            let not_installed =
                text.starts_with(library) && text.contains("No such file or directory");
            if not_installed { LoadError::NotInstalled } else { LoadError::Unloadable(text) }
        })?;
        let api: &'static Self = Box::leak(Box::new(Self::resolve(&opened)?));
        std::mem::forget(opened);
        // SAFETY: the handler ignores its arguments. Without it libvirt would print to stderr.
        unsafe { (api.set_error_func)(null_mut(), ignore_error) };
        Ok(api)
    }

    /// libvirt's error of this thread's last call, which has failed.
    pub(super) fn failure(&self) -> Failure {
        // SAFETY: the function has no arguments; its result is null or this thread's error, which
        // does not change before the thread's next call to libvirt.
        let error = unsafe { (self.get_last_error)().as_ref() };
        match error {
            None => Failure { code: 0, domain: 0, message: "libvirt gave no reason".to_owned() },
            Some(error) => Failure {
                code: error.code,
                domain: error.domain,
                // SAFETY: the message is null or a C string that belongs to the error.
                message: unsafe { text(error.message) }.unwrap_or_default(),
            },
        }
    }

    /// The result of a C function that returns a negative number if it fails.
    pub(super) fn check(&self, result: c_int) -> Result<c_int, Failure> {
        if result < 0 { Err(self.failure()) } else { Ok(result) }
    }

    /// Copies a C string that libvirt allocated, and frees it. Null is a failure.
    ///
    /// # Safety
    /// The pointer must be null or a C string from malloc that nothing else uses.
    pub(super) unsafe fn take(&self, pointer: *mut c_char) -> Result<String, Failure> {
        if pointer.is_null() {
            return Err(self.failure());
        }
        // SAFETY: not null, so the caller guarantees a C string.
        let owned = unsafe { text(pointer) }.unwrap_or_default();
        // SAFETY: the string comes from malloc, nothing else uses it, and it is freed once.
        unsafe { libc::free(pointer.cast()) };
        Ok(owned)
    }

    /// The UUID of a domain, which must be alive.
    pub(super) fn uuid(&self, domain: DomainPtr) -> Result<[u8; 16], Failure> {
        let mut uuid = [0; 16];
        // SAFETY: the domain is alive, and libvirt writes exactly 16 bytes.
        self.check(unsafe { (self.domain_get_uuid)(domain, uuid.as_mut_ptr()) })?;
        Ok(uuid)
    }
}

/// libvirt calls this on every error instead of printing to stderr.
unsafe extern "C" fn ignore_error(_data: *mut c_void, _error: *mut RawError) {}
