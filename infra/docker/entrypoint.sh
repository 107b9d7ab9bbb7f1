#!/bin/sh
# The platform in one container: `make up`, the services' logs until the container is asked to stop, `make down`.
set -eu

# each in a process group of its own, so that a stop reaches all of it
in_front() {
    setsid "$@" &
    child=$!
    wait "$child"
}

stop() {
    trap '' TERM INT
    kill -s TERM -- "-$child" 2>/dev/null || true
    wait "$child" || true
    make down || true
    exit "$1"
}

child=0
trap 'stop 0' TERM INT
# a volume that was not made from this image has no link to the image's environments
ln -sfn /opt/venvs "$LAKOU_HOME/venvs"
in_front make up || stop 1
# ends with the supervisor, should it die: the container then ends too, and is started again
in_front tail --pid="$(cat "$LAKOU_HOME/run/supervisord.pid")" -n 0 -F "$LAKOU_HOME"/logs/*.log || true
stop 1
