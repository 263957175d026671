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

/* Room for one int as ancillary data, aligned as the CMSG macros want it. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static socklen_t write_address(union address *to, int is_v6, const struct warrens_datagram *from) {
    if (is_v6) {
        to->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(from->port)};
        memcpy(&to->v6.sin6_addr, from->address, 16);
        return sizeof to->v6;
    }
    to->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(from->port)};
    memcpy(&to->v4.sin_addr, from->address + 12, 4);
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
    struct warrens_datagram any = {.port = port};
    union address address;
    socklen_t length = write_address(&address, is_v6, &any);
    return bind(socket, (const struct sockaddr *)&address, length);
}

int warrens_send_datagrams(int socket, int is_v6, const struct warrens_datagram *datagrams, int count) {
    struct mmsghdr messages[WARRENS_DATAGRAM_BATCH];
    struct iovec parts[WARRENS_DATAGRAM_BATCH];
    union address addresses[WARRENS_DATAGRAM_BATCH];
    union control controls[WARRENS_DATAGRAM_BATCH];

    if (count > WARRENS_DATAGRAM_BATCH) count = WARRENS_DATAGRAM_BATCH;
    for (int i = 0; i < count; i++) {
        const struct warrens_datagram *datagram = &datagrams[i];
        struct msghdr *message = &messages[i].msg_hdr;
        parts[i] = (struct iovec){.iov_base = datagram->bytes, .iov_len = datagram->length};
        *message = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1, .msg_name = &addresses[i]};
        message->msg_namelen = write_address(&addresses[i], is_v6, datagram);
        if (datagram->traffic_class) {
            int value = datagram->traffic_class;
            message->msg_control = &controls[i];
            message->msg_controllen = sizeof controls[i];
            struct cmsghdr *header = CMSG_FIRSTHDR(message);
            header->cmsg_level = is_v6 ? IPPROTO_IPV6 : IPPROTO_IP;
            header->cmsg_type = is_v6 ? IPV6_TCLASS : IP_TOS;
            header->cmsg_len = CMSG_LEN(sizeof value);
            memcpy(CMSG_DATA(header), &value, sizeof value);
        }
    }
    return sendmmsg(socket, messages, (unsigned)count, MSG_DONTWAIT);
}

int warrens_receive_datagrams(int socket, int is_v6, struct warrens_datagram *datagrams, int count) {
    struct mmsghdr messages[WARRENS_DATAGRAM_BATCH];
    struct iovec parts[WARRENS_DATAGRAM_BATCH];
    union address addresses[WARRENS_DATAGRAM_BATCH];
    union control controls[WARRENS_DATAGRAM_BATCH];

    if (count > WARRENS_DATAGRAM_BATCH) count = WARRENS_DATAGRAM_BATCH;
    for (int i = 0; i < count; i++) {
        parts[i] = (struct iovec){.iov_base = datagrams[i].bytes, .iov_len = datagrams[i].length};
        messages[i].msg_hdr = (struct msghdr){
            .msg_iov = &parts[i], .msg_iovlen = 1,
            .msg_name = &addresses[i], .msg_namelen = sizeof addresses[i],
            .msg_control = &controls[i], .msg_controllen = sizeof controls[i],
        };
    }
    int received = recvmmsg(socket, messages, (unsigned)count, MSG_DONTWAIT, NULL);
    for (int i = 0; i < received; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        struct warrens_datagram *datagram = &datagrams[i];
        datagram->length = messages[i].msg_len;
        datagram->truncated = (message->msg_flags & MSG_TRUNC) != 0;
        datagram->traffic_class = 0;
        datagram->port = ntohs(is_v6 ? addresses[i].v6.sin6_port : addresses[i].v4.sin_port);
        read_address(datagram->address, is_v6, &addresses[i]);
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header)) {
            /* Received as one byte over IPv4 and as an int over IPv6. */
            if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) {
                datagram->traffic_class = *(const uint8_t *)CMSG_DATA(header);
            } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
                int value;
                memcpy(&value, CMSG_DATA(header), sizeof value);
                datagram->traffic_class = (uint8_t)value;
            }
        }
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
