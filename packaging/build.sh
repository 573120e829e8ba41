#!/bin/sh
# Builds the agent's deb and rpm packages for x86-64 and 64-bit Arm.
#
# They are linked against glibc 2.17 (zig brings its symbols), so one package
# starts on every supported distribution, CentOS 7 and Debian 8 included.
#
#   packaging/build.sh [x86_64] [aarch64]        default: both
#
# Needs python3 with venv, and cargo. What else it needs it installs below the
# target folder, from PyPI (ziglang, cargo-zigbuild) and crates.io (cargo-deb,
# cargo-generate-rpm). Packages end up in $CARGO_TARGET_DIR/packages.
set -eu

GLIBC=2.17
cd "$(dirname "$0")/.."
TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
TOOLS=$TARGET_DIR/packaging-tools
OUT=$TARGET_DIR/packages
export CARGO_TARGET_DIR="$TARGET_DIR"
mkdir -p "$TOOLS" "$OUT"

if [ ! -x "$TOOLS/venv/bin/python-zig" ]; then
    python3 -m venv "$TOOLS/venv"
    "$TOOLS/venv/bin/pip" install --quiet 'ziglang==0.17.1' 'cargo-zigbuild==0.24.0'
fi
# cargo-zigbuild finds zig as `python-zig` in the virtual environment.
PATH=$TOOLS/bin:$TOOLS/venv/bin:$PATH
export PATH
for tool in cargo-deb@3.8.0 cargo-generate-rpm@0.21.1; do
    if [ ! -x "$TOOLS/bin/${tool%@*}" ]; then
        CARGO_TARGET_DIR=$TOOLS/build cargo install --quiet --locked --root "$TOOLS" --version "${tool#*@}" "${tool%@*}"
    fi
done

[ $# -gt 0 ] || set -- x86_64 aarch64
for machine; do
    triple=$machine-unknown-linux-gnu
    rustup target add "$triple" >/dev/null 2>&1 || true
    cargo zigbuild --locked --profile agent --package plimsoll-agent --bins --target "$triple.$GLIBC"

    for program in plimsoll-agent plimsoll-helper; do
        highest=$(objdump -T "$TARGET_DIR/$triple/agent/$program" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
        echo "$machine $program: needs $highest"
        if [ "$(printf '%s\n' "GLIBC_$GLIBC" "$highest" | sort -V | tail -n 1)" != "GLIBC_$GLIBC" ]; then
            echo "E-GLIBC $program needs $highest, the limit is GLIBC_$GLIBC" >&2
            exit 3
        fi
    done

    cargo deb --quiet --no-build --no-strip --profile agent --package plimsoll-agent --target "$triple" --output "$OUT/"
    # gzip, because rpm before 4.14 (RHEL 7) cannot read zstd.
    cargo generate-rpm --payload-compress gzip --profile agent --package crates/agent --target "$triple" --target-dir "$TARGET_DIR" --output "$OUT/"
done
ls -l "$OUT"
