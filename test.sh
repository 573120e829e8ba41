#!/usr/bin/env bash
# Passes the tests: installs what they need (as root), runs them, says what it skips.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n== %s\n' "$*"; }

# Real tools that the tests hold themselves against. Each is optional: a test
# whose tool is missing says that it skips.
tools="rpm systemd-container pacman-package-manager python3-apt dnf createrepo-c gpg gpgv postgresql chromium nodejs npm python3-venv iproute2 libfaketime e2fsprogs strace mmdebstrap softhsm2"
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

# The lints run in the compilation of the tests: by themselves they would have
# all third-party code compiled a second time. This is how `cargo clippy` calls
# its driver; it denies warnings.
if command -v clippy-driver >/dev/null && clippy-driver --version >/dev/null 2>&1; then
  say "tests and lints"
  export RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS="-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__"
else
  say "tests"
  echo "skipped: this toolchain has no clippy, so nothing is linted"
fi
cargo test --workspace --locked

say "generated API cases against a real server (longer: e2e/api-cases.py BINARY --seconds N)"
if command -v python3 >/dev/null; then
  python3 e2e/api-cases.py "${CARGO_TARGET_DIR:-target}/debug/plimsoll" --seconds 120
elif [ -n "${CI:-}" ]; then
  echo "no python3: the API's generated cases need it"; exit 1
else
  echo "skipped: no python3"
fi

say "passed"
