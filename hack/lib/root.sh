# Namespaces need root. Sourced by the scripts beside with their own path and arguments.

need_root() {
    [ "$(id -u)" -eq 0 ] && return 0
    echo "network namespaces need root: going on with sudo"
    exec sudo --preserve-env=PATH,CI,WARRENS_DIST "$@"
}
