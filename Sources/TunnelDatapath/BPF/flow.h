// Flows that may skip the host's stack.
//
// A flow is known by what its packets look like at the pod. Only where they look the same before and behind the stack, in
// both directions, does the host translate nothing, and let it pass: then the stack has no more to say. Connections begin
// and end in the stack, so that connection tracking and network policy see every one.
#pragma once

#include "maps.h"
#include "packet.h"

static __always_inline bool may_skip(const struct packet *packet)
{
    if (!packet->headers_length)
        return false;
    return packet->protocol == IPPROTO_UDP || !(packet->tcp_flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

static __always_inline void name_flow(struct warrens_flow *flow, const struct packet *packet, bool from_pod)
{
    flow->pod = from_pod ? packet->source : packet->destination;
    flow->remote = from_pod ? packet->destination : packet->source;
    flow->pod_port = from_pod ? packet->source_port : packet->destination_port;
    flow->remote_port = from_pod ? packet->destination_port : packet->source_port;
    flow->protocol = packet->protocol;
}

// Notes that a packet entered the stack. True where its flow may skip it, this packet included.
static __always_inline bool enters_stack(const struct packet *packet, bool from_pod)
{
    struct warrens_flow flow;
    __u32 here = from_pod ? WARRENS_SEEN_FROM_POD : WARRENS_SEEN_FROM_UPLINK;

    name_flow(&flow, packet, from_pod);
    if (!may_skip(packet)) {
        if (packet->headers_length)
            bpf_map_delete_elem(&flows, &flow);
        return false;
    }
    __u32 *seen = bpf_map_lookup_elem(&flows, &flow);
    if (!seen) {
        bpf_map_update_elem(&flows, &flow, &here, BPF_NOEXIST);
        return false;
    }
    if (*seen == WARRENS_SEEN_EVERYWHERE)
        return true;
    if (!(*seen & here))
        __sync_fetch_and_or(seen, here);
    return false;
}

// Notes that a packet came out of the stack; of no account where it does not look as one that entered.
static __always_inline void leaves_stack(const struct packet *packet, bool from_pod)
{
    struct warrens_flow flow;
    __u32 here = from_pod ? WARRENS_SEEN_TO_TUNNEL : WARRENS_SEEN_TO_POD;

    if (!may_skip(packet))
        return;
    name_flow(&flow, packet, from_pod);
    __u32 *seen = bpf_map_lookup_elem(&flows, &flow);
    if (seen && !(*seen & here))
        __sync_fetch_and_or(seen, here);
}
