// From a datagram to the inner packet, and what must hold before it may enter.
#pragma once

#include "lookup.h"
#include "send.h"

// Explicit congestion notification, RFC 3168: the two low bits of the traffic class.
#define ECN_MASK 3
#define ECN_CAPABLE_1 1
#define ECN_CAPABLE_0 2
#define ECN_CONGESTION 3

// BPF_F_ADJ_ROOM_DECAP_L3_IPV4 and _IPV6 of linux/bpf.h since Linux 6.3.
#define DECAP_L3_IPV4 (1ULL << 7)
#define DECAP_L3_IPV6 (1ULL << 8)

// The outer headers of a datagram to the tunnel's port.
struct datagram {
    struct warrens_address source;
    struct warrens_address destination;
    // Of the IP packet in all, by its header.
    __u32 length;
    __u8 traffic_class;
    // The sender has not done without a UDP checksum, as the programs do.
    bool has_checksum;
};

// Has the first `length` bytes, or all, where a program can read them: drivers leave most of a packet in pages.
static __always_inline bool pull(struct __sk_buff *skb, __u32 length)
{
    __u32 readable = (long)skb->data_end - (long)skb->data;
    if (length > skb->len)
        length = skb->len;
    return length <= readable || !bpf_skb_pull_data(skb, length);
}

// The same for an inner packet's headers, from `offset` on: IP and TCP without options. Not a byte more: with some of its
// payload there, the kernel cannot merge a packet by its pages, and keeps it whole in a list.
static __always_inline bool pull_headers(struct __sk_buff *skb, __u32 offset, bool is_v6)
{
    return pull(skb, offset + (is_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct tcphdr));
}

// Reads the headers at `offset`. False where that is no whole datagram to the tunnel's port: somebody else's, or the
// kernel's to put together first.
static __always_inline bool read_datagram(CONTEXT *skb, __u32 offset, bool over_v6,
                                          const struct warrens_config *config, struct datagram *datagram)
{
    __u32 headers = (over_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct udphdr);
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;

    if (data + offset + headers + 1 > end)
        return false;
    struct udphdr *udp = data + offset + headers - sizeof(*udp);
    if (udp->dest != config->port)
        return false;
    datagram->has_checksum = udp->check;
    if (over_v6) {
        struct ipv6hdr *header = data + offset;
        // The verifier of Linux 6.1 does not see that `headers` were these.
        if ((void *)(header + 1) > end || header->version != 6 || header->nexthdr != IPPROTO_UDP)
            return false;
        __builtin_memcpy(&datagram->source, &header->saddr, 16);
        __builtin_memcpy(&datagram->destination, &header->daddr, 16);
        datagram->length = bpf_ntohs(header->payload_len) + sizeof(*header);
        datagram->traffic_class = bpf_ntohs(*(__u16 *)header) >> 4;
    } else {
        struct iphdr *header = data + offset;
        if (header->version != 4 || header->ihl != 5 || header->protocol != IPPROTO_UDP ||
            header->frag_off & bpf_htons(FRAGMENT_OFFSET | MORE_FRAGMENTS))
            return false;
        map_v4(&datagram->source, header->saddr);
        map_v4(&datagram->destination, header->daddr);
        datagram->length = bpf_ntohs(header->tot_len);
        datagram->traffic_class = header->tos;
    }
    return datagram->length == bpf_ntohs(udp->len) + headers - sizeof(*udp);
}

static __always_inline bool is_framed(CONTEXT *skb, __u32 offset, bool *is_v6)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;
    __u8 *gpe = data + offset;

    if ((void *)(gpe + GPE_LENGTH) > end)
        return false;
    *is_v6 = gpe[3] == 2;
    return gpe[0] == 0x0c && !gpe[1] && !gpe[2] && (gpe[3] == 1 || gpe[3] == 2) && !gpe[4] && !gpe[5] &&
           gpe[6] == 0x57 && !gpe[7];
}

static __always_inline bool is_bare(CONTEXT *skb, __u32 offset, bool *is_v6)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;
    __u8 *first = data + offset;

    if ((void *)(first + 1) > end)
        return false;
    *is_v6 = *first >> 4 == 6;
    return *is_v6 || *first >> 4 == 4;
}

// By the version in the first byte at `offset`.
static __always_inline bool is_inner_v6(struct __sk_buff *skb, __u32 offset)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;
    __u8 *first = data + offset;

    return (void *)(first + 1) <= end && *first >> 4 == 6;
}

// Reads the inner packet. False where the datagram does not hold one and nothing else: control, WireGuard, another framing,
// several datagrams in one. Those are the daemon's to read.
static __always_inline bool read_inner(CONTEXT *skb, __u32 length, __u32 link_length, bool over_v6,
                                       const struct warrens_config *config, const struct datagram *datagram,
                                       struct packet *packet)
{
    bool is_v6;
    bool is_packet;
    // Two calls, so that each has a constant offset.
    if (over_v6) {
        const __u32 at = link_length + sizeof(struct ipv6hdr) + sizeof(struct udphdr);
        if (config->flags & WARRENS_FRAMING_GPE)
            is_packet = is_framed(skb, at, &is_v6) && read_packet(skb, at + GPE_LENGTH, is_v6, packet);
        else
            is_packet = is_bare(skb, at, &is_v6) && read_packet(skb, at, is_v6, packet);
    } else {
        const __u32 at = link_length + sizeof(struct iphdr) + sizeof(struct udphdr);
        if (config->flags & WARRENS_FRAMING_GPE)
            is_packet = is_framed(skb, at, &is_v6) && read_packet(skb, at + GPE_LENGTH, is_v6, packet);
        else
            is_packet = is_bare(skb, at, &is_v6) && read_packet(skb, at, is_v6, packet);
    }
    if (!is_packet)
        return false;
    // A sender in user space hands many datagrams to the kernel at once: then the first inner packet is the shorter one.
    // Padding behind the packet is the kernel's to cut off.
    return packet->length + outer_length(config, over_v6) == datagram->length &&
           datagram->length + link_length == length;
}

// Holds an inner packet's addresses against the registry: the sender's number, or NOBODY and the reason.
static __always_inline __u32 check(const struct warrens_config *config, const struct packet *packet,
                                   enum warrens_counter *reason)
{
    *reason = WARRENS_DROP_MARTIAN;
    if (is_martian(&packet->source, packet->is_v6) || is_martian(&packet->destination, packet->is_v6))
        return NOBODY;
    *reason = WARRENS_DROP_NOT_FOR_US;
    if (!ownership(&packet->destination))
        return NOBODY;
    *reason = WARRENS_DROP_OWN_SOURCE;
    if (ownership(&packet->source) == WARRENS_OWN_SUBNET)
        return NOBODY;
    *reason = WARRENS_DROP_UNKNOWN_SOURCE;
    return sender(config, &packet->source);
}

// Where what was found out of these addresses is remembered. It saves the packets behind the first one the lookups, of
// which there are many.
static __always_inline struct warrens_accepted *find_memory(const struct packet *packet)
{
    __u32 hash = (packet->source.word[3] ^ packet->destination.word[3] * 0x9e3779b1) * 0x85ebca6b;
    __u32 slot = hash >> (32 - ACCEPTED_BITS);
    return bpf_map_lookup_elem(&accepted, &slot);
}

static __always_inline bool remembers_inner(const struct warrens_accepted *memory, const struct warrens_config *config,
                                            const struct packet *packet)
{
    return memory->generation == config->generation && is_same(&memory->inner_source, &packet->source) &&
           is_same(&memory->inner_destination, &packet->destination);
}

static __always_inline bool remembers(const struct warrens_accepted *memory, const struct warrens_config *config,
                                      const struct datagram *datagram, const struct packet *packet)
{
    return remembers_inner(memory, config, packet) && is_same(&memory->outer_source, &datagram->source) &&
           is_same(&memory->outer_destination, &datagram->destination);
}

// - generation: that of the configuration before anything was looked up.
static __always_inline void remember(struct warrens_accepted *memory, __u32 generation,
                                     const struct datagram *datagram, const struct packet *packet, __u32 peer)
{
    // Nothing while it is half written: where softirqs are threads, another one may look.
    *(volatile __u32 *)&memory->generation = 0;
    memory->outer_source = datagram->source;
    memory->outer_destination = datagram->destination;
    memory->inner_source = packet->source;
    memory->inner_destination = packet->destination;
    memory->peer = peer;
    *(volatile __u32 *)&memory->generation = generation;
}

// The peer that a packet without its outer headers was accepted from.
static __always_inline __u32 known_sender(const struct warrens_config *config, const struct packet *packet)
{
    struct warrens_accepted *memory = find_memory(packet);

    if (memory && remembers_inner(memory, config, packet))
        return memory->peer;
    return sender(config, &packet->source);
}

// False where the daemon has to finish what the kernel cannot.
static __always_inline bool is_deliverable(struct __sk_buff *skb, const struct warrens_config *config, bool over_v6,
                                           const struct packet *packet)
{
    if (over_v6 != packet->is_v6 && !(config->flags & WARRENS_CROSSES_FAMILIES))
        return false;
    if (!skb->gso_size)
        return packet->length <= config->longest_received;
    // Outer headers stripped from a super-packet leave traces by which a device might cut it wrongly. Nothing cuts TCP on
    // the way to a pod of this node, or to the node itself. UDP the kernel takes for the tunnel that it no longer is, as
    // soon as a device has it look at the packet's parts, and a socket has it do that in any case.
    struct warrens_local *local = bpf_map_lookup_elem(&locals, &packet->destination);
    return local && packet->protocol == IPPROTO_TCP && packet->headers_length &&
           local->flags & (WARRENS_LOCAL_BYPASSABLE | WARRENS_LOCAL_HOST);
}

// The inner traffic class behind the tunnel (RFC 6040 section 4.2, RFC 2983); false where the packet must be dropped.
static __always_inline bool decapsulated_class(__u8 inner, __u8 outer, __u8 *class)
{
    __u8 mark = inner & ECN_MASK;
    __u8 outer_mark = outer & ECN_MASK;

    if (outer_mark == ECN_CONGESTION) {
        if (!mark)
            return false;
        mark = ECN_CONGESTION;
    } else if (outer_mark == ECN_CAPABLE_1 && mark == ECN_CAPABLE_0) {
        mark = ECN_CAPABLE_1;
    }
    *class = (outer & ~ECN_MASK) | mark;
    return true;
}

#define BEGINNING 8

// Strips `outer` bytes behind an Ethernet header so that the kernel forgets a UDP checksum that its sender left for a
// device to complete (CHECKSUM_PARTIAL), as between veths and virtual machines: the inner packet would be taken for one
// whose own checksum is incomplete, and translating or fragmenting it would spoil it. The kernel forgets where the
// checksum's place comes to lie before the Ethernet header, for which some more bytes have to go for a moment.
static __always_inline bool strip_with_checksum(struct __sk_buff *skb, __u32 outer, __u64 flags)
{
    __u8 beginning[BEGINNING];

    return !bpf_skb_load_bytes(skb, ETH_HLEN + outer, beginning, BEGINNING) &&
           !bpf_skb_adjust_room(skb, -(__s32)(outer + BEGINNING), BPF_ADJ_ROOM_MAC, flags) &&
           !bpf_skb_adjust_room(skb, BEGINNING, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) &&
           !bpf_skb_store_bytes(skb, ETH_HLEN, beginning, BEGINNING, BPF_F_RECOMPUTE_CSUM);
}

// Strips `outer` bytes of outer headers, and behind a device without link header makes room for one.
static __always_inline bool decapsulate(struct __sk_buff *skb, bool has_link_header, __u32 outer, bool over_v6,
                                        const struct datagram *datagram, const struct packet *packet)
{
    __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
    if (over_v6 != packet->is_v6)
        flags |= packet->is_v6 ? DECAP_L3_IPV6 : DECAP_L3_IPV4;
    // The kernel leaves no less than an IP header. A shorter packet has no checksum but that of its header.
    if (datagram->has_checksum && has_link_header && packet->length >= packet->header_length + BEGINNING)
        return strip_with_checksum(skb, outer, flags);
    if (bpf_skb_adjust_room(skb, -(__s32)outer, BPF_ADJ_ROOM_MAC, flags))
        return false;
    return has_link_header || !bpf_skb_change_head(skb, ETH_HLEN, 0);
}

// Whether the kernel may merge the packet with those before and behind it.
static __always_inline bool enters_loop(struct __sk_buff *skb, const struct warrens_config *config,
                                        const struct packet *packet)
{
    return config->loop_device && !skb->gso_size && packet->protocol == IPPROTO_TCP && packet->headers_length;
}

static __always_inline void count_received(__u32 number, __u32 packets, __u64 bytes)
{
    add(WARRENS_RECEIVED_PACKETS, packets);
    add(WARRENS_RECEIVED_BYTES, bytes);
    struct warrens_traffic *entry = bpf_map_lookup_elem(&traffic, &number);
    if (!entry)
        return;
    __sync_fetch_and_add(&entry->received_packets, packets);
    __sync_fetch_and_add(&entry->received_bytes, bytes);
    entry->last_received = bpf_ktime_get_coarse_ns();
}
