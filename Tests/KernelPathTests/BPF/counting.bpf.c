/* Programs that leave a trace, and maps of every kind that the tests use. */
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

struct passed {
    __u64 packets;
    __u64 bytes;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 4);
    __type(key, __u32);
    __type(value, struct passed);
} passed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8);
    __type(key, __u32);
    __type(value, __u64);
} lengths SEC(".maps");

struct settings {
    __u32 slot;
};
const volatile struct settings settings SEC(".rodata.settings") = {0};

static __always_inline int count(struct __sk_buff *packet, __u32 slot) {
    struct passed *counter = bpf_map_lookup_elem(&passed, &slot);
    if (counter) {
        counter->packets++;
        counter->bytes += packet->len;
    }
    __u32 length = packet->len;
    __u64 *seen = bpf_map_lookup_elem(&lengths, &length);
    if (seen) __sync_fetch_and_add(seen, 1);
    return TC_ACT_UNSPEC;
}

SEC("tc")
int first(struct __sk_buff *packet) {
    return count(packet, settings.slot);
}

SEC("tc")
int second(struct __sk_buff *packet) {
    return count(packet, settings.slot + 1);
}

SEC("xdp")
int pass(struct xdp_md *packet) {
    __u32 slot = 3;
    struct passed *counter = bpf_map_lookup_elem(&passed, &slot);
    if (counter) {
        counter->packets++;
        counter->bytes += packet->data_end - packet->data;
    }
    return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
