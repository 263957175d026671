#include "dump.h"
#include "netlink_eye.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void read_address(const struct nlmsghdr *message, void *item) {
    struct warrens_eye_address *address = item;
    const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    bool has_local = false;
    address->index = (int32_t)header->ifa_index;
    address->flags = header->ifa_flags;
    address->family = header->ifa_family;
    address->prefix_length = header->ifa_prefixlen;
    address->scope = header->ifa_scope;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        switch (mnl_attr_get_type(attribute)) {
        case IFA_FLAGS: address->flags = mnl_attr_get_u32(attribute); break;
        case IFA_LOCAL:
            has_local = true;
            warrens_eye_copy(attribute, address->address, sizeof address->address);
            break;
        case IFA_ADDRESS:
            if (!has_local) warrens_eye_copy(attribute, address->address, sizeof address->address);
            break;
        }
    }
}

ssize_t warrens_eye_addresses(struct warrens_eye_address **list) {
    static const struct warrens_eye_question question = {
        RTM_GETADDR, sizeof(struct ifaddrmsg), sizeof(struct warrens_eye_address), read_address};
    return warrens_eye_dump(&question, (const int[]){AF_INET, AF_INET6, -1}, (void **)list);
}
