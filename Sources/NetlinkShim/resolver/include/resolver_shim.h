#ifndef WARRENS_RESOLVER_SHIM_H
#define WARRENS_RESOLVER_SHIM_H

#include <stdint.h>

/* As many addresses of one host as are looked at. */
#define WARRENS_RESOLVER_ADDRESSES 16

struct warrens_host_address {
    /* In network byte order; IPv4 takes the first four. */
    uint8_t bytes[16];
    uint8_t is_v6;
};

/* What became of one host name. */
struct warrens_resolution {
    /* The shortest time to live of the addresses, in seconds; 0 where none has one, as in /etc/hosts. */
    int time_to_live;
    /* 0 where the name is unknown or nobody answered. */
    int count;
    struct warrens_host_address addresses[WARRENS_RESOLVER_ADDRESSES];
};

/* Looks up the IPv4 and IPv6 addresses of all names at once, by /etc/hosts and the name servers of /etc/resolv.conf,
 * which are read anew. Waits until the last answer or time-out, a few seconds; or until `stop` is readable.
 * Returns 0, or -1 where the resolver cannot start or was stopped. */
int warrens_resolve(const char *const *names, struct warrens_resolution *results, int count, int stop);

#endif
