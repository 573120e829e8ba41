//! What structures take on the heap.

use roaring::RoaringBitmap;

/// Bytes that an allocation takes: general allocators keep eight to sixteen
/// bytes of their own and round up to sixteen.
pub(super) fn block(bytes: usize) -> usize {
    if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) }
}

/// Bytes that a bitmap takes on the heap.
pub(super) fn bitmap(bitmap: &RoaringBitmap) -> usize {
    let statistics = bitmap.statistics();
    let containers = statistics.n_containers as usize;
    let held = statistics.n_bytes_array_containers + statistics.n_bytes_run_containers + statistics.n_bytes_bitset_containers;
    // A container is a key and a vector or a boxed bitset: 32 bytes in the
    // table, a block of its own, half a header lost to rounding.
    block(containers * 32) + held as usize + containers * 16
}

/// Bytes of a vector's buffer.
pub(super) fn buffer<T>(vector: &Vec<T>) -> usize {
    block(vector.capacity() * size_of::<T>())
}

/// Bytes of a B-tree of `count` entries: nodes hold eleven and are on
/// average two thirds full.
pub(super) fn tree<K, V>(count: usize) -> usize {
    let entry = size_of::<K>() + size_of::<V>();
    count * entry * 3 / 2 + count.div_ceil(7) * 24
}

/// Bytes of a hash table of so many slots.
pub(super) fn table<K, V>(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { block((capacity * 8 / 7).next_power_of_two() * (size_of::<(K, V)>() + 1)) }
}
