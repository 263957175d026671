# Installs Debian packages that are missing, and says so. Sourced by the scripts beside.

# What every build needs; a script adds what it needs beside that.
build_packages=(libbpf-dev libc-ares-dev libelf-dev libmnl-dev libnl-3-dev libnl-route-3-dev pkg-config binutils zlib1g-dev)

# What the end-to-end suites need beside our executables.
suite_packages=(iproute2 nftables iptables conntrack kmod procps util-linux iputils-ping ethtool iperf3 tcpdump python3
    python3-grpcio python3-venv python3-yaml containernetworking-plugins containerd runc busybox-static openssl)

need_packages() {
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing Debian packages: ${missing[*]}"
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "${missing[@]}" >/dev/null
}
