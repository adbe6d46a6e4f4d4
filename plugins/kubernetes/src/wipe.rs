//! A global allocator that overwrites memory when it is freed, once secrets have been requested.
//!
//! The API sends the values of secrets and config maps together with their keys. They pass through
//! buffers of the TLS library, the HTTP library and this crate, and only the allocator knows all of
//! these buffers.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

static WIPING: AtomicBool = AtomicBool::new(false);

/// From now on, all memory of this library is overwritten when it is freed.
pub fn begin() {
    WIPING.store(true, Ordering::SeqCst);
}

/// The system's allocator, except that it overwrites freed memory after a call of [`begin`].
pub struct WipingAllocator;

#[global_allocator]
static ALLOCATOR: WipingAllocator = WipingAllocator;

// SAFETY: every call is forwarded to the system's allocator. Only blocks that the caller frees are
// overwritten, and the caller must not read those any more.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has this layout. The compiler does not optimize `explicit_bzero` away.
        unsafe {
            if WIPING.load(Ordering::Relaxed) {
                libc::explicit_bzero(block.cast(), layout.size());
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !WIPING.load(Ordering::Relaxed) {
            // SAFETY: guaranteed by the caller.
            return unsafe { System.realloc(block, layout, size) };
        }
        // `System.realloc` would leave a copy behind if it moves the block.
        // SAFETY: the caller guarantees that the size is valid and not zero. Both blocks have at
        // least the copied length, and they do not overlap.
        unsafe {
            let moved = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn reallocation_keeps_the_contents() {
        super::begin();
        let mut bytes = Vec::new();
        for number in 0..100_000_u32 {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.truncate(4 * 70_000);
        bytes.shrink_to_fit();
        let numbers = bytes
            .chunks_exact(4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        assert!(numbers.eq(0..70_000));
    }
}
