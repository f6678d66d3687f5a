#!/usr/bin/env bash
# Makes .venv with raylambda in it, and the Debian packages that give functions their jail and their network.
# Safe to run again: it does nothing when everything is there and the lock file has not changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

python=""
for candidate in python3.11 python3.12 python3.13 python3; do
  if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is needed: install it (Debian: apt-get install python3 python3-venv) and run this again"

missing=""
command -v bwrap >/dev/null || missing="$missing bubblewrap"
command -v slirp4netns >/dev/null || missing="$missing slirp4netns"
command -v nft >/dev/null || missing="$missing nftables"
command -v ip >/dev/null || missing="$missing iproute2"
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing Debian packages:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # one word per package is meant
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
  else
    say "Functions get their jail and their network from these Debian packages; please install them: sudo apt-get install$missing"
    say "(without bubblewrap set RAYLAMBDA_ISOLATION=process, without the others RAYLAMBDA_NETWORK=none)"
  fi
fi

mark=.venv/.locked
state=$(cat requirements/raylambda.lock pyproject.toml scripts/setup.sh | sha256sum)
if [ "$(cat "$mark" 2>/dev/null)" = "$state" ]; then
  exit 0
fi

say "Making .venv (about a minute the first time)"
[ -x .venv/bin/python ] || "$python" -m venv .venv || fail "could not make .venv: install Python's venv module (Debian: apt-get install python3-venv)"
rm -f .venv/uv.lock
awk '/^uv==/ {on=1} on {print} on && !/\\$/ {exit}' requirements/raylambda.lock > .venv/uv.lock
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
export VIRTUAL_ENV="$PWD/.venv"
.venv/bin/uv pip sync --quiet --require-hashes requirements/raylambda.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation -e .
.venv/bin/python -m raylambda.node.runtimes.python_packages prepare
printf '%s' "$state" > "$mark"
say "raylambda is in .venv/bin"
