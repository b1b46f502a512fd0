#!/usr/bin/env bash
# Three members of etcd and three gateways on this machine, on loopback, to try
# out what several gateways do. Not for production: no TLS, no passwords in etcd,
# and all of it on one disk.
#
#   ./cluster.sh [DIRECTORY]      default: ./run, is made; everything is kept there
#
# It runs until Ctrl-C and ends then what it started, and nothing else.
# tollgate, etcd and etcdctl are taken from PATH; what is not there is built with
# Go into DIRECTORY/bin, tollgate from this repository.
set -euo pipefail

etcd_version=v3.7.3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${1:-run}"
cd "${1:-run}"
umask 077
mkdir -p bin files log pid
export PATH="$PWD/bin:$PATH"

say() { printf '%s\n' "$*"; }
die() { printf 'cluster.sh: %s\n' "$*" >&2; exit 1; }

# etcd cannot be had with `go install`, since its modules have replacements; but
# any module that requires them can build their programs.
build_etcd() {
  say "building etcd $etcd_version (some minutes, once)"
  mkdir -p build
  (cd build &&
    { [ -f go.mod ] || go mod init build; } &&
    go get "go.etcd.io/etcd/server/v3@$etcd_version" "go.etcd.io/etcd/etcdctl/v3@$etcd_version" &&
    go build -o ../bin/etcd go.etcd.io/etcd/server/v3 &&
    go build -o ../bin/etcdctl go.etcd.io/etcd/etcdctl/v3) >log/build-etcd.log 2>&1 ||
    die "etcd could not be built, see $PWD/log/build-etcd.log"
}

build_tollgate() {
  say "building tollgate"
  (cd "$here/../../.." && go build -o "$OLDPWD/bin/tollgate" ./cmd/tollgate) ||
    die "tollgate could not be built"
}

# start NAME COMMAND... starts a process whose output goes to log/NAME.
names=()
pids=()
start() {
  local name=$1
  shift
  "$@" >>"log/$name" 2>&1 &
  names+=("$name")
  pids+=($!)
  echo $! >"pid/$name"
}

# stop ends what was started, the gateways before etcd. A process that stands
# still (kill -STOP) has to go on before it can end.
stop() {
  trap - EXIT INT TERM
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -CONT "${pids[i]}" 2>/dev/null || continue # it has ended before
    kill -TERM "${pids[i]}" 2>/dev/null || continue
    wait "${pids[i]}" 2>/dev/null || true
  done
  rm -f pid/*
  say "all have ended"
}

# await NAME COMMAND... waits until a command succeeds, for 30 s, while the
# process of that name runs.
await() {
  local name=$1 i
  shift
  for ((i = 0; i < 150; i++)); do
    kill -0 "$(cat "pid/$name")" 2>/dev/null || break
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  tail -n 3 "log/$name" >&2
  die "$name does not come up, see $PWD/log/$name"
}

command -v etcd >/dev/null && command -v etcdctl >/dev/null || build_etcd
command -v tollgate >/dev/null || build_tollgate
for name in pid/*; do
  [ -f "$name" ] && kill -0 "$(cat "$name")" 2>/dev/null && die "$PWD is in use: ${name#pid/} runs"
done

# The same keys and the same users for all: the files are made once.
[ -f keys ] || head -c 32 /dev/urandom | base64 >keys
[ -f password ] || head -c 12 /dev/urandom | base64 >password
[ -f admin.hash ] || tollgate user hash-password <password >admin.hash

trap stop EXIT
trap 'exit 0' INT TERM

members="etcd-1=http://127.0.0.1:23811,etcd-2=http://127.0.0.1:23812,etcd-3=http://127.0.0.1:23813"
for n in 1 2 3; do
  start "etcd-$n" etcd --name "etcd-$n" --data-dir "etcd-$n" \
    --listen-client-urls "http://127.0.0.1:2379$n" --advertise-client-urls "http://127.0.0.1:2379$n" \
    --listen-peer-urls "http://127.0.0.1:2381$n" --initial-advertise-peer-urls "http://127.0.0.1:2381$n" \
    --initial-cluster "$members" --initial-cluster-state new --initial-cluster-token tollgate-example \
    --auto-compaction-mode periodic --auto-compaction-retention 1h --quota-backend-bytes 2147483648
done
for n in 1 2 3; do
  await "etcd-$n" env ETCDCTL_ENDPOINTS="http://127.0.0.1:2379$n" etcdctl endpoint health
done
say "etcd is up"

for n in 1 2 3; do
  start "gateway-$n" tollgate serve --config "$here/gateway-$n.yaml"
done
for n in 1 2 3; do
  await "gateway-$n" curl -fsS "http://127.0.0.1:820$n/readyz"
  say "gateway-$n is ready on http://127.0.0.1:810$n"
done

cat <<END

In another terminal:

  cd $PWD
  export PATH="$PWD/bin:\$PATH"
  export TOLLGATE_USER=admin TOLLGATE_PASSWORD="\$(cat password)"
  export ETCDCTL_ENDPOINTS=http://127.0.0.1:23791,http://127.0.0.1:23792,http://127.0.0.1:23793

Make a token on the first gateway, use it on the second, end it on the third and
wait until all have that, use it on the first:

  token=\$(tollgate token create --server http://127.0.0.1:8101 --name try --expires 1h | awk '/^token/ {print \$2}')
  curl -i -H "Authorization: Bearer \$token" http://127.0.0.1:8102/
  tollgate token revoke --server http://127.0.0.1:8103 --search try --yes --wait
  curl -i -H "Authorization: Bearer \$token" http://127.0.0.1:8101/

Stop a member of etcd, and let it go on: kill -STOP \$(cat pid/etcd-1), -CONT.
README.md has more. Logs: log/. Ctrl-C ends all of it.
END

# Whatever ends by itself, or is killed, is told of; the rest goes on.
while :; do
  sleep 1 & wait $! || true
  for i in "${!pids[@]}"; do
    [ -f "pid/${names[i]}" ] && ! kill -0 "${pids[i]}" 2>/dev/null || continue
    rm -f "pid/${names[i]}"
    say "${names[i]} has ended"
  done
done
