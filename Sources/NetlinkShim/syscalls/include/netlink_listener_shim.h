#ifndef WARRENS_NETLINK_LISTENER_SHIM_H
#define WARRENS_NETLINK_LISTENER_SHIM_H

/*
 * Netlink sockets that only tell that something has changed in the namespace. Each returns a descriptor that becomes
 * readable, or -1.
 */

/* By the multicast groups `groups`, `count` of them, of the netlink `protocol`. */
int warrens_listen_for_changes(int protocol, const int *groups, int count);

/* Links, addresses, routes and rules; or nftables rules. */
int warrens_listen_for_route_changes(void);
int warrens_listen_for_nftables_changes(void);

/* Throws away what waits on such a descriptor. Overflow is a change like any other. */
void warrens_drain_changes(int descriptor);

#endif
