// The kernel's half of the datapath, at its hooks:
//
//   pod       what comes from a pod               tc ingress of its veth's host end
//   tunnel    what the host routes to the overlay  tc egress of the tunnel device
//   uplink    what comes from other nodes          tc ingress of the devices that lead to them
//   merged    the same, behind the GRO loop        tc ingress of the loop's end
//   refuse    what came there, and must not        tc ingress of the device that has the kernel merge VXLAN-GPE
//   bridge    what the host hands to its pods      tc egress of the bridge
//   to_pod    the same, a pod's                    tc egress of its veth's host end
//
// `pod` and `to_pod` are there for flows that may skip the stack alone. Whatever a program cannot or must not do itself it
// leaves to whoever comes next: other programs, the stack, and at last the daemon in user space, which can do everything.
#include "flow.h"
#include "receive.h"
#include "send.h"

const char program_license[] SEC("license") = "GPL";

static __always_inline int drop(enum warrens_counter reason, __u32 packets)
{
    add(reason, packets);
    return DROP;
}

// Sends the packet behind `link_length` bytes of link header to the peer with this number.
static __always_inline int send(struct __sk_buff *skb, __u32 link_length, const struct warrens_config *config,
                                __u32 number, const struct packet *packet)
{
    struct warrens_peer *peer = bpf_map_lookup_elem(&peers, &number);
    if (!peer || !(peer->flags & WARRENS_PEER_REACHABLE) || !fits(skb, config, peer, packet))
        return NEXT;
    __u32 packets = segment_count(skb, packet);
    __u64 bytes = segment_bytes(packet, packets);
    if (!encapsulate(skb, link_length, config, peer, packet))
        return drop(WARRENS_DROP_SEND_FAILED, packets);
    count_sent(number, packets, bytes);
    return transmit(skb, config, peer);
}

// A tunnel inside of the tunnel?
static __always_inline bool is_loop(const struct packet *packet)
{
    if (packet->protocol != IPPROTO_UDP)
        return false;
    struct warrens_endpoint key = {.address = packet->destination, .port = packet->destination_port};
    return bpf_map_lookup_elem(&endpoints, &key);
}

SEC("tc")
int tunnel(struct __sk_buff *skb)
{
    const struct warrens_config *config = configuration();
    struct packet packet;

    bool is_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    if (!config || (!is_v6 && skb->protocol != bpf_htons(ETH_P_IP)))
        return NEXT;
    if (!read_packet(skb, 0, is_v6, &packet) || packet.length != skb->len ||
        is_martian(&packet.destination, is_v6) || is_loop(&packet))
        goto declined;
    if (config->flags & WARRENS_FAST_PATH) {
        leaves_stack(skb, &packet, true);
        skb->tc_index = 0;
    }
    __u32 number = carrier(config, &packet.destination);
    if (number == NOBODY)
        goto declined;
    int action = send(skb, 0, config, number, &packet);
    if (action != NEXT)
        return action;
declined:
    add(WARRENS_DECLINED_SENT, 1);
    return NEXT;
}

SEC("tc")
int pod(struct __sk_buff *skb)
{
    const struct warrens_config *config = configuration();
    struct packet packet;

    bool is_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    // Whatever the pod has put there.
    skb->tc_index = 0;
    if (!config || (!is_v6 && skb->protocol != bpf_htons(ETH_P_IP)))
        return NEXT;
    if (!read_packet(skb, ETH_HLEN, is_v6, &packet) || packet.length != skb->len - ETH_HLEN)
        return NEXT;
    __u32 number = subnet_owner(config, &packet.destination);
    if (number == NOBODY)
        return NEXT;
    struct warrens_local *local = bpf_map_lookup_elem(&locals, &packet.source);
    if (!local || local->device != skb->ifindex || !(local->flags & WARRENS_LOCAL_BYPASSABLE))
        return NEXT;
    if (!enters_stack(skb, config, &packet, true) || packet.hop_limit <= 1 || is_loop(&packet))
        return NEXT;
    struct warrens_peer *peer = bpf_map_lookup_elem(&peers, &number);
    if (!peer || !(peer->flags & WARRENS_PEER_REACHABLE) || !fits(skb, config, peer, &packet))
        return NEXT;
    __u32 packets = segment_count(skb, &packet);
    if (!lower_hop_limit(skb, ETH_HLEN, is_v6))
        return NEXT;
    add(WARRENS_BYPASSED_SENT, packets);
    return send(skb, ETH_HLEN, config, number, &packet);
}

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
    const struct warrens_config *config = configuration();
    struct packet packet;

    bool is_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    if (!config || (!is_v6 && skb->protocol != bpf_htons(ETH_P_IP)))
        return NEXT;
    if (read_packet(skb, ETH_HLEN, is_v6, &packet))
        leaves_stack(skb, &packet, false);
    skb->tc_index = 0;
    return NEXT;
}

// A bridge cuts super-packets that were in a tunnel, since it announces no offloads for what is in tunnels, and the traces
// of the outer headers stay. A veth cuts nothing, so they go there without the bridge, which would find the same port.
SEC("tc")
int bridge(struct __sk_buff *skb)
{
    struct packet packet;

    bool is_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    if (!skb->gso_size || (!is_v6 && skb->protocol != bpf_htons(ETH_P_IP)))
        return NEXT;
    if (!read_packet(skb, ETH_HLEN, is_v6, &packet))
        return NEXT;
    struct warrens_local *local = bpf_map_lookup_elem(&locals, &packet.destination);
    if (!local || !(local->flags & WARRENS_LOCAL_BYPASSABLE))
        return NEXT;
    return bpf_redirect(local->device, 0);
}

// Hands a packet that was accepted from a peer, behind an Ethernet header, to where it goes on this node.
static __always_inline int deliver(struct __sk_buff *skb, const struct warrens_config *config,
                                   const struct packet *packet, __u32 packets)
{
    if (config->flags & WARRENS_FAST_PATH) {
        skb->tc_index = 0;
        struct warrens_local *local = bpf_map_lookup_elem(&locals, &packet->destination);
        if (local && local->flags & WARRENS_LOCAL_BYPASSABLE && enters_stack(skb, config, packet, false) &&
            packet->hop_limit > 1) {
            __u16 type = packet->is_v6 ? ETH_P_IPV6 : ETH_P_IP;
            if (!write_link_header(skb, local->pod_mac, local->host_mac, type) ||
                !lower_hop_limit(skb, ETH_HLEN, packet->is_v6))
                return drop(WARRENS_DROP_DELIVERY_FAILED, packets);
            add(WARRENS_BYPASSED_RECEIVED, packets);
            return bpf_redirect_peer(local->device, 0);
        }
    }
    return bpf_redirect(config->tunnel_device, BPF_F_INGRESS);
}

// The same for a packet that carries no outer headers any more, and was merged with others since.
static __always_inline int deliver_stripped(struct __sk_buff *skb, const struct warrens_config *config, bool is_counted)
{
    struct packet packet;

    bool is_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    if (!pull_headers(skb, ETH_HLEN, is_v6) || !read_packet(skb, ETH_HLEN, is_v6, &packet))
        return drop(WARRENS_DROP_DELIVERY_FAILED, 1);
    __u32 packets = segment_count(skb, &packet);
    if (!is_counted)
        count_received(known_sender(config, &packet), packets, segment_bytes(&packet, packets));
    return deliver(skb, config, &packet, packets);
}

// Whether the program in the driver has accepted the packet, and taken its outer headers off.
static __always_inline bool is_stripped(struct __sk_buff *skb, const struct warrens_config *config)
{
    __u32 *mark = (void *)(long)skb->data_meta;
    return (void *)(mark + 1) <= (void *)(long)skb->data && *mark == config->mark;
}

// Whether a packet that came without a datagram around it is for a pod.
static __always_inline bool is_for_pod(struct __sk_buff *skb)
{
    struct packet packet;

    bool is_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    return pull_headers(skb, ETH_HLEN, is_v6) && read_packet(skb, ETH_HLEN, is_v6, &packet) &&
           bpf_map_lookup_elem(&locals, &packet.destination);
}

static __always_inline int receive(struct __sk_buff *skb, bool has_link_header)
{
    const struct warrens_config *config = configuration();
    const __u32 link_length = has_link_header ? ETH_HLEN : 0;
    struct datagram datagram;
    struct packet packet;

    if (!config)
        return NEXT;
    bool over_v6 = skb->protocol == bpf_htons(ETH_P_IPV6);
    if (!over_v6 && skb->protocol != bpf_htons(ETH_P_IP))
        return NEXT;
    bool strips_early = has_link_header && config->flags & WARRENS_STRIPS_EARLY;
    if (strips_early && is_stripped(skb, config))
        return deliver_stripped(skb, config, true);
    __u32 outer = outer_length(config, over_v6);
    if (!pull(skb, link_length + outer + 1))
        return NEXT;
    if (!read_datagram(skb, link_length, over_v6, config, &datagram))
        return strips_early && is_for_pod(skb) ? drop(WARRENS_DROP_BARE_INNER, 1) : NEXT;
    bool is_packet = pull_headers(skb, link_length + outer, is_inner_v6(skb, link_length + outer)) &&
                     read_inner(skb, skb->len, link_length, over_v6, config, &datagram, &packet);
    __u32 packets = is_packet ? segment_count(skb, &packet) : 1;
    struct warrens_accepted *memory = is_packet ? find_memory(&packet) : NULL;
    __u32 number;
    if (memory && remembers(memory, config, &datagram, &packet)) {
        number = memory->peer;
    } else {
        __u32 generation = config->generation;
        enum warrens_counter reason;
        if (!bpf_map_lookup_elem(&addresses, &datagram.destination))
            return NEXT;
        if (!is_packet)
            goto declined;
        number = check(config, &packet, &reason);
        if (number == NOBODY)
            return drop(reason, packets);
        struct warrens_peer *peer = bpf_map_lookup_elem(&peers, &number);
        if (!peer)
            goto declined;
        if (peer->flags & WARRENS_PEER_CHECKS_SOURCE && !sends_from(number, peer, &datagram.source))
            return drop(WARRENS_DROP_SPOOFED_SOURCE, packets);
        if (peer->flags & WARRENS_PEER_DEFERS_CHECKSUMS)
            goto declined;
        // Looked up anew: the verifier of Linux 6.1 has lost track of the first answer by now.
        memory = find_memory(&packet);
        if (memory)
            remember(memory, generation, &datagram, &packet, number);
    }
    if (!is_deliverable(skb, config, over_v6, &packet))
        goto declined;
    __u8 class;
    if (!decapsulated_class(packet.traffic_class, datagram.traffic_class, &class))
        return drop(WARRENS_DROP_CONGESTION, packets);

    if (class != packet.traffic_class && !set_traffic_class(skb, link_length + outer, packet.is_v6, class))
        return drop(WARRENS_DROP_DELIVERY_FAILED, packets);
    if (!decapsulate(skb, has_link_header, outer, over_v6, &datagram, &packet))
        return drop(WARRENS_DROP_DELIVERY_FAILED, packets);
    if (enters_loop(skb, config, &packet)) {
        if (!write_link_header(skb, config->loop_mac, config->loop_mac, packet.is_v6 ? ETH_P_IPV6 : ETH_P_IP))
            return drop(WARRENS_DROP_DELIVERY_FAILED, packets);
        return bpf_redirect(config->loop_device, 0);
    }
    count_received(number, packets, segment_bytes(&packet, packets));
    return deliver(skb, config, &packet, packets);

declined:
    add(WARRENS_DECLINED_RECEIVED, 1);
    return NEXT;
}

SEC("tc")
int uplink(struct __sk_buff *skb)
{
    return receive(skb, true);
}

// Of a device without link header: point to point links, mobile networks.
SEC("tc")
int bare_uplink(struct __sk_buff *skb)
{
    return receive(skb, false);
}

// What the uplinks' programs let pass to a device of ours is forged, or came where they are not.
SEC("tc")
int refuse(struct __sk_buff *skb)
{
    (void)skb;
    return DROP;
}

// Whether a packet in the loop was accepted on an uplink: then it was given this source. Whatever the kernel itself sends
// there, of multicast groups for example, has that of the entry.
static __always_inline bool was_accepted(struct __sk_buff *skb, const struct warrens_config *config)
{
    struct ethhdr *header = (void *)(long)skb->data;

    return (void *)(header + 1) <= (void *)(long)skb->data_end &&
           !__builtin_memcmp(header->h_source, config->loop_mac, ETH_ALEN);
}

// Packets are counted here, where many are one.
SEC("tc")
int merged(struct __sk_buff *skb)
{
    const struct warrens_config *config = configuration();

    return config && was_accepted(skb, config) ? deliver_stripped(skb, config, false) : DROP;
}
