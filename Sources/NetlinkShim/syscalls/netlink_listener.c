#define _GNU_SOURCE
#include "netlink_listener_shim.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

int warrens_listen_for_changes(int protocol, const int *groups, int count) {
    int descriptor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (descriptor < 0) return -1;
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    int failed = bind(descriptor, (const struct sockaddr *)&address, sizeof address) < 0;
    for (int i = 0; i < count && !failed; i++) {
        failed = setsockopt(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) < 0;
    }
    if (!failed) return descriptor;
    int code = errno;
    close(descriptor);
    errno = code;
    return -1;
}

void warrens_drain_changes(int descriptor) {
    char bytes[4096];
    while (recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT) >= 0 || errno == EINTR || errno == ENOBUFS) {
    }
}
