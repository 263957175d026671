#ifndef WARRENS_NETLINK_SHIM_H
#define WARRENS_NETLINK_SHIM_H

/*
 * Netlink messages and sockets for Swift, over libnl. No policy lives here: what to ask for, what an answer means
 * and what to do about a failure is decided in Swift. Functions that can fail return -1 and set errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel_constants.h"

struct nl_msg;
struct nl_sock;

/* A request of `type` with `flags`; libnl adds NLM_F_REQUEST and NLM_F_ACK when it is sent. NULL: no memory. */
struct nl_msg *warrens_message_new(uint16_t type, uint16_t flags);
void warrens_message_free(struct nl_msg *message);
/* The message so far, header included, and its length. It moves as it grows. */
const void *warrens_message_bytes(const struct nl_msg *message);
size_t warrens_message_length(const struct nl_msg *message);

/* Appends the fixed part that follows the netlink header, padded to four bytes. */
int warrens_message_append(struct nl_msg *message, const void *bytes, size_t length);
/* Appends an attribute. The message grows as needed. */
int warrens_attribute_put(struct nl_msg *message, int type, const void *bytes, size_t length);
/* Opens an attribute that holds attributes; returns its place, for warrens_nest_end, or -1. */
ssize_t warrens_nest_begin(struct nl_msg *message, int type);
/* Closes it. Fails with EMSGSIZE where the content is longer than an attribute can be (64 KiB). */
int warrens_nest_end(struct nl_msg *message, size_t place);

/*
 * A socket of the netlink `protocol` in the calling thread's network namespace, close-on-exec, with extended and
 * capped acknowledgements and strict checking of dump requests where the kernel has them. NULL: see errno.
 */
struct nl_sock *warrens_socket_open(int protocol);
void warrens_socket_close(struct nl_sock *socket);

/*
 * Sends all messages in one datagram and stores each one's sequence number. The kernel always answers a message that
 * fails, one that succeeds only where `acknowledged` says so.
 */
int warrens_socket_send(
    struct nl_sock *socket, struct nl_msg *const *messages, const bool *acknowledged, uint32_t *sequences,
    size_t count);
/* Sends one message without asking for an acknowledgement: for dumps and queries, which are answered anyway. */
int warrens_socket_query(struct nl_sock *socket, struct nl_msg *message, uint32_t *sequence);
/*
 * Receives one datagram from the kernel; those of other senders are dropped. Returns its length; fails with
 * EMSGSIZE where the buffer is too small for it.
 */
ssize_t warrens_socket_receive(struct nl_sock *socket, void *buffer, size_t capacity, int flags);

/* Writes iproute2's name of a route type (RTN_…), NUL-terminated and cut to `capacity` bytes. */
void warrens_route_type_name(int type, char *buffer, size_t capacity);

#endif
