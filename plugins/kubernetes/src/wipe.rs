//! Memory that is overwritten before it is given back, once a secret has been asked for.
//!
//! The values of secrets and config maps come with their keys: they pass through buffers of TLS,
//! of HTTP and of ours, which nobody but the allocator knows all of.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

static WIPING: AtomicBool = AtomicBool::new(false);

/// From now on, all memory of this library is overwritten when it is given back.
pub fn begin() {
    WIPING.store(true, Ordering::SeqCst);
}

/// The system's allocator, which overwrites what is given back after [`begin`].
pub struct Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

// SAFETY: all of it is the system's allocator; what is overwritten is the caller's block, which the
// caller may no longer read.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller vouches.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block has this layout; unlike other writes, this one is never left out.
        unsafe {
            if WIPING.load(Ordering::Relaxed) {
                libc::explicit_bzero(block.cast(), layout.size());
            }
            System.dealloc(block, layout);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !WIPING.load(Ordering::Relaxed) {
            // SAFETY: as the caller vouches.
            return unsafe { System.realloc(block, layout, size) };
        }
        // The system would leave a copy behind where it moves the block.
        // SAFETY: the size is not zero and fits, as the caller vouches; both blocks are as long as
        // what is copied, and they are two.
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
    fn what_grows_keeps_its_contents() {
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
