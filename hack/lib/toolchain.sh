# Finds the Swift toolchain, or installs it for this user, and says so. Sourced by the scripts beside.

swift_version=6.3.1

need_swift() {
    command -v swift >/dev/null && return 0
    local home="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/warrens/swift-$swift_version"
    if [ ! -x "$home/usr/bin/swift" ]; then
        local platform=debian12
        [ "$(uname -m)" = aarch64 ] && platform=debian12-aarch64
        local name="swift-$swift_version-RELEASE-$platform"
        local url="https://download.swift.org/swift-$swift_version-release/$platform/swift-$swift_version-RELEASE/$name.tar.gz"
        need_packages ca-certificates curl gnupg git binutils gcc g++ libc6-dev libcurl4 libedit2 libncurses6 \
            libpython3.11 libsqlite3-0 libxml2 libz3-4 zlib1g-dev tzdata
        echo "installing Swift $swift_version into $home (900 MB from swift.org)"
        local download
        download=$(mktemp -d)
        if ! curl -fsSL -o "$download/swift.tar.gz" "$url" ||
            ! curl -fsSL -o "$download/swift.tar.gz.sig" "$url.sig" ||
            ! curl -fsSL -o "$download/keys.asc" https://www.swift.org/keys/all-keys.asc; then
            rm -rf "$download"
            echo "cannot download $url: install Swift $swift_version (https://www.swift.org/install/linux) and put it on PATH" >&2
            return 1
        fi
        GNUPGHOME="$download" gpg --quiet --import "$download/keys.asc"
        if ! GNUPGHOME="$download" gpg --quiet --verify "$download/swift.tar.gz.sig" "$download/swift.tar.gz"; then
            rm -rf "$download"
            echo "the signature of $url is not by swift.org: nothing was installed" >&2
            return 1
        fi
        mkdir -p "$home"
        tar -xzf "$download/swift.tar.gz" -C "$home" --strip-components=1
        rm -rf "$download"
    fi
    PATH="$home/usr/bin:$PATH"
    export PATH
}
