#include "dump.h"
#include "netlink_eye.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static void read_rule(const struct nlmsghdr *message, void *item) {
    struct warrens_eye_rule *rule = item;
    const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
    const struct nlattr *attribute;
    rule->family = header->family;
    rule->is_inverted = header->flags & FIB_RULE_INVERT;
    rule->table = header->table;
    mnl_attr_for_each(attribute, message, sizeof *header) {
        switch (mnl_attr_get_type(attribute)) {
        case FRA_PRIORITY: rule->priority = mnl_attr_get_u32(attribute); break;
        case FRA_TABLE: rule->table = mnl_attr_get_u32(attribute); break;
        case FRA_FWMARK: rule->mark = mnl_attr_get_u32(attribute); break;
        case FRA_FWMASK: rule->mark_mask = mnl_attr_get_u32(attribute); break;
        }
    }
}

ssize_t warrens_eye_rules(struct warrens_eye_rule **list) {
    static const struct warrens_eye_question question = {
        RTM_GETRULE, sizeof(struct fib_rule_hdr), sizeof(struct warrens_eye_rule), read_rule};
    return warrens_eye_dump(&question, (const int[]){AF_INET, AF_INET6, -1}, (void **)list);
}
