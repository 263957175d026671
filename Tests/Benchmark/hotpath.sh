#!/usr/bin/env bash
# Shows what the code between the system calls costs for a packet, beside the same in C, and what it does not do:
#
#   Tests/Benchmark/hotpath.sh [instructions] [allocations] [calls]
#
# instructions: for an inner packet, counted by callgrind, so that they hardly differ from run to run
# allocations:  calls to malloc and its like while packets pass
# calls:        in the disassembly of what is linked into warrensd, none of the functions that each packet runs through
#               counts references, allocates, locks, or asks for exclusive access
# The exit code is 0 where there are no allocations and no such calls.
set -euo pipefail
cd "$(dirname "$0")/../.."
for tool in valgrind objdump objcopy swift; do
    command -v "$tool" >/dev/null || { echo "$tool is missing: apt-get install valgrind binutils" >&2; exit 2; }
done
[ $# -gt 0 ] || set -- instructions allocations calls

export BENCHMARK=1
swift build -c release --product packet-bench >&2
bin=$(swift build -c release --show-bin-path)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Debian's valgrind stops at newer debugging information than it knows.
objcopy --strip-debug "$bin/packet-bench" "$work/packet-bench"
program=$work/packet-bench
samples=12 few=25 many=75
status=0

# Numbers of a program that carries the sample $2 in $3 (swift or c) $4 times, from the last matching line: $1 is how.
counted() {
    case $1 in
    instructions) valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --packet "$2" "$3" "$4" 2>&1 |
        sed -n 's/.*refs: *//p' ;;
    allocations) valgrind --leak-check=no "$program" --packet "$2" "$3" "$4" 2>&1 |
        sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' ;;
    esac | tr -d ,
}

instructions() {
    echo "instructions for an inner packet: Swift, C, ratio"
    for ((sample = 0; sample < samples; sample++)); do
        name=$("$program" --packet "$sample" c 1)
        for side in swift c; do
            echo "$(counted instructions "$sample" "$side" $few) $(counted instructions "$sample" "$side" $many)"
        done | awk -v packets="$(((many - few) * ${name%% *}))" -v name="${name#* }" '
            { cost[NR] = ($2 - $1) / packets }
            END { printf "%8.1f %8.1f %6.2f  %s\n", cost[1], cost[2], cost[1] / cost[2], name }'
    done
}

allocations() {
    echo "allocations while packets pass: Swift"
    for ((sample = 0; sample < samples; sample++)); do
        name=$("$program" --packet "$sample" c 1)
        before=$(counted allocations "$sample" swift $few)
        after=$(counted allocations "$sample" swift $many)
        [ "$before" = "$after" ] || status=1
        echo "$((after - before)) for $(((many - few) * ${name%% *})) packets: ${name#* }"
    done
}

calls() {
    # What a packet that is carried runs through. Not here: the wait for packets, and what follows for one that cannot
    # be carried as it is (ICMP errors, fragments, datagrams sent apart).
    local hot='PacketPath\.(OutboundLoop\.\((carry|send|append|complete|flush|count) in|OutboundLoop\.(carry|flush)\('
    hot+='|InboundLoop\.\((carry|carryBatch|deliver|deliverPending|count) in|InboundLoop\.carry\(|OutgoingBatch\.(send|append)'
    hot+='|OutgoingBatch\.\((appendFramed|begin|transmit|settle)|SuperPacket\.|SegmentRun\.|Delivery\.(append|write)|Offload\.'
    hot+='|Inbound\.|Outbound\.|InnerPacket\.|TransportHeader\.|PrefixTable\.find|AddressMap\.find|OuterAddresses\.(find|is)'
    hot+='|PeerReference\.|CounterWriter\.|VirtualHeader\.|SourcePorts\.(socket|\(hashed|flow)|PacketView\.longSum|TunPort\.)'
    local forbidden='swift_(retain|release|bridgeObject|alloc|slowAlloc|beginAccess|once|unknownObject|initStackObject)'
    forbidden+='|_Mutex|pthread_|malloc|calloc'
    objdump -dr --no-show-raw-insn "$bin"/PacketPath.build/*.o | grep -E '^[0-9a-f]+ <|R_X86_64_|R_AARCH64_' |
        swift demangle --compact >"$work/calls"
    awk -v hot="$hot" -v forbidden="$forbidden" '
        / (witness|deinit|init|accessor)|\.deinit|metadata|descriptor|outlined/ && /^[0-9a-f]+ </ { name = ""; next }
        /^[0-9a-f]+ </ {
            name = ""
            if ($0 ~ hot) { name = $0; sub(/^[0-9a-f]+ </, "", name); functions++; print "inspected: " substr(name, 1, 150) }
            next
        }
        name != "" && $0 ~ forbidden { found++; print "FOUND in it: " $0 }
        END { printf "%d functions inspected, %d forbidden calls\n", functions, found; exit found > 0 || functions == 0 }
        ' "$work/calls" || status=1
}

for question in "$@"; do
    case $question in
    instructions | allocations | calls) "$question" ;;
    *) echo "usage: Tests/Benchmark/hotpath.sh [instructions] [allocations] [calls]" >&2; exit 2 ;;
    esac
done
exit $status
