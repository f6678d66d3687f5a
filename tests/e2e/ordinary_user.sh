#!/bin/sh
# ordinary_user.sh UID FOLDER... -- COMMAND...: become COMMAND as an ordinary user who can read every FOLDER.
# Run it in a mount namespace of its own (unshare --mount): a home that only root may enter, in which a FOLDER may lie, is
# covered by an empty one that holds nothing but the FOLDERs, under their own names.
set -eu
uid=$1; shift
folders=""
while [ "$1" != -- ]; do folders="$folders $1"; shift; done
shift

aside=$(mktemp -d)
number=0
for folder in $folders; do
  number=$((number + 1))
  mkdir "$aside/$number"
  mount --bind "$folder" "$aside/$number"
done

may() { setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all env test "$@"; }
cover() { # the topmost parent of $1 that the user may not enter
  case $1 in /) return ;; esac
  cover "$(dirname "$1")"
  if [ -d "$1" ] && ! may -x "$1"; then mount -t tmpfs -o mode=755 tmpfs "$1"; fi
}
number=0
for folder in $folders; do
  number=$((number + 1))
  cover "$(dirname "$folder")"
  mkdir -p "$folder"
  mount --bind "$aside/$number" "$folder"
done
# Most distributions let everybody make tunnels; where this one does not, the user gets a device that does.
if ! may -w /dev/net/tun; then
  mknod -m 666 "$aside/tun" c 10 200
  mount --bind "$aside/tun" /dev/net/tun
fi
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all -- env "$@"
