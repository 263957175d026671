#include "reference.h"

/* InboundLoop.swift, Inbound.swift, ECN.swift, SegmentRun.swift, Offload.swift, Delivery.swift. */

enum { longest_super_packet = 65535 - 14, minimum_mtu = 1280, not_a_verdict = -1 };
enum { flag_acknowledge = 0x10, flag_push = 0x08, flag_congestion_echo = 0x40 };
enum { needs_checksum = 1, kind_tcp4 = 1, kind_tcp6 = 4, kind_udp = 5 };

static void add_count(struct reference *reference, enum counter counter, uint64_t amount) {
    reference->counters[1][counter] += amount;
}

/* MARK: Transport headers */

struct transport { int is_udp, start, payload_start; };

static inline int parse_transport(struct transport *transport, const struct packet *packet) {
    const uint8_t *bytes = packet->bytes;
    int start = header_length(packet);
    transport->start = start;
    if (packet->family == 4 && load16(bytes + 6) & 0x3fff) return 0;
    switch (next_header(packet)) {
    case protocol_tcp:
        if (packet->length < start + 20) return 0;
        transport->is_udp = 0;
        transport->payload_start = start + (bytes[start + 12] >> 4) * 4;
        return transport->payload_start >= start + 20 && transport->payload_start <= packet->length;
    case protocol_udp:
        if (packet->length < start + 8 || load16(bytes + start + 4) != packet->length - start) return 0;
        transport->is_udp = 1;
        transport->payload_start = start + 8;
        return 1;
    default: return 0;
    }
}

static inline uint16_t pseudo_header(const uint8_t *bytes, int family, int is_udp, int transport_length) {
    uint64_t total = family == 4 ? sum(bytes + 12, 8) : sum(bytes + 8, 32);
    total += is_udp ? protocol_udp : protocol_tcp;
    total += (uint32_t)transport_length >> 16;
    total += (uint32_t)transport_length & 0xffff;
    return fold(total);
}

static inline struct warrens_virtual_header mark(
    uint8_t *packet, int family, int is_udp, int start, int payload_start, int length, int segment_size) {
    int field = is_udp ? 6 : 16;
    if (is_udp) store16(packet + start + 4, (uint16_t)(length - start));
    store16(packet + start + field, pseudo_header(packet, family, is_udp, length - start));
    return (struct warrens_virtual_header){
        .flags = needs_checksum, .segmentation = is_udp ? kind_udp : family == 4 ? kind_tcp4 : kind_tcp6,
        .header_length = (uint16_t)payload_start, .segment_size = (uint16_t)segment_size,
        .checksum_start = (uint16_t)start, .checksum_offset = (uint16_t)field,
    };
}

/* MARK: Runs */

static inline int begin_run(struct run *run, const struct packet *packet, uint8_t received_class) {
    struct transport transport;
    if (!parse_transport(&transport, packet) || header_length(packet) != (packet->family == 4 ? 20 : 40)) return 0;
    int segment_size = packet->length - transport.payload_start;
    if (segment_size <= 0) return 0;
    if (transport.is_udp) {
        if (load16(packet->bytes + transport.start + 6) == 0) return 0;
        run->is_complete = 0;
    } else {
        uint8_t flags = packet->bytes[transport.start + 13];
        if (flags & (uint8_t)~(flag_acknowledge | flag_push | flag_congestion_echo)) return 0;
        run->is_complete = flags & flag_push;
    }
    run->first = packet->bytes;
    run->first_length = run->length = packet->length;
    run->family = packet->family;
    run->is_udp = transport.is_udp;
    run->start = transport.start;
    run->payload_start = transport.payload_start;
    run->segment_size = segment_size;
    run->count = 1;
    run->pushes = 0;
    run->received_class = received_class;
    return 1;
}

static inline int has_same_network_header(const struct run *run, const uint8_t *bytes, int length) {
    const uint8_t *first = run->first;
    if (run->family == 4) {
        uint16_t flags = load16(first + 6);
        if (load16(bytes) != (0x4500 | run->received_class) || load16(bytes + 2) != length ||
            load16(bytes + 6) != flags || load16(bytes + 8) != load16(first + 8) ||
            load64(bytes + 12) != load64(first + 12))
            return 0;
        uint16_t identification = (uint16_t)(load16(first + 4) + run->count);
        return flags & 0x4000 || load16(bytes + 4) == identification;
    }
    uint32_t class_bits = 0x0ff00000;
    uint32_t label = (load32(first) & ~class_bits) | (uint32_t)run->received_class << 20;
    return load32(bytes) == label && load16(bytes + 4) + 40 == length && load16(bytes + 6) == load16(first + 6) &&
        load64(bytes + 8) == load64(first + 8) && load64(bytes + 16) == load64(first + 16) &&
        load64(bytes + 24) == load64(first + 24) && load64(bytes + 32) == load64(first + 32);
}

/* The payload's length, or 0 where the packet does not continue the run. */
static inline int add_to_run(struct run *run, const uint8_t *bytes, int length) {
    const uint8_t *first = run->first;
    int start = run->start;
    if (run->is_complete || length <= run->payload_start) return 0;
    int size = length - run->payload_start;
    if (size > run->segment_size || run->length + size > longest_super_packet ||
        !has_same_network_header(run, bytes, length) || load32(bytes + start) != load32(first + start))
        return 0;
    if (run->is_udp) {
        if (load16(bytes + start + 4) != length - start || load16(bytes + start + 6) == 0) return 0;
    } else {
        uint32_t sequence = load32(first + start + 4) + (uint32_t)(run->count * run->segment_size);
        uint32_t word = load32(bytes + start + 12), push = 0x00080000;
        if (load32(bytes + start + 4) != sequence || load32(bytes + start + 8) != load32(first + start + 8) ||
            (word & ~push) != load32(first + start + 12))
            return 0;
        for (int offset = start + 20; offset < run->payload_start; offset += 4)
            if (load32(bytes + offset) != load32(first + offset)) return 0;
        run->is_complete = (word & push) != 0;
    }
    if (size < run->segment_size) run->is_complete = 1;
    if (!run->is_udp && run->is_complete && bytes[start + 13] & flag_push) run->pushes = 1;
    run->count++;
    run->length += size;
    return size;
}

static inline struct warrens_virtual_header finish_run(struct run *run) {
    uint8_t *packet = run->first;
    if (run->family == 4) {
        uint16_t old = load16(packet + 2), new = (uint16_t)run->length;
        store16(packet + 2, new);
        store16(packet + 10, updated_checksum(load16(packet + 10), old, new));
    } else {
        store16(packet + 4, (uint16_t)(run->length - 40));
    }
    if (run->pushes) packet[run->start + 13] |= flag_push;
    return mark(packet, run->family, run->is_udp, run->start, run->payload_start, run->length, run->segment_size);
}

/* MARK: Deliveries */

static inline void add_part(struct reference *reference, uint8_t *bytes, int length) {
    reference->delivery[reference->delivery_count++] = (struct iovec){bytes, (size_t)length};
}

static inline int write_delivery(struct reference *reference, struct warrens_virtual_header description) {
    reference->description = description;
    ssize_t written = writev(reference->device, reference->delivery, reference->delivery_count);
    reference->delivery_count = 1;
    return written >= 0;
}

static inline void count_delivery(
    struct reference *reference, int is_taken, int packets, int bytes, const struct peer *peer, int64_t now) {
    if (!is_taken) {
        add_count(reference, drop_delivery_failed, (uint64_t)packets);
        return;
    }
    add_count(reference, received_packets, (uint64_t)packets);
    add_count(reference, received_bytes, (uint64_t)bytes);
    atomic_fetch_add_explicit(&peer->state->received_packets, (uint64_t)packets, memory_order_relaxed);
    atomic_fetch_add_explicit(&peer->state->received_bytes, (uint64_t)bytes, memory_order_relaxed);
    atomic_store_explicit(&peer->state->last_received, now, memory_order_relaxed);
}

static void deliver(
    struct reference *reference, const struct table *table, const struct packet *packet, const struct peer *peer,
    int64_t now) {
    struct warrens_virtual_header description = {0};
    struct transport transport;
    if (parse_transport(&transport, packet)) {
        int field = transport.is_udp ? 6 : 16;
        if (packet->length > table->longest_received) {
            int room = minimum_mtu - transport.payload_start;
            if (transport.is_udp || room <= 0) {
                add_count(reference, drop_oversized, 1);
                return;
            }
            description = mark(
                packet->bytes, packet->family, 0, transport.start, transport.payload_start, packet->length, room);
        } else if (load16(packet->bytes + transport.start + field) ==
                   pseudo_header(packet->bytes, packet->family, transport.is_udp, packet->length - transport.start)) {
            description = (struct warrens_virtual_header){
                .flags = needs_checksum, .checksum_start = (uint16_t)transport.start, .checksum_offset = (uint16_t)field};
        }
    }
    add_part(reference, packet->bytes, packet->length);
    count_delivery(reference, write_delivery(reference, description), 1, packet->length, peer, now);
}

static void deliver_pending(struct reference *reference, const struct table *table, int64_t now) {
    if (!reference->is_pending) return;
    reference->is_pending = 0;
    struct run *run = &reference->run;
    if (run->count == 1) {
        reference->delivery_count = 1;
        struct packet packet;
        if (parse_packet(&packet, run->first, run->first_length))
            deliver(reference, table, &packet, reference->run_peer, now);
        return;
    }
    struct warrens_virtual_header description = finish_run(run);
    int bytes = run->length + (run->count - 1) * run->payload_start;
    int is_taken = write_delivery(reference, description);
    count_delivery(reference, is_taken, run->count, bytes, reference->run_peer, now);
    if (is_taken) add_count(reference, merged_deliveries, 1);
}

/* MARK: Decisions */

/* A drop counter where the datagram is no bare packet. */
static inline int foreign_format(const uint8_t *datagram, int length) {
    if (length == 0) return drop_unknown_format;
    uint8_t first = datagram[0];
    if (first >> 4 == 4 || first >> 4 == 6) return not_a_verdict;
    if (first == 0x57) return drop_control;
    if (length < 4) return drop_unknown_format;
    if (first >= 1 && first <= 4) return load32(datagram) & 0xffffff ? drop_unknown_format : drop_encrypted;
    if (first == 0x0c) return datagram[1] || datagram[2] ? drop_unknown_format : drop_other_framing;
    return drop_unknown_format;
}

static inline int sends_from(const struct peer *peer, struct key outer) {
    if (peer->has_endpoint && same_key(outer, peer->endpoint)) return 1;
    for (int i = 0; i < peer->further_sources->count; i++)
        if (same_key(peer->further_sources->addresses[i], outer)) return 1;
    return 0;
}

/* The traffic class after decapsulation (RFC 6040 section 4.2), or -1. */
static inline int decapsulate(uint8_t inner, uint8_t outer) {
    uint8_t inner_mark = inner & 3, outer_mark = outer & 3, code_point = outer & 0xfc;
    if (outer_mark == 3) return inner_mark == 0 ? -1 : code_point | 3;
    if (outer_mark == 1 && inner_mark == 2) return code_point | 1;
    return code_point | inner_mark;
}

/* A drop counter, or not_a_verdict with `peer` and `packet`. */
static inline int decide(
    const struct table *table, uint8_t *datagram, int length, struct key outer_source, uint8_t outer_class,
    struct packet *packet, const struct peer **result, uint8_t *received_class) {
    if (!parse_packet(packet, datagram, length)) {
        int foreign = foreign_format(datagram, length);
        return foreign == not_a_verdict ? drop_malformed : foreign;
    }
    if (is_martian(packet->source, packet->family) || is_martian(packet->destination, packet->family)) return drop_martian;
    if (find_prefix(&table->own_subnets, packet->destination) < 0 &&
        find_prefix(&table->own_routes, packet->destination) < 0)
        return drop_not_for_us;
    if (find_prefix(&table->own_subnets, packet->source) >= 0) return drop_own_source;
    int index = find_prefix(&table->subnets, packet->source);
    if (index < 0) index = find_entry(&table->node_addresses, packet->source, role_inner_source, role_inner_source);
    if (index < 0) index = find_prefix(&table->routes, packet->source);
    if (index < 0) return drop_unknown_source;
    const struct peer *peer = peer_at(table, index);
    if (peer->checks_source && !sends_from(peer, outer_source)) return drop_spoofed_source;
    uint8_t inner_class = traffic_class(packet);
    int class = decapsulate(inner_class, outer_class);
    if (class < 0) return drop_congestion;
    if (class != inner_class) {
        uint16_t first = load16(datagram);
        if (packet->family == 4) {
            uint16_t changed = (uint16_t)((first & 0xff00) | class);
            store16(datagram, changed);
            store16(datagram + 10, updated_checksum(load16(datagram + 10), first, changed));
        } else {
            store16(datagram, (uint16_t)((first & 0xf00f) | class << 4));
        }
    }
    *received_class = inner_class;
    *result = peer;
    return not_a_verdict;
}

static inline void carry_datagram(
    struct reference *reference, const struct table *table, uint8_t *datagram, int length, struct key source,
    uint8_t outer_class, int is_joined, int64_t now) {
    if (reference->is_pending && reference->delivery_count < delivery_parts) {
        int size = add_to_run(&reference->run, datagram, length);
        if (size > 0) {
            add_part(reference, datagram + length - size, size);
            return;
        }
    }
    deliver_pending(reference, table, now);
    struct packet packet;
    const struct peer *peer;
    uint8_t received_class;
    int verdict = decide(table, datagram, length, source, outer_class, &packet, &peer, &received_class);
    if (verdict != not_a_verdict) {
        add_count(reference, (enum counter)verdict, 1);
        return;
    }
    if (is_joined && begin_run(&reference->run, &packet, received_class) &&
        (!reference->run.is_udp || reference->has_udp_segmentation)) {
        add_part(reference, datagram, length);
        reference->is_pending = 1;
        reference->run_peer = peer;
    } else {
        deliver(reference, table, &packet, peer, now);
    }
}

void reference_receive(
    struct reference *reference, void *messages, size_t count, size_t each, size_t datagram_length, uint64_t source_high,
    uint64_t source_low, uint8_t traffic_class) {
    const struct table *table = begin_reading(reference, 1);
    struct key source = {source_high, source_low};
    int64_t now = monotonic_seconds();
    for (size_t done = 0; done < count; done += each) {
        uint8_t *message = (uint8_t *)messages + done;
        int length = (int)(count - done < each ? count - done : each), offset = 0;
        do {
            int rest = length - offset, size = rest < (int)datagram_length ? rest : (int)datagram_length;
            carry_datagram(
                reference, table, message + offset, size, source, traffic_class, length > (int)datagram_length, now);
            offset += size;
        } while (offset < length);
        deliver_pending(reference, table, now);
    }
    end_reading(reference, 1);
}
