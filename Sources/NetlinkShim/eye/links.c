#include "dump.h"
#include "netlink_eye.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>

/* IFLA_GSO_IPV4_MAX_SIZE, which the headers of Linux 6.1 lack. */
enum { gso_ipv4_max_size = 63 };

static void read_port(const struct nlattr *data, struct warrens_eye_link *link) {
    const struct nlattr *attribute;
    link->is_bridge_port = true;
    mnl_attr_for_each_nested(attribute, data) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_BRPORT_MODE: link->hairpin = mnl_attr_get_u8(attribute); break;
        case IFLA_BRPORT_ISOLATED: link->isolated = mnl_attr_get_u8(attribute); break;
        case IFLA_BRPORT_LEARNING: link->learning = mnl_attr_get_u8(attribute); break;
        }
    }
}

static void read_kind(const struct nlattr *info, struct warrens_eye_link *link) {
    const struct nlattr *attribute;
    bool in_bridge = false;
    mnl_attr_for_each_nested(attribute, info) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_INFO_KIND: warrens_eye_copy(attribute, link->kind, sizeof link->kind - 1); break;
        case IFLA_INFO_SLAVE_KIND: in_bridge = !strcmp(mnl_attr_get_str(attribute), "bridge"); break;
        case IFLA_INFO_SLAVE_DATA:
            if (in_bridge) read_port(attribute, link);
            break;
        }
    }
}

static void read_link(const struct nlmsghdr *message, void *item) {
    struct warrens_eye_link *link = item;
    const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    link->index = header->ifi_index;
    link->flags = header->ifi_flags;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME: warrens_eye_copy(attribute, link->name, sizeof link->name - 1); break;
        case IFLA_MTU: link->mtu = mnl_attr_get_u32(attribute); break;
        case IFLA_MASTER: link->master = (int32_t)mnl_attr_get_u32(attribute); break;
        case IFLA_LINK: link->peer_index = (int32_t)mnl_attr_get_u32(attribute); break;
        case IFLA_GSO_MAX_SIZE: link->gso_max_size = mnl_attr_get_u32(attribute); break;
        case gso_ipv4_max_size: link->gso_ipv4_max_size = mnl_attr_get_u32(attribute); break;
        case IFLA_PROMISCUITY: link->promiscuity = mnl_attr_get_u32(attribute); break;
        case IFLA_LINKINFO: read_kind(attribute, link); break;
        case IFLA_ADDRESS:
            link->has_mac = header->ifi_type == ARPHRD_ETHER;
            if (link->has_mac) warrens_eye_copy(attribute, link->mac, sizeof link->mac);
            break;
        }
    }
}

ssize_t warrens_eye_links(struct warrens_eye_link **list) {
    static const struct warrens_eye_question question = {
        RTM_GETLINK, sizeof(struct ifinfomsg), sizeof(struct warrens_eye_link), read_link};
    return warrens_eye_dump(&question, (const int[]){AF_UNSPEC, -1}, (void **)list);
}
