#!/usr/bin/env bash
# Passes the tests: installs what they need (as root), runs them, says what it skips.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n== %s\n' "$*"; }

# Real tools that the tests hold themselves against. Each is optional: a test
# whose tool is missing says that it skips.
tools="rpm pacman-package-manager python3-apt dnf createrepo-c gpg gpgv postgresql chromium nodejs npm python3-venv iproute2 libfaketime e2fsprogs strace mmdebstrap"
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  missing=""
  for tool in $tools; do
    dpkg-query -W -f='${Status}' "$tool" 2>/dev/null | grep -q 'ok installed' || missing="$missing $tool"
  done
  if [ -n "$missing" ]; then
    say "installing:$missing"
    apt-get update -qq || echo "skipped: the package lists could not be refreshed"
    for tool in $missing; do
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$tool" >/dev/null 2>&1 ||
        echo "skipped: $tool could not be installed; tests that need it will say so"
    done
  fi
else
  echo "skipped: not root, so nothing is installed; tests whose tools are missing will say so"
fi

if [ ! -d "${PLIMSOLL_TEST_DATA:-../shared/data}" ]; then
  echo "no test data at ${PLIMSOLL_TEST_DATA:-../shared/data}: tests that need it say that they skip, and fail in CI"
fi

# What looks at the console's pages; a test that finds none says that it skips.
if command -v npm >/dev/null; then
  (cd e2e && npm ci --ignore-scripts --no-fund --no-audit --silent) || echo "skipped: npm could not install what e2e/ needs"
fi

say "tests"
cargo test --workspace --locked

say "generated API cases against a real server (longer: e2e/api-cases.py BINARY --seconds N)"
if command -v python3 >/dev/null; then
  python3 e2e/api-cases.py "${CARGO_TARGET_DIR:-target}/debug/plimsoll" --seconds 120
elif [ -n "${CI:-}" ]; then
  echo "no python3: the API's generated cases need it"; exit 1
else
  echo "skipped: no python3"
fi

say "lints"
if cargo clippy --version >/dev/null 2>&1; then
  cargo clippy --workspace --all-targets --locked -- -D warnings
else
  echo "skipped: this toolchain has no clippy"
fi

say "fuzz targets compile (run them with: fuzz/run.sh SECONDS)"
cargo check --locked --quiet -p plimsoll-fuzz --features libfuzzer

say "passed"
