#define _GNU_SOURCE
#include "netlink_shim.h"

#include <errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

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
    return socket;
}

void warrens_socket_close(struct nl_sock *socket) { nl_socket_free(socket); }

int warrens_socket_descriptor(const struct nl_sock *socket) { return nl_socket_get_fd(socket); }

int warrens_socket_join(struct nl_sock *socket, int group) {
    return setsockopt(
        nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group);
}

static void set_buffer(int descriptor, int forced, int ordinary, int bytes) {
    if (setsockopt(descriptor, SOL_SOCKET, forced, &bytes, sizeof bytes) < 0)
        setsockopt(descriptor, SOL_SOCKET, ordinary, &bytes, sizeof bytes);
}

void warrens_socket_receive_buffer(struct nl_sock *socket, int bytes) {
    set_buffer(nl_socket_get_fd(socket), SO_RCVBUFFORCE, SO_RCVBUF, bytes);
}

static int send_datagram(struct nl_sock *socket, struct iovec *parts, size_t count, size_t length) {
    int descriptor = nl_socket_get_fd(socket);
    /* A datagram has to fit the send buffer, which libnl sets to 32 KiB. */
    if (length > 16 * 1024) set_buffer(descriptor, SO_SNDBUFFORCE, SO_SNDBUF, (int)(2 * length));
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct msghdr header = {
        .msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = parts, .msg_iovlen = count};
    ssize_t sent;
    do sent = sendmsg(descriptor, &header, 0);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int warrens_socket_send(
    struct nl_sock *socket, struct nl_msg *const *messages, uint32_t *sequences, size_t count) {
    struct iovec *parts = calloc(count, sizeof *parts);
    if (!parts) return -1;
    size_t length = 0;
    for (size_t index = 0; index < count; index++) {
        nl_complete_msg(socket, messages[index]);
        struct nlmsghdr *header = nlmsg_hdr(messages[index]);
        sequences[index] = header->nlmsg_seq;
        parts[index] = (struct iovec){header, NLMSG_ALIGN(header->nlmsg_len)};
        length += parts[index].iov_len;
    }
    int result = send_datagram(socket, parts, count, length);
    int code = errno;
    free(parts);
    errno = code;
    return result;
}

int warrens_socket_query(struct nl_sock *socket, struct nl_msg *message, uint32_t *sequence) {
    nl_socket_disable_auto_ack(socket);
    nl_complete_msg(socket, message);
    nl_socket_enable_auto_ack(socket);
    struct nlmsghdr *header = nlmsg_hdr(message);
    *sequence = header->nlmsg_seq;
    struct iovec part = {header, NLMSG_ALIGN(header->nlmsg_len)};
    return send_datagram(socket, &part, 1, part.iov_len);
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
