//! The local time zone, as the C library knows it from `TZ` or /etc/localtime.

/// The offset from UTC at a time in seconds since 1970, in seconds. The first call reads the time zone: it must be made
/// before the program starts a second thread.
pub fn utc_offset_seconds(at: libc::time_t) -> Option<i32> {
    // SAFETY: all zeros are a valid `tm`. Both pointers are valid during the call. The C library reads the environment,
    // which the program never changes.
    unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&raw const at, &raw mut local).is_null() {
            return None;
        }
        i32::try_from(local.tm_gmtoff).ok()
    }
}
