#ifndef WARRENS_DATAGRAM_SHIM_H
#define WARRENS_DATAGRAM_SHIM_H

#include <stdint.h>
#include <sys/uio.h>

/*
 * Datagrams in batches, with the ancillary data that Swift cannot spell (CMSG_* are macros). Addresses are 16 bytes
 * in network byte order; an IPv4 address is written in its IPv4-mapped form (::ffff:a.b.c.d, RFC 4291 section 2.5.5.2).
 */

/* How many messages one call sends or receives at most. */
#define WARRENS_DATAGRAM_BATCH 64

/* One receive: a datagram, or several of one sender that the kernel joined (UDP_GRO). */
struct warrens_received {
    void *bytes;
    /* The room before the call, the bytes received after it. */
    uint32_t length;
    /* The length of each joined datagram but the last, which may be shorter; 0 where there is only one. */
    uint32_t segment;
    /* The outer header's DSCP and ECN (RFC 2474, RFC 3168). */
    uint8_t traffic_class;
    /* Set where the datagram was longer than the room for it. */
    uint8_t truncated;
    uint8_t address[16];
};

/* One send: a datagram, or several to one receiver that the kernel splits (UDP_SEGMENT). */
struct warrens_outgoing {
    /* The bytes of all datagrams, one after the other, gathered from here. */
    const struct iovec *parts;
    uint32_t part_count;
    /* The length of each datagram but the last, which may be shorter; 0 where there is only one. */
    uint16_t segment;
    /* The receiver's port, host byte order. */
    uint16_t port;
    uint8_t traffic_class;
    uint8_t address[16];
};

/* Binds a UDP socket to a port (host byte order) on all addresses of its family. */
int warrens_bind_port(int socket, int is_v6, uint16_t port);

/*
 * sendmmsg(2) on an unconnected, non-blocking UDP socket. `is_v6` tells the socket's family.
 * Returns how many of `count` were sent, at least one, or -1 where the first one failed.
 */
int warrens_send(int socket, int is_v6, const struct warrens_outgoing *messages, int count);

/* recvmmsg(2) without waiting. Returns how many were received, or -1. */
int warrens_receive(int socket, int is_v6, struct warrens_received *messages, int count);

/* One entry of a socket's error queue (IP_RECVERR, IPV6_RECVERR). */
struct warrens_socket_error {
    /* The error number, such as EMSGSIZE or ECONNREFUSED. */
    int32_t code;
    /* With EMSGSIZE: the path's MTU in bytes. */
    uint32_t information;
    /* Where the datagram was meant to go. */
    uint8_t address[16];
};

/* Takes the oldest entry off the error queue. Returns -1 with EAGAIN where it is empty. */
int warrens_receive_socket_error(int socket, int is_v6, struct warrens_socket_error *error);

#endif
