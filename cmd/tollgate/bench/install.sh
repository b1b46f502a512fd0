#!/usr/bin/env bash
# Installs nginx and haproxy, beside which the benchmark measures, where they
# are missing. Does nothing where they are there. For Debian and what has its
# packages, as root; neither is started.
set -euo pipefail

missing=()
for program in nginx haproxy; do
  PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$program" >/dev/null || missing+=("$program")
done
if ((${#missing[@]} == 0)); then
  exit 0
fi
if ((EUID != 0)); then
  echo "install.sh: ${missing[*]} must be installed, and only root can do that; run it as root, for example with sudo" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "install.sh: ${missing[*]} must be installed, and there is no apt-get here; install them by the means of this system" >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# The services must not start: they would take ports and time from the machine.
install_missing() {
  RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1
}

# The lists of packages may be absent, or so old that what they name is gone.
if ! install_missing; then
  if ! apt-get update -qq >"$log" 2>&1 || ! install_missing; then
    cat "$log" >&2
    echo "install.sh: ${missing[*]} could not be installed, apt-get says why above" >&2
    exit 1
  fi
fi
