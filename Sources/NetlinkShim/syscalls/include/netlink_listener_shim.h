#ifndef WARRENS_NETLINK_LISTENER_SHIM_H
#define WARRENS_NETLINK_LISTENER_SHIM_H

/*
 * Netlink sockets that only tell that something has changed: links, addresses, routes and rules of the namespace, or
 * its nftables rules. Each returns a descriptor that becomes readable, or -1.
 */
int warrens_listen_for_route_changes(void);
int warrens_listen_for_nftables_changes(void);

/* Throws away what waits on such a descriptor. Overflow is a change like any other. */
void warrens_drain_changes(int descriptor);

#endif
