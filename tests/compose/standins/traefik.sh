#!/bin/sh
# As the official image's: options or a sub-command without the program's name are Traefik's.
set -e
case ${1:-} in
  -*) set -- traefik "$@" ;;
  healthcheck | version) set -- traefik "$@" ;;
esac
exec "$@"
