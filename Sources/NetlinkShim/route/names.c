#include "netlink_shim.h"

#include <netlink/route/rtnl.h>

void warrens_route_type_name(int type, char *buffer, size_t capacity) {
    nl_rtntype2str(type, buffer, capacity);
}
