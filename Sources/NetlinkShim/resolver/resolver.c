#include "resolver_shim.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <ares.h>

/* For each try of each name server. */
static const int timeout_milliseconds = 2000;
static const int tries = 2;

struct lookup {
    struct warrens_resolution *result;
    int *pending;
};

static void take(struct warrens_resolution *result, const struct ares_addrinfo_node *node) {
    if (result->count == WARRENS_RESOLVER_ADDRESSES) return;
    struct warrens_host_address *address = &result->addresses[result->count];
    memset(address, 0, sizeof *address);
    if (node->ai_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)node->ai_addr;
        memcpy(address->bytes, &v4->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)node->ai_addr;
        memcpy(address->bytes, &v6->sin6_addr, 16);
        address->is_v6 = 1;
    } else {
        return;
    }
    result->count++;
    if (node->ai_ttl > 0 && (result->time_to_live == 0 || node->ai_ttl < result->time_to_live)) {
        result->time_to_live = node->ai_ttl;
    }
}

static void answered(void *argument, int status, int timeouts, struct ares_addrinfo *information) {
    (void)timeouts;
    struct lookup *lookup = argument;
    (*lookup->pending)--;
    if (status != ARES_SUCCESS) return;
    for (const struct ares_addrinfo_node *node = information->nodes; node; node = node->ai_next) {
        take(lookup->result, node);
    }
    ares_freeaddrinfo(information);
}

/* Returns 0 once there is something to read or a time-out, -1 where `stop` is readable. */
static int step(ares_channel channel, int stop) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    int wanted = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM);
    struct pollfd entries[ARES_GETSOCK_MAXNUM + 1];
    nfds_t count = 0;
    entries[count++] = (struct pollfd){.fd = stop, .events = POLLIN};
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        int events = (ARES_GETSOCK_READABLE(wanted, i) ? POLLIN : 0) | (ARES_GETSOCK_WRITABLE(wanted, i) ? POLLOUT : 0);
        if (events) entries[count++] = (struct pollfd){.fd = sockets[i], .events = (short)events};
    }
    struct timeval longest = {.tv_sec = 1};
    struct timeval next;
    const struct timeval *wait = ares_timeout(channel, &longest, &next);
    int ready = poll(entries, count, (int)(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
    if (ready > 0 && entries[0].revents) return -1;
    if (ready <= 0) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (nfds_t i = 1; i < count && ready > 0; i++) {
        if (!entries[i].revents) continue;
        int readable = entries[i].revents & (POLLIN | POLLERR | POLLHUP);
        int writable = entries[i].revents & (POLLOUT | POLLERR | POLLHUP);
        ares_process_fd(channel, readable ? entries[i].fd : ARES_SOCKET_BAD, writable ? entries[i].fd : ARES_SOCKET_BAD);
    }
    return 0;
}

int warrens_resolve(const char *const *names, struct warrens_resolution *results, int count, int stop) {
    ares_channel channel;
    struct ares_options options = {.timeout = timeout_milliseconds, .tries = tries};
    if (ares_init_options(&channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) != ARES_SUCCESS) return -1;
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT, .ai_socktype = SOCK_DGRAM};
    int pending = count;
    struct lookup lookups[count > 0 ? count : 1];
    for (int i = 0; i < count; i++) {
        results[i] = (struct warrens_resolution){0};
        lookups[i] = (struct lookup){&results[i], &pending};
        ares_getaddrinfo(channel, names[i], NULL, &hints, answered, &lookups[i]);
    }
    int stopped = 0;
    while (pending > 0 && !stopped) stopped = step(channel, stop);
    /* Answers what is pending with ARES_EDESTRUCTION. */
    ares_destroy(channel);
    return stopped;
}
