#define _GNU_SOURCE
#include "netlink_shim.h"

#include <errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static void set_buffer(int descriptor, int forced, int ordinary, int bytes) {
    if (setsockopt(descriptor, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0)
        setsockopt(descriptor, SOL_SOCKET, ordinary, &bytes, sizeof bytes);
}

struct nl_sock *warrens_socket_open(int protocol) {
    struct nl_sock *socket = nl_socket_alloc();
    if (!socket) {
        errno = ENOMEM;
        return NULL;
    }
    /* libnl translates errno into numbers of its own, but leaves errno as the failed call set it. */
    errno = 0;
    if (nl_connect(socket, protocol) < 0) {
        int code = errno ? errno : EIO;
        nl_socket_free(socket);
        errno = code;
        return NULL;
    }
    /* Kernels that lack one of these send less text or filter less; Swift copes with both. */
    int descriptor = nl_socket_get_fd(socket), on = 1;
    setsockopt(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    setsockopt(descriptor, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
    /* Room for the answers to a batch all of whose requests fail; libnl sets 32 KiB, which would not do. */
    set_buffer(descriptor, SO_RCVBUFFORCE, SO_RCVBUF, 512 * 1024);
    return socket;
}

void warrens_socket_close(struct nl_sock *socket) { nl_socket_free(socket); }

static int send_datagram(struct nl_sock *socket, const void *bytes, size_t length) {
    int descriptor = nl_socket_get_fd(socket);
    /* A datagram has to fit the send buffer, which libnl sets to 32 KiB. */
    if (length > 16 * 1024) set_buffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, (int)(2 * length));
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    ssize_t sent;
    do sent = sendto(descriptor, bytes, length, 0, (struct sockaddr *)&kernel, sizeof kernel);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

/* Fills in what only the socket knows. */
static struct nlmsghdr *complete(
    struct nl_sock *socket, struct nl_msg *message, bool acknowledged, uint32_t *sequence) {
    if (acknowledged)
        nl_socket_enable_auto_ack(socket);
    else
        nl_socket_disable_auto_ack(socket);
    nl_complete_msg(socket, message);
    struct nlmsghdr *header = nlmsg_hdr(message);
    *sequence = header->nlmsg_seq;
    return header;
}

int warrens_socket_send(
    struct nl_sock *socket, struct nl_msg *const *messages, const bool *acknowledged, uint32_t *sequences,
    size_t count) {
    size_t length = 0;
    for (size_t index = 0; index < count; index++)
        length += NLMSG_ALIGN(nlmsg_hdr(messages[index])->nlmsg_len);
    /* One piece, for a gathering send takes 1024 pieces at most. */
    char *datagram = calloc(1, length);
    if (!datagram) return -1;
    char *place = datagram;
    for (size_t index = 0; index < count; index++) {
        struct nlmsghdr *header = complete(socket, messages[index], acknowledged[index], &sequences[index]);
        memcpy(place, header, header->nlmsg_len);
        place += NLMSG_ALIGN(header->nlmsg_len);
    }
    int result = send_datagram(socket, datagram, length);
    int code = errno;
    free(datagram);
    errno = code;
    return result;
}

int warrens_socket_query(struct nl_sock *socket, struct nl_msg *message, uint32_t *sequence) {
    struct nlmsghdr *header = complete(socket, message, false, sequence);
    return send_datagram(socket, header, header->nlmsg_len);
}

ssize_t warrens_socket_receive(struct nl_sock *socket, void *buffer, size_t capacity, int flags) {
    for (;;) {
        struct sockaddr_nl sender = {0};
        struct iovec part = {buffer, capacity};
        struct msghdr header = {
            .msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &part, .msg_iovlen = 1};
        ssize_t length = recvmsg(nl_socket_get_fd(socket), &header, flags);
        if (length < 0) {
            if (errno == EINTR) continue;
            return -1;
        }
        if (header.msg_flags & MSG_TRUNC) {
            errno = EMSGSIZE;
            return -1;
        }
        /* Any process may send to a netlink socket; port 0 is the kernel alone. */
        if (sender.nl_pid == 0) return length;
    }
}
