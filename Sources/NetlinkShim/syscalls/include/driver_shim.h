#ifndef WARRENS_DRIVER_SHIM_H
#define WARRENS_DRIVER_SHIM_H

#include <stddef.h>

/*
 * Writes the name of the device's driver (ETHTOOL_GDRVINFO), which ethtool's netlink interface does not tell: at most 32
 * bytes, NUL-terminated there. Returns 0, or -1 with EOPNOTSUPP where the device has none.
 */
int warrens_device_driver(const char *device, char *name, size_t capacity);

#endif
