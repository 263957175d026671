#define _GNU_SOURCE
#include "packet_reference.h"

#include <sys/socket.h>
#include <sys/uio.h>

/*
 * In packet-bench these take the place of the C library's functions of their names, for Swift and for C: what a system
 * call costs would hide what is compared. They can digest what they are given, so that both prove to hand the kernel the
 * same bytes.
 */
static int digests;
static struct stand_in_totals totals;

static void digest(const void *bytes, size_t count) {
    const uint8_t *byte = bytes;
    for (size_t i = 0; i < count; i++) totals.digest = (totals.digest ^ byte[i]) * 0x100000001b3;
}

static size_t take(const struct iovec *parts, size_t count) {
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        length += parts[i].iov_len;
        if (digests) digest(parts[i].iov_base, parts[i].iov_len);
    }
    return length;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    (void)descriptor;
    totals.calls++;
    return (ssize_t)take(parts, (size_t)count);
}

int sendmmsg(int socket, struct mmsghdr *messages, unsigned count, int flags) {
    (void)socket, (void)flags;
    totals.calls++;
    for (unsigned i = 0; i < count; i++) {
        const struct msghdr *message = &messages[i].msg_hdr;
        messages[i].msg_len = (unsigned)take(message->msg_iov, message->msg_iovlen);
        if (digests) {
            digest(message->msg_name, message->msg_namelen);
            for (struct cmsghdr *it = CMSG_FIRSTHDR(message); it; it = CMSG_NXTHDR(&messages[i].msg_hdr, it)) {
                digest(it, sizeof *it);
                digest(CMSG_DATA(it), it->cmsg_len - CMSG_LEN(0));
            }
        }
    }
    return (int)count;
}

void stand_in_digest(int wanted) { digests = wanted; }

struct stand_in_totals stand_in_take(void) {
    struct stand_in_totals taken = totals;
    totals = (struct stand_in_totals){0};
    return taken;
}
