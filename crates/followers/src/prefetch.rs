//! Asking for memory before it is read.
//!
//! A batch touches tens of thousands of lines that are in no cache. Reading them one by one is most of its time, and
//! processors that could read ahead by themselves mostly do not: looking up a thousand ids took eight times as long
//! before they were told.

/// Bytes that come together.
const LINE: usize = 64;

/// Asks for the first line of a value.
#[inline]
pub fn soon<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    #[expect(
        unsafe_code,
        reason = "a hint to the processor has no safe form, and a batch mostly waits for memory"
    )]
    // SAFETY: a prefetch reads and writes nothing the program can see and does not fault, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

/// Asks for every line of a value.
#[inline]
pub(crate) fn whole_soon<T>(value: *const T) {
    for line in 0..=size_of::<T>() / LINE {
        soon(value.cast::<u8>().wrapping_add(line * LINE));
    }
}

/// Asks for every line of a slice.
#[inline]
pub fn all_soon<T>(slice: &[T]) {
    let step = (LINE / size_of::<T>().max(1)).max(1);
    for part in slice.chunks(step) {
        soon(part.as_ptr());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asking_changes_nothing_and_any_address_may_be_asked_for() {
        let words = [7u16; 1000];
        all_soon(&words);
        all_soon::<u64>(&[]);
        soon(std::ptr::null::<u64>());
        soon(usize::MAX as *const u64);
        assert_eq!(words, [7; 1000]);
    }
}
