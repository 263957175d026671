#include "reference.h"

/* OutboundLoop.swift, Outbound.swift, SuperPacket.swift, OutgoingBatch.swift. */

enum { longest_header = 256, headers_room = 65536, overhead_v4 = 28, overhead_v6 = 48, minimum_mtu = 1280 };
enum { needs_checksum = 1, kind_tcp4 = 1, kind_tcp6 = 4, kind_udp = 5, congestion_bit = 0x80 };

static void add_count(struct reference *reference, enum counter counter, uint64_t amount) {
    reference->counters[0][counter] += amount;
}

/* As longSum of PacketView.swift: in a function of its own the loop is always placed alike. */
static __attribute__((noinline)) uint16_t long_sum(const uint8_t *bytes, size_t count) { return sum(bytes, count); }

/* MARK: Batches */

static void flush_batch(struct reference *reference, struct outgoing_batch *batch) {
    if (batch->count == 0) return;
    for (int i = 0; i < batch->count; i++) {
        const struct message *message = &batch->messages[i];
        batch->outgoing[i].parts = batch->parts + message->first_part;
        batch->outgoing[i].part_count = (uint32_t)(message->datagrams * message->parts_each);
        batch->outgoing[i].segment = message->datagrams > 1 ? (uint16_t)message->segment : 0;
    }
    uint64_t packets = 0, bytes = 0, segmented = 0;
    for (int done = 0; done < batch->count;) {
        int end = done + 1;
        while (end < batch->count && batch->messages[end].socket == batch->messages[done].socket) end++;
        int sent = warrens_send(batch->messages[done].socket, batch->is_v6, batch->outgoing + done, end - done);
        if (sent <= 0) {
            add_count(reference, drop_send_failed, (uint64_t)batch->messages[done].datagrams);
            done++;
            continue;
        }
        for (int i = done; i < done + sent; i++) {
            const struct message *message = &batch->messages[i];
            packets += (uint64_t)message->datagrams;
            bytes += (uint64_t)message->bytes;
            segmented += message->datagrams > 1;
            struct peer_state *state = message->receiver->state;
            atomic_fetch_add_explicit(&state->sent_packets, (uint64_t)message->datagrams, memory_order_relaxed);
            atomic_fetch_add_explicit(&state->sent_bytes, (uint64_t)message->bytes, memory_order_relaxed);
        }
        done += sent;
    }
    batch->count = 0;
    batch->part_count = 0;
    add_count(reference, sent_packets, packets);
    add_count(reference, sent_bytes, bytes);
    add_count(reference, segmented_sends, segmented);
}

static void flush(struct reference *reference) {
    flush_batch(reference, &reference->v4);
    flush_batch(reference, &reference->v6);
}

static inline int has_room(const struct outgoing_batch *batch) {
    return batch->count < WARRENS_DATAGRAM_BATCH && batch->part_count + 2 <= part_capacity;
}

static inline void add_part(struct outgoing_batch *batch, uint8_t *bytes, int count) {
    batch->parts[batch->part_count++] = (struct iovec){bytes, (size_t)count};
}

static inline void begin_datagram(
    struct outgoing_batch *batch, int length, int parts_each, const struct peer *peer, uint8_t traffic_class, int socket) {
    if (batch->count > 0) {
        struct message *last = &batch->messages[batch->count - 1];
        if (!last->is_closed && last->receiver->state == peer->state && last->receiver->port == peer->port &&
            same_key(last->receiver->endpoint, peer->endpoint) && last->parts_each == parts_each &&
            last->socket == socket && batch->outgoing[batch->count - 1].traffic_class == traffic_class &&
            length <= last->segment && last->datagrams < longest_run && last->bytes + length <= most_bytes) {
            last->datagrams++;
            last->bytes += length;
            last->is_closed = length < last->segment;
            return;
        }
    }
    batch->messages[batch->count] = (struct message){
        .receiver = peer, .socket = socket, .first_part = batch->part_count, .datagrams = 1, .parts_each = parts_each,
        .bytes = length, .segment = length,
    };
    struct warrens_outgoing *outgoing = &batch->outgoing[batch->count++];
    *outgoing = (struct warrens_outgoing){.port = peer->port, .traffic_class = traffic_class};
    uint64_t high = __builtin_bswap64(peer->endpoint.high), low = __builtin_bswap64(peer->endpoint.low);
    memcpy(outgoing->address, &high, 8);
    memcpy(outgoing->address + 8, &low, 8);
}

/* MARK: Decisions */

enum verdict { verdict_send, verdict_exception, verdict_drop };

static inline enum verdict decide(
    struct reference *reference, const struct table *table, const struct packet *packet, int longest, int64_t now,
    uint64_t amount, const struct peer **result) {
    if (is_martian(packet->destination, packet->family)) {
        add_count(reference, drop_not_unicast, amount);
        return verdict_drop;
    }
    int index = find_prefix(&table->subnets, packet->destination);
    if (index < 0) {
        if (find_prefix(&table->own_subnets, packet->destination) >= 0) {
            add_count(reference, drop_own_destination, amount);
            return verdict_drop;
        }
        index = find_prefix(&table->routes, packet->destination);
    }
    if (index < 0) {
        add_count(reference, drop_no_peer, amount);
        return verdict_drop;
    }
    const uint8_t *bytes = packet->bytes;
    int header = header_length(packet);
    if (next_header(packet) == protocol_udp && !(packet->family == 4 && load16(bytes + 6) & 0x1fff) &&
        packet->length >= header + 8) {
        uint16_t port = load16(bytes + header + 2);
        if (find_entry(&table->node_addresses, packet->destination, role_endpoint | role_port, role_endpoint | port) >= 0) {
            add_count(reference, drop_loop, amount);
            return verdict_drop;
        }
    }
    const struct peer *peer = peer_at(table, index);
    if (!peer->has_endpoint) {
        add_count(reference, drop_no_endpoint, amount);
        return verdict_drop;
    }
    int overhead = peer->is_endpoint_v4 ? overhead_v4 : overhead_v6;
    long mtu = atomic_load_explicit(&peer->path->route_mtu, memory_order_relaxed);
    if (now < atomic_load_explicit(&peer->path->learned_until, memory_order_relaxed)) {
        long learned = atomic_load_explicit(&peer->path->learned_mtu, memory_order_relaxed);
        if (learned < mtu) mtu = learned;
    }
    *result = peer;
    if (longest <= mtu - overhead) return verdict_send;
    /* Outer or inner fragments, or an ICMP error. */
    add_count(reference, drop_too_big, amount);
    return verdict_exception;
}

/* MARK: Super-packets */

struct super_packet {
    uint8_t *bytes;
    int length, family, is_tcp, start, header_length, checksum_field, segment_size, segment_count;
    uint64_t pseudo_header, fixed_header;
    uint16_t identification;
    uint32_t sequence;
};

static inline int parse_super_packet(
    struct super_packet *whole, const struct packet *packet, const struct warrens_virtual_header *header) {
    uint8_t *bytes = packet->bytes;
    int length = packet->length, smallest;
    if (!(header->flags & needs_checksum)) return 0;
    switch (header->segmentation & ~congestion_bit) {
    case kind_tcp4:
        if (packet->family != 4) return 0;
        whole->is_tcp = 1;
        smallest = 20;
        break;
    case kind_tcp6:
        if (packet->family != 6) return 0;
        whole->is_tcp = 1;
        smallest = 20;
        break;
    case kind_udp:
        whole->is_tcp = 0;
        smallest = 8;
        break;
    default: return 0;
    }
    int start = header->checksum_start, field = start + header->checksum_offset;
    if (start < header_length(packet) || length <= start + smallest || field + 2 > start + smallest) return 0;
    int headers = whole->is_tcp ? start + (bytes[start + 12] >> 4) * 4 : start + 8;
    if (headers < start + smallest || headers >= length || headers > longest_header || header->segment_size == 0) return 0;
    whole->bytes = bytes;
    whole->length = length;
    whole->family = packet->family;
    whole->start = start;
    whole->header_length = headers;
    whole->checksum_field = field;
    whole->segment_size = header->segment_size;
    whole->segment_count = (length - headers + header->segment_size - 1) / header->segment_size;
    whole->pseudo_header = (uint64_t)load16(bytes + field) + (uint16_t)~(length - start);
    whole->identification = 0;
    whole->fixed_header = 0;
    if (packet->family == 4) {
        whole->identification = load16(bytes + 4);
        whole->fixed_header = (uint64_t)sum(bytes, (size_t)start) + (uint16_t)~load16(bytes + 2) +
            (uint16_t)~load16(bytes + 4) + (uint16_t)~load16(bytes + 10);
    }
    whole->sequence = whole->is_tcp ? load32(bytes + start + 4) : 0;
    return 1;
}

static inline void write_segment_header(
    const struct super_packet *whole, int index, uint8_t *to, const uint8_t *payload, int payload_length, int completes) {
    memcpy(to, whole->bytes, (size_t)whole->header_length);
    if (whole->family == 4) {
        uint16_t length = (uint16_t)(whole->header_length + payload_length);
        uint16_t number = (uint16_t)(whole->identification + index);
        store16(to + 2, length);
        store16(to + 4, number);
        store16(to + 10, (uint16_t)~fold(whole->fixed_header + length + number));
    } else {
        store16(to + 4, (uint16_t)(whole->header_length - 40 + payload_length));
    }
    int start = whole->start, transport_length = whole->header_length - start + payload_length;
    if (whole->is_tcp) {
        store32(to + start + 4, whole->sequence + (uint32_t)(index * whole->segment_size));
        uint8_t flags = to[start + 13];
        if (index < whole->segment_count - 1) flags &= (uint8_t)~(0x01 | 0x08);
        if (index > 0) flags &= (uint8_t)~0x80;
        to[start + 13] = flags;
    } else {
        store16(to + start + 4, (uint16_t)transport_length);
    }
    uint64_t total = whole->pseudo_header + (uint64_t)transport_length;
    if (!completes) {
        store16(to + whole->checksum_field, fold(total));
        return;
    }
    store16(to + whole->checksum_field, 0);
    total += (uint64_t)sum(to + start, (size_t)(whole->header_length - start)) + long_sum(payload, (size_t)payload_length);
    uint16_t value = (uint16_t)~fold(total);
    store16(to + whole->checksum_field, value == 0 ? 0xffff : value);
}

static void carry_super_packet(
    struct reference *reference, const struct table *table, const struct packet *packet,
    const struct warrens_virtual_header *header, int64_t now) {
    struct super_packet whole;
    if (!parse_super_packet(&whole, packet, header)) {
        add_count(reference, drop_malformed, 1);
        return;
    }
    int longest = whole.header_length + whole.segment_size;
    if (longest > whole.length) longest = whole.length;
    const struct peer *peer;
    if (decide(reference, table, packet, longest, now, (uint64_t)whole.segment_count, &peer) != verdict_send) return;

    uint8_t class = traffic_class(packet);
    int completes = !(peer->defers_checksums && whole.start == header_length(packet));
    int to_v4 = peer->is_endpoint_v4;
    struct outgoing_batch *batch = to_v4 ? &reference->v4 : &reference->v6;
    int socket = to_v4 ? reference->socket_v4 : reference->socket_v6;
    for (int index = 0; index < whole.segment_count; index++) {
        if (!has_room(batch) || reference->headers_used + longest_header > headers_room) {
            flush(reference);
            reference->headers_used = 0;
        }
        int start = whole.header_length + index * whole.segment_size;
        uint8_t *payload = whole.bytes + start;
        int length = whole.length - start < whole.segment_size ? whole.length - start : whole.segment_size;
        uint8_t *room = reference->headers + reference->headers_used;
        write_segment_header(&whole, index, room, payload, length, completes);
        reference->headers_used += (whole.header_length + 7) & ~7;
        begin_datagram(batch, whole.header_length + length, 2, peer, class, socket);
        add_part(batch, room, whole.header_length);
        add_part(batch, payload, length);
    }
}

/* MARK: Packets */

static void carry_frame(struct reference *reference, const struct table *table, uint8_t *frame, int length, int64_t now) {
    struct warrens_virtual_header header;
    memcpy(&header, frame, sizeof header);
    struct packet packet;
    if (!parse_packet(&packet, frame + sizeof header, length - (int)sizeof header)) {
        add_count(reference, drop_malformed, 1);
        return;
    }
    if (header.segmentation != 0) {
        carry_super_packet(reference, table, &packet, &header, now);
        return;
    }
    const struct peer *peer;
    if (decide(reference, table, &packet, packet.length, now, 1, &peer) != verdict_send) return;
    if (header.flags & needs_checksum && !(peer->defers_checksums && header.checksum_start == header_length(&packet))) {
        int start = header.checksum_start, field = start + header.checksum_offset;
        if (start < header_length(&packet) || start > field || field + 2 > packet.length) {
            add_count(reference, drop_malformed, 1);
            return;
        }
        uint16_t value = (uint16_t)~long_sum(packet.bytes + start, (size_t)(packet.length - start));
        store16(packet.bytes + field, value == 0 ? 0xffff : value);
    }
    int to_v4 = peer->is_endpoint_v4;
    struct outgoing_batch *batch = to_v4 ? &reference->v4 : &reference->v6;
    if (!has_room(batch)) flush(reference);
    begin_datagram(
        batch, packet.length, 1, peer, traffic_class(&packet), to_v4 ? reference->socket_v4 : reference->socket_v6);
    add_part(batch, packet.bytes, packet.length);
}

void reference_send(struct reference *reference, void *frames, size_t count, size_t each) {
    const struct table *table = begin_reading(reference, 0);
    int64_t now = monotonic_seconds();
    reference->headers_used = 0;
    for (size_t done = 0; done < count; done += each) {
        size_t length = count - done < each ? count - done : each;
        carry_frame(reference, table, (uint8_t *)frames + done, (int)length, now);
    }
    flush(reference);
    end_reading(reference, 0);
}
