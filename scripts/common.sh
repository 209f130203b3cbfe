# What the scripts share; they source it.
# shellcheck shell=bash

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# Runs a command, showing what it prints only when it fails.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

apt_install() {
    command -v apt-get >/dev/null || die "needs $* of Debian, or what it holds, and there is no apt-get"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "needs $* of Debian: run 'apt-get install $*' as root, then again"
    fi
    echo "setup: installing from Debian: $*"
    quietly as_root apt-get update || true # an old list often still serves
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@" || die "could not install $* from Debian"
}
