#define _GNU_SOURCE
#include "driver_shim.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

int warrens_device_driver(const char *device, char *name, size_t capacity) {
    struct ethtool_drvinfo information = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (void *)&information};
    if (strlen(device) >= sizeof request.ifr_name) {
        errno = ENODEV;
        return -1;
    }
    strcpy(request.ifr_name, device);
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 && errno == EAFNOSUPPORT) descriptor = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int result = ioctl(descriptor, SIOCETHTOOL, &request);
    int code = errno;
    close(descriptor);
    errno = code;
    if (result < 0) return -1;
    if (capacity > sizeof information.driver) capacity = sizeof information.driver;
    memcpy(name, information.driver, capacity);
    return 0;
}
