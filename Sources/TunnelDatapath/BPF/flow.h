// Flows that may skip the host's stack.
//
// A flow is known by what its packets look like at the pod. Only where a packet looks the same before and behind the stack,
// in both directions, does the host translate nothing, and let it pass: then the stack has no more to say. Connections begin
// and end in the stack, so that connection tracking and network policy see every one.
//
// What was seen counts for some seconds; then the flow goes through the stack again until it was seen anew. So whatever the
// host decides takes effect though nobody tells of it, and connection tracking never forgets a flow that is in use.
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

// What a packet bears through the stack, so that behind it is known what it looked like before: another flow, which the host
// translates, may look the same there. Never 0, which is what other packets bear.
static __always_inline __u16 label(const struct warrens_flow *flow, bool from_pod)
{
    const __u32 *word = (const __u32 *)flow;
    __u32 hash = from_pod;
#pragma unroll
    for (__u32 index = 0; index < sizeof(*flow) / sizeof(*word); index++)
        hash = (hash ^ word[index]) * 0x01000193;
    return hash >> 16 | 1;
}

// Notes that a packet of a pod that may skip the stack comes to it. True where it may do so itself.
static __always_inline bool enters_stack(struct __sk_buff *skb, const struct warrens_config *config,
                                         const struct packet *packet, bool from_pod)
{
    struct warrens_flow flow;
    __u32 here = from_pod ? WARRENS_SEEN_FROM_POD : WARRENS_SEEN_FROM_UPLINK;

    name_flow(&flow, packet, from_pod);
    if (!may_skip(packet)) {
        if (packet->headers_length)
            bpf_map_delete_elem(&flows, &flow);
        return false;
    }
    __u64 now = bpf_ktime_get_coarse_ns();
    struct warrens_evidence *evidence = bpf_map_lookup_elem(&flows, &flow);
    if (!evidence) {
        struct warrens_evidence first = {.since = now, .seen = here};
        bpf_map_update_elem(&flows, &flow, &first, BPF_NOEXIST);
    } else if (now - evidence->since >= WARRENS_EVIDENCE_LIFETIME || evidence->since <= config->evidence_since) {
        // In this order: whoever finds it half changed finds it too old.
        *(volatile __u32 *)&evidence->seen = here;
        *(volatile __u64 *)&evidence->since = now;
    } else if (evidence->seen == WARRENS_SEEN_EVERYWHERE) {
        return true;
    } else if (!(evidence->seen & here)) {
        __sync_fetch_and_or(&evidence->seen, here);
    }
    skb->tc_index = label(&flow, from_pod);
    return false;
}

// Notes that a packet came out of the stack; of no account where it does not look as it did before.
static __always_inline void leaves_stack(struct __sk_buff *skb, const struct packet *packet, bool from_pod)
{
    struct warrens_flow flow;
    __u32 here = from_pod ? WARRENS_SEEN_TO_TUNNEL : WARRENS_SEEN_TO_POD;

    if (!skb->tc_index || !may_skip(packet))
        return;
    name_flow(&flow, packet, from_pod);
    if (skb->tc_index != label(&flow, from_pod))
        return;
    struct warrens_evidence *evidence = bpf_map_lookup_elem(&flows, &flow);
    if (evidence && !(evidence->seen & here))
        __sync_fetch_and_or(&evidence->seen, here);
}
