#include "netlink_shim.h"
#include <netlink/netlink.h>

const char *warrens_netlink_library(void) { return nl_geterror(0); }
