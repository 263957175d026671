#ifndef WARRENS_NETLINK_LISTENER_SHIM_H
#define WARRENS_NETLINK_LISTENER_SHIM_H

/*
 * A netlink socket that only tells that something has changed in the namespace, by the multicast groups `groups`, `count`
 * of them, of the netlink `protocol`. Returns a descriptor that becomes readable, or -1.
 */
int warrens_listen_for_changes(int protocol, const int *groups, int count);

/* Throws away what waits on such a descriptor. Overflow is a change like any other. */
void warrens_drain_changes(int descriptor);

#endif
