/* A program that the verifier refuses, beside one that it takes. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int reads_beyond_end(struct __sk_buff *packet) {
    const __u8 *data = (const __u8 *)(long)packet->data;
    return data[13]; /* without a look at data_end */
}

SEC("tc")
int sound(struct __sk_buff *packet) {
    return packet->len ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
