// The headers of a packet, read once.
#pragma once

#include "context.h"

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "datapath_layout.h"

// What a program is given: a packet of the kernel's, or a frame that a driver has received. Both say in the same words where
// the bytes are.
#ifndef CONTEXT
#define CONTEXT struct __sk_buff
#endif

#define FRAGMENT_OFFSET 0x1fff
#define MORE_FRAGMENTS 0x2000
#define DO_NOT_FRAGMENT 0x4000

// TCP flags in the 14th byte of the header.
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04

// An IP packet's fields that decide what becomes of it.
struct packet {
    struct warrens_address source;
    struct warrens_address destination;
    // Length by its own header, and that of the IP header with options, in bytes. IPv6 extensions count as payload.
    __u32 length;
    __u32 header_length;
    bool is_v6;
    // DSCP and ECN.
    __u8 traffic_class;
    __u8 hop_limit;
    // The IPv4 protocol, or the IPv6 next header.
    __u8 protocol;
    // Part of a fragmented IPv4 packet.
    bool is_fragment;
    // What follows is of TCP and UDP that is no fragment; 0 otherwise. Ports in network byte order.
    __u16 source_port;
    __u16 destination_port;
    __u8 tcp_flags;
    // IP header and transport header together, or 0 where the transport is another or torn.
    __u32 headers_length;
};

static __always_inline void map_v4(struct warrens_address *address, __u32 v4)
{
    address->word[0] = 0;
    address->word[1] = 0;
    address->word[2] = bpf_htonl(0xffff);
    address->word[3] = v4;
}

static __always_inline bool is_mapped(const struct warrens_address *address)
{
    return !address->word[0] && !address->word[1] && address->word[2] == bpf_htonl(0xffff);
}

static __always_inline bool is_same(const struct warrens_address *left, const struct warrens_address *right)
{
    return left->word[0] == right->word[0] && left->word[1] == right->word[1] && left->word[2] == right->word[2] &&
           left->word[3] == right->word[3];
}

// No packet from elsewhere may bear such an address: see AddressKey.isMartian in warrensd.
static __always_inline bool is_martian(const struct warrens_address *address, bool is_v6)
{
    if (!is_v6) {
        __u32 number = bpf_ntohl(address->word[3]);
        __u32 first = number >> 24;
        return first == 0 || first == 127 || first >= 224 || number >> 16 == 0xa9fe;
    }
    __u32 high = bpf_ntohl(address->word[0]);
    if (!address->word[0] && !address->word[1]) {
        if (address->word[2] == bpf_htonl(0xffff))
            return true;
        return !address->word[2] && bpf_ntohl(address->word[3]) <= 1;
    }
    return high >> 24 == 0xff || high >> 22 == 0x3fa;
}

static __always_inline void read_transport(CONTEXT *skb, __u32 offset, struct packet *packet)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;
    // Masked, so that the verifier sees a bound that it may have lost on the way.
    __u32 at = offset + (packet->header_length & 0x3c);

    if (packet->is_fragment)
        return;
    if (packet->protocol == IPPROTO_TCP) {
        struct tcphdr *tcp = data + at;
        if ((void *)(tcp + 1) > end)
            return;
        packet->source_port = tcp->source;
        packet->destination_port = tcp->dest;
        packet->tcp_flags = ((__u8 *)tcp)[13];
        packet->headers_length = packet->header_length + tcp->doff * 4;
    } else if (packet->protocol == IPPROTO_UDP) {
        struct udphdr *udp = data + at;
        if ((void *)(udp + 1) > end)
            return;
        packet->source_port = udp->source;
        packet->destination_port = udp->dest;
        packet->headers_length = packet->header_length + sizeof(*udp);
    }
}

// Reads the IP packet at `offset`, which must be constant. False where it is torn, or no IP packet.
static __always_inline bool read_packet(CONTEXT *skb, __u32 offset, bool is_v6, struct packet *packet)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;

    __builtin_memset(packet, 0, sizeof(*packet));
    packet->is_v6 = is_v6;
    if (is_v6) {
        struct ipv6hdr *header = data + offset;
        if ((void *)(header + 1) > end || header->version != 6)
            return false;
        __builtin_memcpy(&packet->source, &header->saddr, 16);
        __builtin_memcpy(&packet->destination, &header->daddr, 16);
        packet->length = bpf_ntohs(header->payload_len) + sizeof(*header);
        packet->header_length = sizeof(*header);
        packet->traffic_class = bpf_ntohs(*(__u16 *)header) >> 4;
        packet->hop_limit = header->hop_limit;
        packet->protocol = header->nexthdr;
    } else {
        struct iphdr *header = data + offset;
        if ((void *)(header + 1) > end || header->version != 4 || header->ihl < 5)
            return false;
        map_v4(&packet->source, header->saddr);
        map_v4(&packet->destination, header->daddr);
        packet->length = bpf_ntohs(header->tot_len);
        packet->header_length = header->ihl * 4;
        packet->traffic_class = header->tos;
        packet->hop_limit = header->ttl;
        packet->protocol = header->protocol;
        packet->is_fragment = header->frag_off & bpf_htons(FRAGMENT_OFFSET | MORE_FRAGMENTS);
        if (packet->length < packet->header_length)
            return false;
    }
    read_transport(skb, offset, packet);
    return true;
}

// How many packets a super-packet stands for. The kernel's own count is lost where headers are put on or taken off.
static __always_inline __u32 segment_count(struct __sk_buff *skb, const struct packet *packet)
{
    if (!skb->gso_size || packet->length <= packet->headers_length)
        return 1;
    return (packet->length - packet->headers_length + skb->gso_size - 1) / skb->gso_size;
}

// Their bytes in all once it is cut.
static __always_inline __u64 segment_bytes(const struct packet *packet, __u32 segments)
{
    return packet->length + (__u64)(segments - 1) * packet->headers_length;
}

// What a changed 16-bit word makes of an IPv4 header checksum (RFC 1624, equation 3).
static __always_inline __u16 updated_checksum(__u16 checksum, __u16 old, __u16 new)
{
    __u32 sum = (__u16)~checksum + (__u16)~old + new;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

static __always_inline bool set_traffic_class(CONTEXT *skb, __u32 offset, bool is_v6, __u8 class)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;
    __u16 *first = data + offset;

    if (is_v6) {
        if ((void *)(first + 1) > end)
            return false;
        *first = (*first & bpf_htons(0xf00f)) | bpf_htons((__u16)class << 4);
    } else {
        struct iphdr *header = data + offset;
        if ((void *)(header + 1) > end)
            return false;
        __u16 old = *first;
        header->tos = class;
        header->check = updated_checksum(header->check, old, *first);
    }
    return true;
}

// Lowers the hop limit by one, as a router does.
static __always_inline bool lower_hop_limit(struct __sk_buff *skb, __u32 offset, bool is_v6)
{
    void *data = (void *)(long)skb->data;
    void *end = (void *)(long)skb->data_end;

    if (is_v6) {
        struct ipv6hdr *header = data + offset;
        if ((void *)(header + 1) > end)
            return false;
        header->hop_limit--;
    } else {
        struct iphdr *header = data + offset;
        if ((void *)(header + 1) > end)
            return false;
        __u16 *word = (__u16 *)&header->ttl;
        __u16 old = *word;
        header->ttl--;
        header->check = updated_checksum(header->check, old, *word);
    }
    return true;
}
