// From an inner packet to a datagram on its way to the peer.
#pragma once

#include <stddef.h>

#include "lookup.h"

#define OUTER_HOP_LIMIT 64
#define GPE_LENGTH 8
#define FIRST_HASHED_PORT 49152

// What stands in front of an inner packet.
struct outer_v4 {
    struct iphdr ip;
    struct udphdr udp;
    __u8 gpe[GPE_LENGTH];
};
_Static_assert(sizeof(struct outer_v4) == 36, "no padding");

struct outer_v6 {
    struct ipv6hdr ip;
    struct udphdr udp;
    __u8 gpe[GPE_LENGTH];
};
_Static_assert(sizeof(struct outer_v6) == 56, "no padding");

static __always_inline bool write_link_header(struct __sk_buff *skb, const __u8 to[ETH_ALEN], const __u8 from[ETH_ALEN],
                                              __u16 type)
{
    struct ethhdr *header = (void *)(long)skb->data;

    if ((void *)(header + 1) > (void *)(long)skb->data_end)
        return false;
    __builtin_memcpy(header->h_dest, to, ETH_ALEN);
    __builtin_memcpy(header->h_source, from, ETH_ALEN);
    header->h_proto = bpf_htons(type);
    return true;
}

static __always_inline __u32 outer_length(const struct warrens_config *config, bool over_v6)
{
    return (over_v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) + sizeof(struct udphdr) +
           (config->flags & WARRENS_FRAMING_GPE ? GPE_LENGTH : 0);
}

// VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe): flags I and P, next protocol 1 for IPv4 or 2 for IPv6, VNI 0x57.
static __always_inline void write_gpe(__u8 gpe[GPE_LENGTH], bool inner_is_v6)
{
    __builtin_memset(gpe, 0, GPE_LENGTH);
    gpe[0] = 0x0c;
    gpe[3] = inner_is_v6 ? 2 : 1;
    gpe[6] = 0x57;
}

static __always_inline __u16 source_port(struct __sk_buff *skb, const struct warrens_config *config)
{
    if (!(config->flags & WARRENS_HASHED_PORTS))
        return config->port;
    return bpf_htons(FIRST_HASHED_PORT + (bpf_get_hash_recalc(skb) & 0x3fff));
}

static __always_inline __u16 header_checksum(const struct iphdr *header)
{
    const __u16 *word = (const __u16 *)header;
    __u32 sum = 0;
#pragma unroll
    for (int index = 0; index < 10; index++)
        sum += word[index];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static __always_inline long write_outer_v4(struct __sk_buff *skb, __u32 offset, const struct warrens_config *config,
                                           const struct warrens_peer *peer, const struct packet *packet)
{
    __u32 size = outer_length(config, false);
    struct outer_v4 outer = {
        .ip =
            {
                .version = 4,
                .ihl = 5,
                .tos = packet->traffic_class,
                .tot_len = bpf_htons(packet->length + size),
                .frag_off = bpf_htons(DO_NOT_FRAGMENT),
                .ttl = OUTER_HOP_LIMIT,
                .protocol = IPPROTO_UDP,
                .saddr = peer->source.word[3],
                .daddr = peer->endpoint.word[3],
            },
        .udp =
            {
                .source = source_port(skb, config),
                .dest = peer->port,
                .len = bpf_htons(packet->length + size - sizeof(struct iphdr)),
            },
    };
    outer.ip.check = header_checksum(&outer.ip);
    write_gpe(outer.gpe, packet->is_v6);
    if (config->flags & WARRENS_FRAMING_GPE)
        return bpf_skb_store_bytes(skb, offset, &outer, sizeof(outer), 0);
    return bpf_skb_store_bytes(skb, offset, &outer, offsetof(struct outer_v4, gpe), 0);
}

static __always_inline long write_outer_v6(struct __sk_buff *skb, __u32 offset, const struct warrens_config *config,
                                           const struct warrens_peer *peer, const struct packet *packet)
{
    __u32 size = outer_length(config, true) - sizeof(struct ipv6hdr);
    struct outer_v6 outer = {
        .ip =
            {
                .payload_len = bpf_htons(packet->length + size),
                .nexthdr = IPPROTO_UDP,
                .hop_limit = OUTER_HOP_LIMIT,
            },
        .udp =
            {
                .source = source_port(skb, config),
                .dest = peer->port,
                // No checksum (RFC 6935): only peers that announce to take that are sent to from here.
                .len = bpf_htons(packet->length + size),
            },
    };
    *(__u16 *)&outer.ip = bpf_htons(0x6000 | (__u16)packet->traffic_class << 4);
    __builtin_memcpy(&outer.ip.saddr, &peer->source, 16);
    __builtin_memcpy(&outer.ip.daddr, &peer->endpoint, 16);
    write_gpe(outer.gpe, packet->is_v6);
    if (config->flags & WARRENS_FRAMING_GPE)
        return bpf_skb_store_bytes(skb, offset, &outer, sizeof(outer), 0);
    return bpf_skb_store_bytes(skb, offset, &outer, offsetof(struct outer_v6, gpe), 0);
}

// Hands a finished datagram, behind room for an Ethernet header, to the next hop, which the kernel's own tables name.
// Returns what the program must.
static __always_inline long transmit(struct __sk_buff *skb, const struct warrens_config *config,
                                     const struct warrens_peer *peer)
{
    // Should anything route it once more, it must not find the overlay's own routes.
    skb->mark = config->mark;
    if (!(peer->flags & WARRENS_PEER_ETHERNET))
        return bpf_redirect(peer->device, 0);
    // Without parameters, so that the kernel looks up the route: told the next hop, it leaves the packet's former route in
    // place, and sends what had to wait for the neighbour without an Ethernet header (Linux 6.18).
    return bpf_redirect_neigh(peer->device, 0, 0, 0);
}

// True where every datagram that the packet makes fits on the path.
static __always_inline bool fits(struct __sk_buff *skb, const struct warrens_config *config,
                                 const struct warrens_peer *peer, const struct packet *packet)
{
    __u32 outer = outer_length(config, peer->flags & WARRENS_PEER_OVER_IPV6);
    // The lengths in the headers of a super-packet have 16 bits, too.
    if (packet->length + outer > 65535)
        return false;
    if (!skb->gso_size)
        return packet->length + outer <= peer->mtu;
    return packet->headers_length && packet->headers_length + skb->gso_size + outer <= peer->mtu;
}

// Puts the outer headers in front of the packet that stands behind `link_length` bytes of link header: 0 or ETH_HLEN.
// What goes wrong behind this cannot be declined any more.
static __always_inline bool encapsulate(struct __sk_buff *skb, __u32 link_length, const struct warrens_config *config,
                                        const struct warrens_peer *peer, const struct packet *packet)
{
    bool over_v6 = peer->flags & WARRENS_PEER_OVER_IPV6;
    __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
                  (over_v6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4);

    if (bpf_skb_adjust_room(skb, outer_length(config, over_v6), BPF_ADJ_ROOM_MAC, flags))
        return false;
    // Behind a device without link header, room for the next one's. `bpf_redirect` takes it away again where that has none,
    // too.
    if (!link_length && bpf_skb_change_head(skb, ETH_HLEN, 0))
        return false;
    if (over_v6)
        return !write_outer_v6(skb, ETH_HLEN, config, peer, packet);
    return !write_outer_v4(skb, ETH_HLEN, config, peer, packet);
}

static __always_inline void count_sent(__u32 number, __u32 packets, __u64 bytes)
{
    add(WARRENS_SENT_PACKETS, packets);
    add(WARRENS_SENT_BYTES, bytes);
    struct warrens_traffic *entry = bpf_map_lookup_elem(&traffic, &number);
    if (!entry)
        return;
    __sync_fetch_and_add(&entry->sent_packets, packets);
    __sync_fetch_and_add(&entry->sent_bytes, bytes);
}
