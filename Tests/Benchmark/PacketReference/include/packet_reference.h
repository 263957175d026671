#ifndef WARRENS_PACKET_REFERENCE_H
#define WARRENS_PACKET_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

/*
 * What Sources/PacketPath does with a packet, in C: a yardstick for the cost of Swift. `packet-bench` runs both on the
 * same bytes.
 *
 * It mirrors, for a datapath with all offloads and fixed source ports, what a carried packet meets in
 *
 *   outbound: OutboundLoop.carry, VirtualHeader, InnerPacket, Outbound.decide, Offload.completeChecksum, SuperPacket,
 *             OutgoingBatch (append, send), warrens_send of the product itself;
 *   inbound:  InboundLoop.carry, WireFormat, InnerPacket, Inbound.decide, ECN.decapsulate, SegmentRun, Offload.describe,
 *             Delivery;
 *   lookups:  AddressMap (the same hash, shards and probing), PrefixTable, OuterAddresses, PeerRecords, TableCell's
 *             announcement of the table in use;
 *   counting: the thread's counters and the peer's atomic ones.
 *
 * Every check of a packet that those make is made here. Two things are not there: the check of bounds that Swift adds to
 * each access of a byte, which is part of what is measured; and what follows for a packet that cannot be carried as it is
 * (ICMP errors, splitting, sending apart), which only counts here.
 */
struct reference;

/* The tables that lead to peers' numbers, and those of this node, whose values mean nothing. */
enum reference_table {
    REFERENCE_SUBNETS, REFERENCE_ROUTES, REFERENCE_NODE_ADDRESSES, REFERENCE_OWN_SUBNETS, REFERENCE_OWN_ROUTES,
    REFERENCE_TABLES
};

/* `seed` is that of the tables' hashes. Null without memory. */
struct reference *reference_create(uint64_t seed);
void reference_destroy(struct reference *reference);

/*
 * Adds an entry for an address, IPv4 in its IPv4-mapped form. `tag` is the prefix's length, IPv4's plus 96; in
 * REFERENCE_NODE_ADDRESSES the address's roles as in OuterAddresses.swift.
 */
void reference_add(
    struct reference *reference, enum reference_table table, uint64_t high, uint64_t low, int32_t tag, int32_t value);

/* Adds the peer of the next number, which is reached at and sends from one address. */
void reference_add_peer(
    struct reference *reference, uint64_t high, uint64_t low, uint16_t port, int route_mtu, int defers_checksums);

/* Makes the tables of what was added. */
void reference_finish(struct reference *reference);

/* As Rehearsal.send(_:each:). */
void reference_send(struct reference *reference, void *frames, size_t count, size_t each);

/* As Rehearsal.receive(_:each:datagramLength:from:trafficClass:). */
void reference_receive(
    struct reference *reference, void *messages, size_t count, size_t each, size_t datagram_length, uint64_t source_high,
    uint64_t source_low, uint8_t traffic_class);

/* Packets and bytes carried since the start, outbound and inbound, and those dropped. */
struct reference_totals {
    uint64_t sent_packets, sent_bytes, received_packets, received_bytes, dropped;
};
struct reference_totals reference_totals(const struct reference *reference);

/* What the stand-ins for sendmmsg(2) and writev(2) have been given: see stand_in.c. */
struct stand_in_totals {
    /* A number that depends on every byte of every message, in order. Only while stand_in_digest(1). */
    uint64_t digest;
    uint64_t calls;
};
void stand_in_digest(int digests);
struct stand_in_totals stand_in_take(void);

#endif
