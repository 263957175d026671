internal import Addressing
internal import Glibc
internal import NetlinkShim

extension Message {
    /// Appends a rule's statements as the expressions that the kernel runs one after the other. Values pass between
    /// them in a register; one is enough here.
    func putExpressions(_ statements: [NftablesStatement], family: NftablesFamily) {
        nest(NFTA_RULE_EXPRESSIONS) {
            // A table of both families needs each packet's family tested before its addresses are looked at.
            var testedFamily: IPFamily?
            for statement in statements {
                if let needed = statement.neededFamily, family == .inet || family == .bridge, needed != testedFamily {
                    putFamilyTest(needed)
                    testedFamily = needed
                }
                put(statement)
            }
        }
    }

    private func put(_ statement: NftablesStatement) {
        switch statement {
        case .inputInterface(let test): put(NFT_META_IIFNAME, test)
        case .outputInterface(let test): put(NFT_META_OIFNAME, test)
        case .family(let family): putFamilyTest(family)
        case .source(let test): put(test, offset: test.family == .v4 ? 12 : 8)
        case .destination(let test): put(test, offset: test.family == .v4 ? 16 : 24)
        case .transportProtocol(let number):
            putMeta(NFT_META_L4PROTO)
            compare(NFT_CMP_EQ, [number])
        case .destinationPort(let port):
            putPayload(NFT_PAYLOAD_TRANSPORT_HEADER, offset: 2, length: 2)
            compare(NFT_CMP_EQ, port.bigEndian.hostOrderBytes)
        case .transportBytes(let offset, let bytes):
            putPayload(
                NFT_PAYLOAD_TRANSPORT_HEADER, offset: UInt32(clamping: offset), length: UInt32(clamping: bytes.count))
            compare(NFT_CMP_EQ, bytes)
        case .setTransportBytes(let offset, let bytes, let checksum):
            putImmediate(bytes)
            putPayloadChange(
                NFT_PAYLOAD_TRANSPORT_HEADER, offset: UInt32(clamping: offset), length: UInt32(clamping: bytes.count),
                checksumAt: checksum)
        case .mark(let value, let mask):
            putMeta(NFT_META_MARK)
            compareMasked(value, mask: mask)
        case .connectionState(let states):
            putConnection(NFT_CT_STATE)
            mask(states.rawValue.hostOrderBytes)
            compare(NFT_CMP_NEQ, UInt32(0).hostOrderBytes)
        case .xtablesConnectionState(let states):
            expression("match") {
                put(NFTA_MATCH_NAME, text: "conntrack")
                putBig(NFTA_MATCH_REV, UInt32(3))
                put(NFTA_MATCH_INFO, bytes: xtablesMatch(states))
            }
        case .destinationWasTranslated:
            putConnection(NFT_CT_STATUS)
            mask(UInt32(1 << 5).hostOrderBytes)  // IPS_DST_NAT
            compare(NFT_CMP_NEQ, UInt32(0).hostOrderBytes)
        case .connectionMark(let value, let mask):
            putConnection(NFT_CT_MARK)
            compareMasked(value, mask: mask)
        case .counter: expression("counter") {}
        case .setMark(let value):
            putImmediate(value.hostOrderBytes)
            expression("meta") {
                putBig(NFTA_META_KEY, NFT_META_MARK.rawValue)
                putBig(NFTA_META_SREG, NFT_REG_1.rawValue)
            }
        case .setConnectionMark(let value):
            putImmediate(value.hostOrderBytes)
            expression("ct") {
                putBig(NFTA_CT_KEY, NFT_CT_MARK.rawValue)
                putBig(NFTA_CT_SREG, NFT_REG_1.rawValue)
            }
        case .notrack: expression("notrack") {}
        case .accept: putVerdict(NF_ACCEPT)
        case .drop: putVerdict(NF_DROP)
        case .return: putVerdict(NFT_RETURN.rawValue)
        case .jump(let chain): putVerdict(NFT_JUMP.rawValue, chain: chain)
        case .goTo(let chain): putVerdict(NFT_GOTO.rawValue, chain: chain)
        case .masquerade: expression("masq") {}
        case .sourceNAT(let address): putTranslation(NFT_NAT_SNAT, address)
        case .destinationNAT(let address): putTranslation(NFT_NAT_DNAT, address)
        }
    }

    // MARK: Statements of several expressions

    private func put(_ key: nft_meta_keys, _ test: NftablesNameTest) {
        putMeta(key)
        switch test {
        case .equals(let name): compare(NFT_CMP_EQ, interfaceNamePattern(name))
        case .notEquals(let name): compare(NFT_CMP_NEQ, interfaceNamePattern(name))
        case .inSet(let set): putLookup(set, isInverted: false)
        case .notInSet(let set): putLookup(set, isInverted: true)
        }
    }

    private func put(_ test: NftablesAddressTest, offset: UInt32) {
        putPayload(NFT_PAYLOAD_NETWORK_HEADER, offset: offset, length: UInt32(test.family.byteCount))
        switch test {
        case .within(let prefix): compare(NFT_CMP_EQ, prefix)
        case .notWithin(let prefix): compare(NFT_CMP_NEQ, prefix)
        case .inSet(let set, _): putLookup(set, isInverted: false)
        case .notInSet(let set, _): putLookup(set, isInverted: true)
        }
    }

    private func putFamilyTest(_ family: IPFamily) {
        putMeta(NFT_META_NFPROTO)
        compare(NFT_CMP_EQ, [family.number])
    }

    private func putTranslation(_ kind: nft_nat_types, _ address: IPAddress) {
        putImmediate(address.bytes)
        expression("nat") {
            putBig(NFTA_NAT_TYPE, kind.rawValue)
            putBig(NFTA_NAT_FAMILY, UInt32(address.family.number))
            putBig(NFTA_NAT_REG_ADDR_MIN, NFT_REG_1.rawValue)
        }
    }

    private func compare(_ operation: nft_cmp_ops, _ prefix: IPPrefix) {
        if !prefix.isHost {
            mask(IPAddress(family: prefix.family, bits: ~prefix.hostMask).bytes)
        }
        compare(operation, prefix.network.address.bytes)
    }

    private func compareMasked(_ value: UInt32, mask: UInt32) {
        if mask != .max { self.mask(mask.hostOrderBytes) }
        compare(NFT_CMP_EQ, value.hostOrderBytes)
    }

    // MARK: Single expressions

    private func expression(_ name: String, _ content: () -> Void) {
        nest(Int32(NFTA_LIST_ELEM.rawValue)) {
            put(NFTA_EXPR_NAME, text: name)
            nest(NFTA_EXPR_DATA, content)
        }
    }

    private func putMeta(_ key: nft_meta_keys) {
        expression("meta") {
            putBig(NFTA_META_KEY, key.rawValue)
            putBig(NFTA_META_DREG, NFT_REG_1.rawValue)
        }
    }

    private func putConnection(_ key: nft_ct_keys) {
        expression("ct") {
            putBig(NFTA_CT_KEY, key.rawValue)
            putBig(NFTA_CT_DREG, NFT_REG_1.rawValue)
        }
    }

    private func putPayload(_ base: nft_payload_bases, offset: UInt32, length: UInt32) {
        expression("payload") {
            putBig(NFTA_PAYLOAD_DREG, NFT_REG_1.rawValue)
            putBig(NFTA_PAYLOAD_BASE, base.rawValue)
            putBig(NFTA_PAYLOAD_OFFSET, offset)
            putBig(NFTA_PAYLOAD_LEN, length)
        }
    }

    private func putPayloadChange(_ base: nft_payload_bases, offset: UInt32, length: UInt32, checksumAt: Int?) {
        expression("payload") {
            putBig(NFTA_PAYLOAD_SREG, NFT_REG_1.rawValue)
            putBig(NFTA_PAYLOAD_BASE, base.rawValue)
            putBig(NFTA_PAYLOAD_OFFSET, offset)
            putBig(NFTA_PAYLOAD_LEN, length)
            guard let checksumAt else { return }
            putBig(NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET.rawValue)
            putBig(NFTA_PAYLOAD_CSUM_OFFSET, UInt32(clamping: checksumAt))
        }
    }

    private func mask(_ mask: [UInt8]) {
        expression("bitwise") {
            putBig(NFTA_BITWISE_SREG, NFT_REG_1.rawValue)
            putBig(NFTA_BITWISE_DREG, NFT_REG_1.rawValue)
            putBig(NFTA_BITWISE_LEN, UInt32(mask.count))
            nest(NFTA_BITWISE_MASK) { put(NFTA_DATA_VALUE, bytes: mask) }
            nest(NFTA_BITWISE_XOR) { put(NFTA_DATA_VALUE, bytes: [UInt8](repeating: 0, count: mask.count)) }
        }
    }

    private func compare(_ operation: nft_cmp_ops, _ value: [UInt8]) {
        expression("cmp") {
            putBig(NFTA_CMP_SREG, NFT_REG_1.rawValue)
            putBig(NFTA_CMP_OP, operation.rawValue)
            nest(NFTA_CMP_DATA) { put(NFTA_DATA_VALUE, bytes: value) }
        }
    }

    private func putLookup(_ set: String, isInverted: Bool) {
        expression("lookup") {
            put(NFTA_LOOKUP_SET, text: set)
            putBig(NFTA_LOOKUP_SREG, NFT_REG_1.rawValue)
            if isInverted { putBig(NFTA_LOOKUP_FLAGS, UInt32(NFT_LOOKUP_F_INV.rawValue)) }
        }
    }

    private func putImmediate(_ value: [UInt8]) {
        expression("immediate") {
            putBig(NFTA_IMMEDIATE_DREG, NFT_REG_1.rawValue)
            nest(NFTA_IMMEDIATE_DATA) { put(NFTA_DATA_VALUE, bytes: value) }
        }
    }

    private func putVerdict(_ code: Int32, chain: String? = nil) {
        expression("immediate") {
            putBig(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT.rawValue)
            nest(NFTA_IMMEDIATE_DATA) {
                nest(NFTA_DATA_VERDICT) {
                    putBig(NFTA_VERDICT_CODE, code)
                    if let chain { put(NFTA_VERDICT_CHAIN, text: chain) }
                }
            }
        }
    }
}

extension NftablesStatement {
    fileprivate var neededFamily: IPFamily? {
        switch self {
        case .source(let test), .destination(let test): test.family
        default: nil
        }
    }
}

/// An interface's name as sets hold it: filled up with zeros to the kernel's IFNAMSIZ, 16 bytes.
func interfaceNameKey(_ name: String) -> [UInt8] {
    let bytes = Array(name.utf8.prefix(15))
    return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
}

/// An interface's name as it is compared: whole, or the part before the asterisk.
private func interfaceNamePattern(_ name: String) -> [UInt8] {
    name.hasSuffix("*") ? Array(name.utf8.dropLast()) : interfaceNameKey(name)
}

/// `struct xt_conntrack_mtinfo3` (linux/netfilter/xt_conntrack.h), padded to eight bytes: all zeros but for
/// `match_flags` and `state_mask`, whose bits are those of nf_tables.
private func xtablesMatch(_ states: NftablesConnectionState) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 168)
    bytes.replaceSubrange(146..<148, with: UInt16(1).hostOrderBytes)  // XT_CONNTRACK_STATE
    bytes.replaceSubrange(150..<152, with: UInt16(truncatingIfNeeded: states.rawValue).hostOrderBytes)
    return bytes
}

/// `NF_DROP` and `NF_ACCEPT` (linux/netfilter.h).
let NF_DROP: Int32 = 0
let NF_ACCEPT: Int32 = 1
