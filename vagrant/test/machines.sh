#!/bin/sh
# Boots a machine of each architecture with Vagrant, enters it by SSH, runs a probe's kernel tests
# inside, and destroys it; prints TAP. Nothing is left running, however it ends.
set -u
cd "$(dirname "$0")/.." || exit 2
mkdir -p out/tap
# `npm test` counts what lies there.
if [ -z "${SONDE_MACHINES_TAP:-}" ]; then
  export SONDE_MACHINES_TAP=out/tap/machines.tap
  sh test/machines.sh > "$SONDE_MACHINES_TAP"
  code=$?
  cat "$SONDE_MACHINES_TAP"
  exit $code
fi
export VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_DEFAULT_PROVIDER=sonde_qemu
cells=${SONDE_VAGRANT_CELLS:-6.12-amd64 6.12-arm64}
probe=probe-pagefault
count=0 failed=0

destroy() { for cell in $cells; do vagrant destroy -f "$cell" > /dev/null 2>&1; done; }
trap destroy EXIT
trap 'exit 130' INT TERM HUP

# check NAME COMMAND...: one line of TAP; the command's output is shown when it fails.
check() {
  name=$1
  shift
  count=$((count + 1))
  if said=$("$@" 2>&1); then echo "ok $count - $name"; else
    failed=$((failed + 1))
    echo "not ok $count - $name"
    printf '%s\n' "$said" | tail -n 40 | sed 's/^/# /'
  fi
}

exits_with_7() { vagrant ssh "$1" -c 'exit 7'; [ $? = 7 ]; }
is_the_kernel() { vagrant ssh "$1" -c 'uname -r' | grep -q "^${1%%-*}\."; }
# Every answer from outside would be a hole: the network leads in only.
has_no_way_out() { ! vagrant ssh "$1" -c 'busybox timeout 3 busybox nc -w 2 10.0.2.2 22'; }
tests_pass() { PROBES=$probe vagrant provision "$1" | tee "out/$1.log" | grep -q 'exited with 0'; }
is_gone() { vagrant status "$1" | grep -q 'not created'; }

if ! command -v vagrant > /dev/null; then
  echo 'not ok 1 - vagrant is not installed; as root: apt-get install vagrant openssh-client'
  echo '1..1'
  exit 1
fi
destroy
for cell in $cells; do
  check "$cell: built" node ../vm-tests/dist/main.js machine --cells "$cell" --probes "$probe"
  check "$cell: up" vagrant up "$cell"
  check "$cell: it is the cell's kernel" is_the_kernel "$cell"
  check "$cell: a command's exit code comes back" exits_with_7 "$cell"
  check "$cell: nothing leads out" has_no_way_out "$cell"
  check "$cell: $probe's kernel tests pass inside" tests_pass "$cell"
  check "$cell: destroyed" vagrant destroy -f "$cell"
  check "$cell: nothing is left" is_gone "$cell"
done
echo "1..$count"
[ "$failed" = 0 ]
