// What a network card's driver shows before the kernel makes packets of it.
//
// The outer headers of data are taken off here already, so that the kernel's receive offload meets bare packets, and merges
// those of a flow by itself. Whatever is not accepted at once stays as it is, for the program `uplink` to decide.
#define CONTEXT struct xdp_md

#include "receive.h"

const char program_license[] SEC("license") = "GPL";

// False where something is not in order, of which `uplink` finds out what.
static __always_inline bool accepts(const struct warrens_config *config, const struct datagram *datagram,
                                    const struct packet *packet, __u32 *number)
{
    enum warrens_counter reason;

    if (packet->length > config->longest_received || !bpf_map_lookup_elem(&addresses, &datagram->destination))
        return false;
    *number = check(config, packet, &reason);
    if (*number == NOBODY)
        return false;
    struct warrens_peer *peer = bpf_map_lookup_elem(&peers, number);
    if (!peer || peer->flags & WARRENS_PEER_DEFERS_CHECKSUMS)
        return false;
    return !(peer->flags & WARRENS_PEER_CHECKS_SOURCE) || sends_from(*number, peer, &datagram->source);
}

// Takes `outer` bytes of outer headers off, and leaves the mark by which `uplink` knows that this was done. False where the
// frame is none any more.
static __always_inline bool strip(struct xdp_md *frame, const struct warrens_config *config, __u32 outer, bool is_v6)
{
    void *data = (void *)(long)frame->data;
    struct ethhdr link;

    if (data + sizeof(link) > (void *)(long)frame->data_end)
        return false;
    __builtin_memcpy(&link, data, sizeof(link));
    link.h_proto = bpf_htons(is_v6 ? ETH_P_IPV6 : ETH_P_IP);
    if (bpf_xdp_adjust_head(frame, outer))
        return false;
    data = (void *)(long)frame->data;
    __u32 *mark = (void *)(long)frame->data_meta;
    if (data + sizeof(link) > (void *)(long)frame->data_end || (void *)(mark + 1) > data)
        return false;
    __builtin_memcpy(data, &link, sizeof(link));
    *mark = config->mark;
    return true;
}

SEC("xdp")
int arriving(struct xdp_md *frame)
{
    const struct warrens_config *config = configuration();
    struct ethhdr *link = (void *)(long)frame->data;
    struct datagram datagram;
    struct packet packet;
    __u32 number;
    __u8 class;

    if (!config || (void *)(link + 1) > (void *)(long)frame->data_end)
        return XDP_PASS;
    bool over_v6 = link->h_proto == bpf_htons(ETH_P_IPV6);
    if (!over_v6 && link->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    __u32 length = (long)frame->data_end - (long)frame->data;
    if (!read_datagram(frame, ETH_HLEN, over_v6, config, &datagram) ||
        !read_inner(frame, length, ETH_HLEN, over_v6, config, &datagram, &packet) ||
        !accepts(config, &datagram, &packet, &number) ||
        !decapsulated_class(packet.traffic_class, datagram.traffic_class, &class))
        return XDP_PASS;
    // A driver that has no room for it.
    if (bpf_xdp_adjust_meta(frame, -(int)sizeof(__u32)))
        return XDP_PASS;
    __u32 outer = outer_length(config, over_v6);
    if ((class != packet.traffic_class && !set_traffic_class(frame, ETH_HLEN + outer, packet.is_v6, class)) ||
        !strip(frame, config, outer, packet.is_v6)) {
        add(WARRENS_DROP_DELIVERY_FAILED, 1);
        return XDP_DROP;
    }
    count_received(number, 1, packet.length);
    return XDP_PASS;
}
