#!/bin/sh
# As the official image's: everything is an argument of weed; as root it makes /data its own account's first.
set -e
if [ "$(id -u)" = 0 ]; then
  find /data ! -user seaweed -exec chown seaweed: {} +
  exec setpriv --reuid=seaweed --regid=seaweed --init-groups "$0" "$@"
fi
case ${1:-} in
  master) shift; exec weed -logtostderr=true master -mdir=/data "$@" ;;
  volume | server) command=$1; shift; exec weed -logtostderr=true "$command" -dir=/data "$@" ;;
esac
exec weed "$@"
