/*
 * The tunnel's programs for traffic control (tc): they count what passes and leave the rest to the stack.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

/* Packets and bytes that came by, for each direction. */
struct passed {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, struct passed);
} passed SEC(".maps");

static __always_inline int count(struct __sk_buff *packet, __u32 direction) {
    struct passed *counter = bpf_map_lookup_elem(&passed, &direction);
    if (counter) {
        counter->packets++;
        counter->bytes += packet->len;
    }
    /* The same number as TCX_NEXT: whoever comes behind goes on with the packet. */
    return TC_ACT_UNSPEC;
}

SEC("tc")
int count_ingress(struct __sk_buff *packet) {
    return count(packet, 0);
}

SEC("tc")
int count_egress(struct __sk_buff *packet) {
    return count(packet, 1);
}

char LICENSE[] SEC("license") = "GPL";
