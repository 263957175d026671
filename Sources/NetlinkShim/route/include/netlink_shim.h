#ifndef WARRENS_NETLINK_SHIM_H
#define WARRENS_NETLINK_SHIM_H

const char *warrens_netlink_library(void);

#endif
