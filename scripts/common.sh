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

apt_install() {
    local sudo=()
    command -v apt-get >/dev/null || die "needs $* of Debian, or what it holds, and there is no apt-get"
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "needs $* of Debian: run 'apt-get install $*' as root, then again"
        sudo=(sudo)
    fi
    echo "setup: installing from Debian: $*"
    quietly "${sudo[@]}" apt-get update || true # an old list often still serves
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --no-install-recommends "$@" || die "could not install $* from Debian"
}
