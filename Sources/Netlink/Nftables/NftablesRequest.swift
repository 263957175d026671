internal import Glibc
internal import NetlinkShim

/// One change to nftables, ready to be sent once by ``Nftables/commit(_:)``.
public struct NftablesRequest {
    let requests: [Request]

    private init(_ operation: String, _ subject: some CustomStringConvertible, _ messages: Message...) {
        self.init(operation, subject, messages)
    }

    private init(_ operation: String, _ subject: some CustomStringConvertible, _ messages: [Message]) {
        requests = messages.map {
            Request(operation: operation, subject: subject.description, message: $0)
        }
    }

    // MARK: Tables

    /// Makes a table unless there is one.
    public static func addTable(_ table: NftablesTable) -> NftablesRequest {
        NftablesRequest("add nftables table", table, tableMessage(NFT_MSG_NEWTABLE, NLM_F_CREATE, table))
    }

    /// Removes a table with all that is in it, if there is one.
    public static func removeTable(_ table: NftablesTable) -> NftablesRequest {
        // Made first, so that there is one to delete: within a transaction nobody sees it.
        NftablesRequest(
            "remove nftables table", table, tableMessage(NFT_MSG_NEWTABLE, NLM_F_CREATE, table),
            tableMessage(NFT_MSG_DELTABLE, 0, table))
    }

    private static func tableMessage(_ type: nf_tables_msg_types, _ flags: Int32, _ table: NftablesTable) -> Message {
        let message = Message(nftables: type, flags: flags, family: table.family)
        message.put(NFTA_TABLE_NAME, text: table.name)
        return message
    }

    // MARK: Chains

    /// Makes a chain unless there is one; EEXIST or EOPNOTSUPP where there is one at another hook.
    public static func addChain(_ chain: NftablesChain) -> NftablesRequest {
        NftablesRequest("add nftables chain", chain, chainMessage(chain))
    }

    /// Removes all rules of a chain; ENOENT where there is no such chain.
    public static func flushChain(_ chain: NftablesChain) -> NftablesRequest {
        NftablesRequest("flush nftables chain", chain, flushMessage(chain))
    }

    /// Removes a chain with its rules, if there is one. Its table has to exist; EBUSY where a rule jumps to it.
    public static func removeChain(_ chain: NftablesChain) -> NftablesRequest {
        let deletion = Message(nftables: NFT_MSG_DELCHAIN, family: chain.table.family)
        deletion.put(NFTA_CHAIN_TABLE, text: chain.table.name)
        deletion.put(NFTA_CHAIN_NAME, text: chain.name)
        return NftablesRequest("remove nftables chain", chain, chainMessage(chain), flushMessage(chain), deletion)
    }

    private static func chainMessage(_ chain: NftablesChain) -> Message {
        let message = Message(nftables: NFT_MSG_NEWCHAIN, flags: NLM_F_CREATE, family: chain.table.family)
        message.put(NFTA_CHAIN_TABLE, text: chain.table.name)
        message.put(NFTA_CHAIN_NAME, text: chain.name)
        if let base = chain.base {
            message.put(NFTA_CHAIN_TYPE, text: base.kind.rawValue)
            message.nest(NFTA_CHAIN_HOOK) {
                message.putBig(NFTA_HOOK_HOOKNUM, base.hook.rawValue)
                message.putBig(NFTA_HOOK_PRIORITY, base.priority)
            }
            message.putBig(NFTA_CHAIN_POLICY, base.accepts ? NF_ACCEPT : NF_DROP)
        }
        return message
    }

    private static func flushMessage(_ chain: NftablesChain) -> Message {
        let message = Message(nftables: NFT_MSG_DELRULE, family: chain.table.family)
        message.put(NFTA_RULE_TABLE, text: chain.table.name)
        message.put(NFTA_RULE_CHAIN, text: chain.name)
        return message
    }

    // MARK: Rules

    /// Adds a rule behind the others of its chain.
    ///
    /// - Parameter comment: Shown by nft; at most 127 bytes of UTF-8 are kept.
    public static func appendRule(
        _ chain: NftablesChain, _ statements: [NftablesStatement], comment: String = ""
    ) -> NftablesRequest {
        NftablesRequest(
            "append nftables rule", chain, ruleMessage(NLM_F_CREATE | NLM_F_APPEND, chain, statements, comment))
    }

    /// Adds a rule in front of the others of its chain.
    public static func insertRule(
        _ chain: NftablesChain, _ statements: [NftablesStatement], comment: String = ""
    ) -> NftablesRequest {
        NftablesRequest("insert nftables rule", chain, ruleMessage(NLM_F_CREATE, chain, statements, comment))
    }

    /// Removes the rule numbered `handle`; ENOENT where there is none such.
    public static func deleteRule(_ chain: NftablesChain, handle: UInt64) -> NftablesRequest {
        let message = flushMessage(chain)
        message.putBig(NFTA_RULE_HANDLE, handle)
        return NftablesRequest("delete nftables rule", "\(chain) handle \(handle)", message)
    }

    private static func ruleMessage(
        _ flags: Int32, _ chain: NftablesChain, _ statements: [NftablesStatement], _ comment: String
    ) -> Message {
        let message = Message(nftables: NFT_MSG_NEWRULE, flags: flags, family: chain.table.family)
        message.put(NFTA_RULE_TABLE, text: chain.table.name)
        message.put(NFTA_RULE_CHAIN, text: chain.name)
        message.putExpressions(statements, family: chain.table.family)
        if !comment.isEmpty { message.put(NFTA_RULE_USERDATA, bytes: NftablesComment.encode(comment)) }
        return message
    }

    // MARK: Sets

    /// Makes a set unless there is one; EEXIST or EINVAL where there is one of another sort.
    public static func addSet(_ set: NftablesSet) -> NftablesRequest {
        NftablesRequest("add nftables set", set, setMessage(set))
    }

    /// Removes a set with its elements, if there is one. Its table has to exist; EBUSY where a rule looks into it.
    public static func removeSet(_ set: NftablesSet) -> NftablesRequest {
        let deletion = Message(nftables: NFT_MSG_DELSET, family: set.table.family)
        deletion.put(NFTA_SET_TABLE, text: set.table.name)
        deletion.put(NFTA_SET_NAME, text: set.name)
        return NftablesRequest("remove nftables set", set, setMessage(set), deletion)
    }

    private static func setMessage(_ set: NftablesSet) -> Message {
        let message = Message(nftables: NFT_MSG_NEWSET, flags: NLM_F_CREATE, family: set.table.family)
        message.put(NFTA_SET_TABLE, text: set.table.name)
        message.put(NFTA_SET_NAME, text: set.name)
        message.putBig(NFTA_SET_FLAGS, set.holdsPrefixes ? NFT_SET_INTERVAL.rawValue : 0)
        message.putBig(NFTA_SET_KEY_TYPE, set.key.type)
        message.putBig(NFTA_SET_KEY_LEN, set.key.length)
        // The transaction's own number for the set; needed, but only of use to anonymous sets.
        message.putBig(NFTA_SET_ID, UInt32(1))
        // So that nft knows how to show the elements: type 0, four bytes, byte order 1 (host) or 2 (network).
        message.put(
            NFTA_SET_USERDATA, bytes: [0, 4] + UInt32(set.key == .interfaceName ? 1 : 2).hostOrderBytes)
        return message
    }

    // MARK: Elements

    /// Adds elements to a set; those that it has already are left alone.
    ///
    /// - Parameter elements: Of the set's kind; others are an error of the program, found as EINVAL. In a set of
    ///   prefixes, those that lie within others of `elements` are left out, for the kernel wants no overlap; with
    ///   what the set has already, an overlap other than equality is EEXIST or ENOTEMPTY. ``replaceElements(_:_:)``
    ///   has no such problem.
    public static func addElements(_ set: NftablesSet, _ elements: [NftablesElement]) -> NftablesRequest {
        NftablesRequest(
            "add elements to nftables set", set, elementMessages(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements))
    }

    /// Removes elements from a set; those that it has not are left alone.
    public static func removeElements(_ set: NftablesSet, _ elements: [NftablesElement]) -> NftablesRequest {
        // Added first, so that they are there to delete: within a transaction nobody sees it.
        NftablesRequest(
            "remove elements from nftables set", set,
            elementMessages(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements)
                + elementMessages(NFT_MSG_DELSETELEM, 0, set, elements))
    }

    /// Gives a set exactly these elements.
    public static func replaceElements(_ set: NftablesSet, _ elements: [NftablesElement]) -> NftablesRequest {
        let flush = Message(nftables: NFT_MSG_DELSETELEM, family: set.table.family)
        flush.put(NFTA_SET_ELEM_LIST_TABLE, text: set.table.name)
        flush.put(NFTA_SET_ELEM_LIST_SET, text: set.name)
        return NftablesRequest(
            "replace elements of nftables set", set,
            [flush] + elementMessages(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements))
    }

    private static func elementMessages(
        _ type: nf_tables_msg_types, _ flags: Int32, _ set: NftablesSet, _ elements: [NftablesElement]
    ) -> [Message] {
        let keys = NftablesElement.keys(of: elements, in: set)
        // A list is an attribute and so at most 64 KiB long; an element with an IPv6 address takes 40 bytes.
        return stride(from: 0, to: keys.count, by: 1000).map { start in
            let message = Message(nftables: type, flags: flags, family: set.table.family)
            message.put(NFTA_SET_ELEM_LIST_TABLE, text: set.table.name)
            message.put(NFTA_SET_ELEM_LIST_SET, text: set.name)
            message.nest(NFTA_SET_ELEM_LIST_ELEMENTS) {
                for key in keys[start..<min(start + 1000, keys.count)] {
                    message.nest(Int32(NFTA_LIST_ELEM.rawValue)) {
                        if key.isEnd { message.putBig(NFTA_SET_ELEM_FLAGS, UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue)) }
                        message.nest(NFTA_SET_ELEM_KEY) { message.put(NFTA_DATA_VALUE, bytes: key.bytes) }
                    }
                }
            }
            return message
        }
    }
}

extension Message {
    /// A message of the nf_tables subsystem.
    convenience init(nftables type: nf_tables_msg_types, flags: Int32 = 0, family: NftablesFamily) {
        self.init(type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), flags: flags)
        append(nfgenmsg(nfgen_family: family.rawValue, version: UInt8(NFNETLINK_V0), res_id: 0))
    }
}
