#define _GNU_SOURCE
#include "datagram_shim.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h>

union address {
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Room for a traffic class and a segment size as ancillary data, aligned as the CMSG macros want it. */
union control {
    struct cmsghdr header;
    char bytes[2 * CMSG_SPACE(sizeof(int))];
};

/* linux/udp.h, whose struct udphdr the C library defines, too. */
enum { udp_segment = 103, udp_gro = 104 };

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static socklen_t write_address(union address *to, int is_v6, const uint8_t address[16], uint16_t port) {
    if (is_v6) {
        to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&to->v6.sin6_addr, address, 16);
        return sizeof to->v6;
    }
    to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
    memcpy(&to->v4.sin_addr, address + 12, 4);
    return sizeof to->v4;
}

static void read_address(uint8_t to[16], int is_v6, const union address *from) {
    if (is_v6) {
        memcpy(to, &from->v6.sin6_addr, 16);
    } else {
        memcpy(to, mapped_prefix, 12);
        memcpy(to + 12, &from->v4.sin_addr, 4);
    }
}

int warrens_bind_port(int socket, int is_v6, uint16_t port) {
    static const uint8_t any[16];
    union address address;
    socklen_t length = write_address(&address, is_v6, any, port);
    return bind(socket, (const struct sockaddr *)&address, length);
}

/* Adds one piece of ancillary data behind what `message` has; the caller has made room for it. */
static void add_control(struct msghdr *message, union control *control, int level, int type, const void *value, size_t size) {
    message->msg_control = control;
    struct cmsghdr *header = (struct cmsghdr *)(control->bytes + message->msg_controllen);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), value, size);
    message->msg_controllen += CMSG_SPACE(size);
}

int warrens_send(int socket, int is_v6, const struct warrens_outgoing *messages, int count) {
    struct mmsghdr headers[WARRENS_DATAGRAM_BATCH];
    union address addresses[WARRENS_DATAGRAM_BATCH];
    union control controls[WARRENS_DATAGRAM_BATCH];

    if (count > WARRENS_DATAGRAM_BATCH) count = WARRENS_DATAGRAM_BATCH;
    for (int i = 0; i < count; i++) {
        const struct warrens_outgoing *from = &messages[i];
        struct msghdr *to = &headers[i].msg_hdr;
        *to = (struct msghdr){
            .msg_iov = (struct iovec *)from->parts, .msg_iovlen = from->part_count, .msg_name = &addresses[i],
        };
        to->msg_namelen = write_address(&addresses[i], is_v6, from->address, from->port);
        if (from->traffic_class) {
            int value = from->traffic_class;
            if (is_v6) add_control(to, &controls[i], IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
            else add_control(to, &controls[i], IPPROTO_IP, IP_TOS, &value, sizeof value);
        }
        if (from->segment)
            add_control(to, &controls[i], IPPROTO_UDP, udp_segment, &from->segment, sizeof from->segment);
    }
    return sendmmsg(socket, headers, (unsigned)count, MSG_DONTWAIT);
}

static void read_control(struct warrens_received *to, struct msghdr *message) {
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
        /* The traffic class is received as one byte over IPv4 and as an int over IPv6. */
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) {
            to->traffic_class = *(const uint8_t *)CMSG_DATA(header);
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
            int value;
            memcpy(&value, CMSG_DATA(header), sizeof value);
            to->traffic_class = (uint8_t)value;
        } else if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == udp_gro) {
            int value;
            memcpy(&value, CMSG_DATA(header), sizeof value);
            if (value > 0) to->segment = (uint32_t)value;
        }
    }
}

int warrens_receive(int socket, int is_v6, struct warrens_received *messages, int count) {
    struct mmsghdr headers[WARRENS_DATAGRAM_BATCH];
    struct iovec parts[WARRENS_DATAGRAM_BATCH];
    union address addresses[WARRENS_DATAGRAM_BATCH];
    union control controls[WARRENS_DATAGRAM_BATCH];

    if (count > WARRENS_DATAGRAM_BATCH) count = WARRENS_DATAGRAM_BATCH;
    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = messages[i].bytes, .iov_len = messages[i].length};
        headers[i].msg_hdr = (struct msghdr){
            .msg_iov = &parts[i], .msg_iovlen = 1,
            .msg_name = &addresses[i], .msg_namelen = sizeof addresses[i],
            .msg_control = &controls[i], .msg_controllen = sizeof controls[i],
        };
    }
    int received = recvmmsg(socket, headers, (unsigned)count, MSG_DONTWAIT, NULL);
    for (int i = 0; i < received; i++) {
        struct warrens_received *to = &messages[i];
        to->length = headers[i].msg_len;
        to->segment = 0;
        to->traffic_class = 0;
        to->truncated = (headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
        read_address(to->address, is_v6, &addresses[i]);
        read_control(to, &headers[i].msg_hdr);
    }
    return received;
}

int warrens_receive_socket_error(int socket, int is_v6, struct warrens_socket_error *error) {
    union address address = {0};
    char control[512] __attribute__((aligned(8)));
    char payload[1];
    struct iovec part = {.iov_base = payload, .iov_len = sizeof payload};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_name = &address, .msg_namelen = sizeof address,
        .msg_control = control, .msg_controllen = sizeof control,
    };

    if (recvmsg(socket, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return -1;
    memset(error, 0, sizeof *error);
    read_address(error->address, is_v6, &address);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if ((header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
            (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR)) {
            struct sock_extended_err extended;
            memcpy(&extended, CMSG_DATA(header), sizeof extended);
            error->code = (int32_t)extended.ee_errno;
            error->information = extended.ee_info;
        }
    }
    return 0;
}
