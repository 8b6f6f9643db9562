#!/bin/sh
# As the official image's: options alone are the server's.
set -e
case ${1:-} in
  -*) set -- nats-server "$@" ;;
esac
exec "$@"
