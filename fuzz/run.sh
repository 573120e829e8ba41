#!/usr/bin/env bash
# Fuzzes with a stable toolchain: fuzz/run.sh SECONDS [TARGET...], every target for so long, one after the other.
#
# New inputs go to target/fuzz/TARGET, not to the kept corpus; what breaks a target is written to target/fuzz/found and
# named. Exits 1 where something was found. Needs a C++ compiler (libFuzzer); there is no address sanitizer on stable,
# and the only unsafe code of ours is the mapping of a file.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds a target}
shift
[ $# -gt 0 ] || set -- $(cd fuzz/fuzz_targets && ls | sed 's/\.rs$//')

# Build scripts must stay without counters, so the target is named even though it is the host.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
-C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
-C llvm-args=-sanitizer-coverage-trace-compares"
export CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=true CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true
bins=()
for target in "$@"; do bins+=(--bin "$target"); done
cargo build --release --locked --quiet -p plimsoll-fuzz --features libfuzzer --target "$host" "${bins[@]}"

built=${CARGO_TARGET_DIR:-target}
mkdir -p "$built/fuzz/found"
broken=()
for target in "$@"; do
  grown="$built/fuzz/$target"
  mkdir -p "$grown"
  printf '%-22s' "$target"
  # Address space is capped as well: a length that lies is an allocation, whether or not it is ever touched.
  if (ulimit -v 2097152 && nice -n 10 "$built/$host/release/$target" "$grown" "fuzz/corpus/$target" \
    -max_total_time="$seconds" -rss_limit_mb=512 -timeout=1 -max_len=65536 -print_final_stats=1 \
    -artifact_prefix="$built/fuzz/found/$target-") >"$grown.log" 2>&1; then
    sed -n 's/^stat::number_of_executed_units: *\(.*\)/\1 runs,/p; s/^stat::peak_rss_mb: *\(.*\)/ at most \1 MiB/p' "$grown.log" | tr -d '\n'
    echo
  else
    broken+=("$target")
    echo "BROKEN: $(grep -m1 -E 'panicked at|ERROR: libFuzzer|memory allocation' "$grown.log" || tail -1 "$grown.log"); see $grown.log"
  fi
done
[ ${#broken[@]} -eq 0 ]
