//! The library itself: opened at run time, its functions by name, and its last error.

use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::ptr::null_mut;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::raw::{
    ConnectPtr, DomainPtr, ErrorHandler, RawAuth, RawDomainInfo, RawError, RawNodeInfo,
    RawStatsRecord,
};
use super::text;

/// libvirt's client library, by the name that every distribution gives it.
pub const LIBRARY: &str = "libvirt.so.0";

/// The number of a libvirt error (`virErrorNumber`).
pub type ErrorCode = c_int;

/// The environment is changed once, however often the library is opened (tests do).
static AUTOSTART_OFF: std::sync::Once = std::sync::Once::new();

/// Declares the table of functions and how it is filled.
macro_rules! functions {
    ($($field:ident = $symbol:literal: fn($($argument:ty),*) $(-> $result:ty)?;)+) => {
        /// libvirt's functions, as far as they are used here.
        pub struct Api {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)+
        }

        impl Api {
            fn resolve(library: &Library) -> Result<Self, LoadError> {
                Ok(Self {$(
                    // SAFETY: the type is the one of libvirt's public header for this name,
                    // and the library is never closed.
                    $field: *unsafe {
                        library.get::<unsafe extern "C" fn($($argument),*) $(-> $result)?>(
                            $symbol.as_bytes(),
                        )
                    }
                    .map_err(|_| LoadError::Lacks($symbol))?,
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
    domain_list_get_stats = "virDomainListGetStats":
        fn(*const DomainPtr, c_uint, *mut *mut *mut RawStatsRecord, c_uint) -> c_int;
    stats_list_free = "virDomainStatsRecordListFree": fn(*mut *mut RawStatsRecord);
}

/// Why the library cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such library.
    Missing,
    /// The loader refuses it; its own text.
    Refused(String),
    /// It has no function of this name.
    Lacks(&'static str),
}

/// What libvirt said when a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `virErrorNumber`; 0 if libvirt left none.
    pub code: ErrorCode,
    /// `virErrorDomain`: the part of libvirt that failed.
    pub domain: c_int,
    /// libvirt's text.
    pub message: String,
}

impl Api {
    /// Opens the library, for good: it is never closed, as libvirt does not allow that.
    pub fn load(library: &str) -> Result<&'static Self, LoadError> {
        // A session URI would start a daemon of its own; asking must not do that.
        #[expect(clippy::disallowed_methods, reason = "libvirt has no other switch for it")]
        AUTOSTART_OFF.call_once(|| {
            // SAFETY: nothing reads the environment meanwhile. The worker calls a plugin from
            // its main thread; its one other thread waits for a line of the runner, then sets
            // a flag, and reads no environment at either. This plugin has started no thread
            // yet, and no C code that reads the environment behind std's lock: libvirt is
            // opened below.
            unsafe { std::env::set_var("LIBVIRT_AUTOSTART", "0") };
        });

        // SAFETY: libvirt's initialisers are what every program that links it runs too.
        let opened = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) };
        let opened = opened.map_err(|error| {
            let text = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            // A library that it needs in turn may be the missing one: that is another matter.
            let missing = text.starts_with(library) && text.contains("No such file or directory");
            if missing { LoadError::Missing } else { LoadError::Refused(text) }
        })?;
        let api: &'static Self = Box::leak(Box::new(Self::resolve(&opened)?));
        std::mem::forget(opened);
        // SAFETY: the handler ignores its arguments; libvirt would print to stderr otherwise.
        unsafe { (api.set_error_func)(null_mut(), ignore_error) };
        Ok(api)
    }

    /// What libvirt says of the call of this thread that has just failed.
    pub(super) fn failure(&self) -> Failure {
        // SAFETY: takes no arguments; the result is null or this thread's error, which stays
        // as it is until the thread's next call of libvirt.
        let error = unsafe { (self.get_last_error)().as_ref() };
        match error {
            None => Failure { code: 0, domain: 0, message: "no reason given".to_owned() },
            Some(error) => Failure {
                code: error.code,
                domain: error.domain,
                // SAFETY: the message is null or a C string that belongs to the error.
                message: unsafe { text(error.message) }.unwrap_or_default(),
            },
        }
    }

    pub(super) fn check(&self, result: c_int) -> Result<c_int, Failure> {
        if result < 0 { Err(self.failure()) } else { Ok(result) }
    }

    /// Takes over a C string that libvirt allocated.
    ///
    /// # Safety
    /// The pointer is null or a C string from malloc that nobody else uses.
    pub(super) unsafe fn take(&self, pointer: *mut c_char) -> Result<String, Failure> {
        if pointer.is_null() {
            return Err(self.failure());
        }
        // SAFETY: not null, so a C string, as the caller promises.
        let owned = unsafe { text(pointer) }.unwrap_or_default();
        // SAFETY: from malloc, used by nobody else, freed once.
        unsafe { libc::free(pointer.cast()) };
        Ok(owned)
    }

    /// The UUID of a domain, which has to live.
    pub(super) fn uuid(&self, domain: DomainPtr) -> Result<[u8; 16], Failure> {
        let mut uuid = [0; 16];
        // SAFETY: the domain lives, and libvirt writes exactly 16 bytes.
        self.check(unsafe { (self.domain_get_uuid)(domain, uuid.as_mut_ptr()) })?;
        Ok(uuid)
    }
}

/// libvirt calls this on every error instead of printing to stderr.
unsafe extern "C" fn ignore_error(_data: *mut c_void, _error: *mut RawError) {}
