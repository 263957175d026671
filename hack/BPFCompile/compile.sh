#!/bin/sh
# Compiles one eBPF object and writes it as Swift source: compile.sh CLANG SOURCE OBJECT SWIFT IMPORT FLAGS…
#
# The compiler is the Swift toolchain's; its errors and warnings reach the one who builds. DWARF goes, BTF stays: libbpf
# needs it for maps, and the kernel quotes lines of it where it refuses a program.
set -eu
clang=$1 source=$2 object=$3 swift=$4 import=$5
shift 5
name=$(basename "$source" .bpf.c)

# Debian keeps asm/types.h below the name of the machine that one builds on; -target bpfel does not look there.
"$clang" -target bpfel -mcpu=v3 -O2 -g -Wall -Wextra -Werror "$@" -idirafter "/usr/include/$(uname -m)-linux-gnu" \
    -c "$source" -o "$object"
"$(dirname "$clang")/llvm-objcopy" --strip-debug "$object"

# A string literal compiles in no time, an array of so many numbers does not.
{
    echo "$import"
    echo "extension CompiledObject {"
    echo "    /// Compiled from $name.bpf.c."
    echo "    static let $name = CompiledObject("
    echo "        name: \"$name\","
    echo "        base64: \"$(base64 -w 0 "$object")\")"
    echo "}"
} >"$swift.new"
mv "$swift.new" "$swift"
