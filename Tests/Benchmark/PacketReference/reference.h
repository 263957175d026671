#ifndef WARRENS_REFERENCE_H
#define WARRENS_REFERENCE_H

#include "bytes.h"
#include "lookup.h"
#include "packet_reference.h"

#include <stdatomic.h>
#include <sys/uio.h>

#include "datagram_shim.h"
#include "tun_shim.h"

/* What both directions share: PeerRecords.swift, PeerState.swift, ForwardingTable.swift, Counters.swift, InnerPacket.swift. */

struct peer_state {
    _Atomic uint64_t sent_packets, sent_bytes, received_packets, received_bytes;
    _Atomic int64_t last_received;
};
struct path_state { atomic_long route_mtu, learned_mtu, learned_until; };
struct address_list { int count; struct key addresses[1]; };

/* A cache line. */
struct peer {
    struct key endpoint;
    struct peer_state *state;
    struct path_state *path;
    struct address_list *further_sources;
    uint16_t port;
    uint8_t has_endpoint, is_endpoint_v4, checks_source, defers_checksums;
    uint64_t padding[2];
};

enum { peer_chunk = 128 };

struct table {
    struct prefix_table subnets, routes, own_subnets, own_routes;
    struct map node_addresses;
    /* In chunks, which tables share. */
    struct peer **peers;
    int peer_count;
    int longest_received;
};

enum counter {
    drop_malformed, drop_not_unicast, drop_own_destination, drop_no_peer, drop_no_endpoint, drop_loop, drop_too_big,
    drop_send_failed, drop_encrypted, drop_other_framing, drop_control, drop_unknown_format, drop_martian, drop_own_source,
    drop_unknown_source, drop_spoofed_source, drop_not_for_us, drop_congestion, drop_oversized, drop_delivery_failed,
    drops, sent_packets = drops, sent_bytes, received_packets, received_bytes, segmented_sends, merged_deliveries, counters
};

struct message {
    const struct peer *receiver;
    int socket, first_part, datagrams, parts_each, bytes, segment, is_closed;
};

enum { part_capacity = 1024, longest_run = 64, most_bytes = 65535 - 28 };

struct outgoing_batch {
    struct message messages[WARRENS_DATAGRAM_BATCH];
    struct warrens_outgoing outgoing[WARRENS_DATAGRAM_BATCH];
    struct iovec parts[part_capacity];
    int count, part_count, is_v6;
};

struct run {
    uint8_t *first;
    int first_length, family, is_udp, start, payload_start, segment_size, count, length, is_complete, pushes;
    uint8_t received_class;
};

enum { delivery_parts = 256 };

struct reference {
    _Atomic uintptr_t current, in_use[2];
    uint64_t counters[2][counters];
    struct outgoing_batch v4, v6;
    int socket_v4, socket_v6, device, has_udp_segmentation;
    uint8_t *headers;
    int headers_used;
    struct run run;
    int is_pending;
    const struct peer *run_peer;
    struct warrens_virtual_header description;
    struct iovec delivery[delivery_parts];
    int delivery_count;
    struct table table;
    /* What was added and is not yet in the tables. */
    struct entry *added[REFERENCE_TABLES];
    int added_count[REFERENCE_TABLES];
    int peer_count;
    uint64_t seed;
};

static inline const struct table *begin_reading(struct reference *reference, int reader) {
    uintptr_t candidate = atomic_load_explicit(&reference->current, memory_order_acquire);
    while (1) {
        atomic_store(&reference->in_use[reader], candidate);
        uintptr_t again = atomic_load(&reference->current);
        if (again == candidate) return (const struct table *)candidate;
        candidate = again;
    }
}

static inline void end_reading(struct reference *reference, int reader) {
    atomic_store_explicit(&reference->in_use[reader], 0, memory_order_release);
}

enum { protocol_tcp = 6, protocol_udp = 17 };

struct packet {
    uint8_t *bytes;
    int length, family;
    struct key source, destination;
};

static inline int parse_packet(struct packet *packet, uint8_t *bytes, int length) {
    if (length < 20) return 0;
    switch (bytes[0] >> 4) {
    case 4: {
        int header = (bytes[0] & 0xf) * 4, total = load16(bytes + 2);
        if (header < 20 || total < header || total != length) return 0;
        packet->family = 4;
        packet->source = (struct key){0, 0xffff00000000 | load32(bytes + 12)};
        packet->destination = (struct key){0, 0xffff00000000 | load32(bytes + 16)};
        break;
    }
    case 6:
        if (length < 40 || load16(bytes + 4) + 40 != length) return 0;
        packet->family = 6;
        packet->source = (struct key){load64(bytes + 8), load64(bytes + 16)};
        packet->destination = (struct key){load64(bytes + 24), load64(bytes + 32)};
        break;
    default: return 0;
    }
    packet->bytes = bytes;
    packet->length = length;
    return 1;
}

static inline uint8_t traffic_class(const struct packet *packet) {
    return packet->family == 4 ? packet->bytes[1] : (uint8_t)(load16(packet->bytes) >> 4);
}
static inline int header_length(const struct packet *packet) {
    return packet->family == 4 ? (packet->bytes[0] & 0xf) * 4 : 40;
}
static inline uint8_t next_header(const struct packet *packet) {
    return packet->family == 4 ? packet->bytes[9] : packet->bytes[6];
}

static inline const struct peer *peer_at(const struct table *table, int number) {
    return &table->peers[(unsigned)number / peer_chunk][(unsigned)number % peer_chunk];
}

int64_t monotonic_seconds(void);

#endif
