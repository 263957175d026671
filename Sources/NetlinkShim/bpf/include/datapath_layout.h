// What the eBPF programs and warrensd read and write in common: the maps' keys and values. Included by both, so that
// there is one definition. A change of meaning or size takes a new WARRENS_LAYOUT_VERSION: pinned maps of another version
// are never taken over.
#pragma once

#include <linux/types.h>

#define WARRENS_LAYOUT_VERSION 6

// An address in network byte order; IPv4 in its IPv4-mapped place ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that one
// map serves both families.
struct warrens_address {
    __u32 word[4];
};

// A prefix as the longest-prefix-match maps want it. The length counts in the mapped form: an IPv4 prefix has 96 more.
struct warrens_prefix {
    __u32 length;
    struct warrens_address address;
};

enum warrens_config_flag {
    // Some node has a subnet of another length than `subnet_length_v4` or `subnet_length_v6`.
    WARRENS_HAS_ODD_SUBNETS = 1 << 0,
    // Some peer offers routes.
    WARRENS_HAS_ROUTES = 1 << 1,
    // Flows that both hooks have seen untranslated skip the host's stack.
    WARRENS_FAST_PATH = 1 << 2,
    // VXLAN-GPE stands between the UDP header and the inner packet.
    WARRENS_FRAMING_GPE = 1 << 3,
    // Source ports follow from the flow.
    WARRENS_HASHED_PORTS = 1 << 4,
    // This kernel can strip outer headers of the other family (BPF_F_ADJ_ROOM_DECAP_L3_*).
    WARRENS_CROSSES_FAMILIES = 1 << 5,
    // Programs in drivers take outer headers off.
    WARRENS_STRIPS_EARLY = 1 << 6,
};

// The one entry of the map `config`.
struct warrens_config {
    __u32 flags;
    // The mark of outer datagrams, by which routing leaves out the overlay's own table.
    __u32 mark;
    // Interface indices: the tunnel device; the entry of the GRO loop, or 0.
    __u32 tunnel_device;
    __u32 loop_device;
    // The MAC address of the loop's other end, to which packets in it are addressed.
    __u8 loop_mac[6];
    // The overlay's UDP port in network byte order.
    __u16 port;
    // The lengths of the prefixes in `subnets`, in the mapped form.
    __u8 subnet_length_v4;
    __u8 subnet_length_v6;
    // The longest IP packet that any device of this host receives in one piece, in bytes.
    __u32 longest_received;
    // Another one after each change of any map: what programs remember of an earlier one is void. Never 0.
    __u32 generation;
    __u32 reserved;
    // What was seen of flows up to this moment counts no more: the host's rules have changed. Nanoseconds of the monotonic
    // clock.
    __u64 evidence_since;
};

enum warrens_peer_flag {
    // Datagrams can be sent from here: all of the record is valid.
    WARRENS_PEER_REACHABLE = 1 << 0,
    // Datagrams go over IPv6.
    WARRENS_PEER_OVER_IPV6 = 1 << 1,
    // Received datagrams must come from `endpoint` or from an address in `sources`.
    WARRENS_PEER_CHECKS_SOURCE = 1 << 2,
    // `device` has Ethernet headers.
    WARRENS_PEER_ETHERNET = 1 << 3,
    // Inner checksums of what it sends may be partial: the daemon completes them.
    WARRENS_PEER_DEFERS_CHECKSUMS = 1 << 4,
    // `endpoint` and `port` are valid.
    WARRENS_PEER_HAS_ENDPOINT = 1 << 5,
};

// A peer by its number, in the map `peers`.
struct warrens_peer {
    // Where datagrams go, and the address that they come from.
    struct warrens_address endpoint;
    struct warrens_address source;
    __u32 device;
    // UDP port in network byte order.
    __u16 port;
    __u16 flags;
    // The longest outer datagram that the path carries, IP header included, in bytes.
    __u32 mtu;
};

// What was carried for a peer, by its number, in the map `traffic`.
struct warrens_traffic {
    // Inner packets and their bytes.
    __u64 sent_packets;
    __u64 sent_bytes;
    __u64 received_packets;
    __u64 received_bytes;
    // Nanoseconds of the monotonic clock; 0 for never.
    __u64 last_received;
};

// A further outer source of a peer, key of the set `sources`.
struct warrens_source {
    __u32 peer;
    struct warrens_address address;
};

// Where datagrams go, key of the set `endpoints`: inner packets to there would be a tunnel in the tunnel.
struct warrens_endpoint {
    struct warrens_address address;
    __u16 port;
    __u16 reserved;
};

// A sender and a receiver between whom a packet was accepted, in the map `accepted`.
struct warrens_accepted {
    struct warrens_address outer_source;
    struct warrens_address outer_destination;
    struct warrens_address inner_source;
    struct warrens_address inner_destination;
    // That of `warrens_config` at the time; 0 for nothing.
    __u32 generation;
    // The peer's number.
    __u32 peer;
};

// What a prefix in `own` is to this node.
enum warrens_own {
    // The node's subnets, out of which no peer may send.
    WARRENS_OWN_SUBNET = 1,
    // What it offers to its peers beyond them.
    WARRENS_OWN_ROUTE = 2,
};

enum warrens_local_flag {
    // No shaping and no foreign filter stands between the host and the pod.
    WARRENS_LOCAL_BYPASSABLE = 1 << 0,
    // An address of the host itself.
    WARRENS_LOCAL_HOST = 1 << 1,
};

// An inner address that is delivered on this node, in the map `locals`: a pod's, or the host's own.
struct warrens_local {
    // The host's end of the pod's veth pair.
    __u32 device;
    // The pod's MAC address, and that of the host's end.
    __u8 pod_mac[6];
    __u8 host_mac[6];
    __u32 flags;
};

// A flow of a local pod, key of the map `flows`. Ports in network byte order.
struct warrens_flow {
    struct warrens_address pod;
    struct warrens_address remote;
    __u16 pod_port;
    __u16 remote_port;
    __u32 protocol;
};

// Where packets of a flow were seen; behind the stack, those that came to it with the same addresses and ports. A flow skips
// the stack only when all four are set: the host has then let it pass both ways, and translates it in neither.
enum warrens_flow_seen {
    WARRENS_SEEN_FROM_POD = 1 << 0,
    WARRENS_SEEN_TO_TUNNEL = 1 << 1,
    WARRENS_SEEN_FROM_UPLINK = 1 << 2,
    WARRENS_SEEN_TO_POD = 1 << 3,
    WARRENS_SEEN_EVERYWHERE = 15,
};

// How long that counts, in nanoseconds: less than any time after which connection tracking by default forgets a connection
// that was not closed.
#define WARRENS_EVIDENCE_LIFETIME 5000000000ULL

// What is known of a flow, in the map `flows`.
struct warrens_evidence {
    // When it was seen for the first time, in nanoseconds of the monotonic clock.
    __u64 since;
    // enum warrens_flow_seen.
    __u32 seen;
    __u32 reserved;
};

// Indices of the map `counters`. Names and meaning are those of TrafficCounter and DropReason in warrensd.
enum warrens_counter {
    WARRENS_SENT_PACKETS,
    WARRENS_SENT_BYTES,
    WARRENS_RECEIVED_PACKETS,
    WARRENS_RECEIVED_BYTES,
    // Packets that skipped the stack, each way.
    WARRENS_BYPASSED_SENT,
    WARRENS_BYPASSED_RECEIVED,
    // Packets and datagrams that were left to the daemon.
    WARRENS_DECLINED_SENT,
    WARRENS_DECLINED_RECEIVED,
    WARRENS_DROP_SEND_FAILED,
    WARRENS_DROP_MARTIAN,
    WARRENS_DROP_OWN_SOURCE,
    WARRENS_DROP_UNKNOWN_SOURCE,
    WARRENS_DROP_SPOOFED_SOURCE,
    WARRENS_DROP_NOT_FOR_US,
    WARRENS_DROP_CONGESTION,
    WARRENS_DROP_DELIVERY_FAILED,
    WARRENS_DROP_BARE_INNER,
    WARRENS_COUNTERS,
};
