# Where a node keeps CNI plugins and conflists, found by looking. Sourced by hack/install and hack/uninstall.
#
# `root` is what stands before every path: empty on the node itself.

conflist=10-warrens.conflist
units=(warrensd.service warrens-nodes.service)

# The configurations of container runtimes, the most particular first.
runtime_configurations() {
    local file
    for file in "$root"/var/lib/rancher/k3s/agent/etc/containerd/config.toml \
        "$root"/etc/containerd/conf.d/*.toml "$root"/etc/containerd/config.toml; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done
}

# configured KEY: the first path that a runtime's configuration gives KEY, a pattern. Empty strings do not count.
configured() {
    local file found
    while read -r file; do
        found=$(sed -nE "s/^[[:space:]]*($1)[[:space:]]*=[[:space:]]*\[?[[:space:]]*[\"']([^\"']+)[\"'].*/\2/p" "$file")
        [ -z "$found" ] || { printf '%s\n' "${found%%$'\n'*}"; return; }
    done < <(runtime_configurations)
}

first_directory() {
    local path
    for path in "$@"; do
        [ ! -d "$root$path" ] || { printf '%s\n' "$path"; return; }
    done
}

# Sets bin_directory and conflist_directory, unless they are set, and says where they come from.
find_directories() {
    local k3s=/var/lib/rancher/k3s
    [ -n "$bin_directory" ] || bin_directory=$(configured 'bin_dirs?')
    [ -n "$conflist_directory" ] || conflist_directory=$(configured conf_dir)
    if [ -d "$root$k3s" ]; then
        [ -n "$bin_directory" ] || bin_directory=$(first_directory $k3s/data/cni $k3s/data/current/bin)
        [ -n "$conflist_directory" ] || conflist_directory=$k3s/agent/etc/cni/net.d
    fi
    : "${bin_directory:=/opt/cni/bin}" "${conflist_directory:=/etc/cni/net.d}"
    echo "plugins go to $root$bin_directory, the conflist to $root$conflist_directory"
}

# True where systemd runs this node, rather than a tree under another root.
has_systemd() {
    [ -z "$root" ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null
}

# change COMMAND...: runs a command that changes something, or prints it where nothing may change.
change() {
    if [ -n "$dry_run" ]; then
        echo "would run: $*"
    else
        "$@"
    fi
}

# put FILE: replaces a file by standard input, by way of another beside it.
put() {
    if [ -n "$dry_run" ]; then
        echo "would write $1:"
        sed 's/^/    /'
    else
        mkdir -p "$(dirname "$1")"
        cat >"$1.new"
        sync "$1.new"
        mv -f "$1.new" "$1"
        echo "wrote $1"
    fi
}

die() {
    echo "$program: $1" >&2
    exit 1
}

# value OPTION REST...: the argument of an option.
value() {
    [ $# -ge 2 ] || die "$1 needs a value; see $program --help"
    printf '%s\n' "$2"
}

# The comment at the top of the script is its manual.
manual() {
    sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p;}' "$1"
    exit 0
}
