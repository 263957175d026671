internal import Glibc
public import Host
internal import NetlinkShim

/// Packet filtering and address translation of one network namespace, through nf_tables' netlink interface.
///
/// Changes are made in transactions: all of them or, where one fails, none.
///
///     let warrens = NftablesTable(.inet, "warrens")
///     let chain = NftablesChain(warrens, "plugin_postrouting",
///         base: NftablesBase(.nat, hook: .postrouting, priority: NftablesBase.sourceNATPriority))
///     try Nftables().commit([
///         .addTable(warrens), .addChain(chain), .flushChain(chain),
///         .appendRule(chain, [.outputInterface(.notEquals("cni0")), .masquerade], comment: "pods"),
///     ])
///
/// Not for use by two threads at once.
public final class Nftables {
    let socket: Socket

    /// Opens a socket on the network namespace in which the calling thread is.
    public init() throws(SystemError) {
        socket = try Socket(netlinkProtocol: NETLINK_NETFILTER)
    }

    /// Opens a socket on `namespace`. The calling thread is moved there for the moment and then back.
    public init(in namespace: borrowing NetworkNamespace) throws(SystemError) {
        socket = try namespace.run { () throws(SystemError) in try Socket(netlinkProtocol: NETLINK_NETFILTER) }
    }

    /// Carries out all of `changes`, in order, or none of them.
    ///
    /// - Throws: The error of the first change that failed; EINVAL or EOPNOTSUPP about the transaction itself where
    ///   the kernel has no nf_tables.
    public func commit(_ changes: [NftablesRequest]) throws(SystemError) {
        let requests = changes.flatMap(\.requests)
        guard !requests.isEmpty else { return }
        let first = Request(operation: "begin", subject: "nftables transaction", message: .batch(NFNL_MSG_BATCH_BEGIN))
        let last = Request(operation: "end", subject: "nftables transaction", message: .batch(NFNL_MSG_BATCH_END))
        try socket.transact(first: first, requests, last: last)
    }

    /// The tables of all families.
    public func tables() throws(SystemError) -> [NftablesTable] {
        try dump("tables", NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE) { family, attributes in
            attributes.first(NFTA_TABLE_NAME).map { NftablesTable(family, $0.text) }
        }
    }

    /// The chains of all tables, or of one.
    public func chains(in table: NftablesTable? = nil) throws(SystemError) -> [NftablesChain] {
        try dump("chains", NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, family: table?.family) { family, attributes in
            guard let chain = NftablesChain(family, attributes) else { return nil }
            return table == nil || chain.table == table ? chain : nil
        }
    }

    /// The rules of a chain, in order; none where there is no such chain.
    public func rules(in chain: NftablesChain) throws(SystemError) -> [NftablesRule] {
        try dump(
            "rules of \(chain)", NFT_MSG_GETRULE, NFT_MSG_NEWRULE, family: chain.table.family,
            select: { message in
                message.put(NFTA_RULE_TABLE, text: chain.table.name)
                message.put(NFTA_RULE_CHAIN, text: chain.name)
            },
            { _, attributes in
                guard attributes.first(NFTA_RULE_TABLE)?.text == chain.table.name,
                    attributes.first(NFTA_RULE_CHAIN)?.text == chain.name
                else { return nil }
                return NftablesRule(chain, attributes)
            })
    }

    func dump<Object>(
        _ subject: String, _ question: nf_tables_msg_types, _ answer: nf_tables_msg_types,
        family: NftablesFamily? = nil, select: (Message) -> Void = { _ in },
        _ transform: (NftablesFamily, Attributes) -> Object?
    ) throws(SystemError) -> [Object] {
        try socket.dump {
            let any = NftablesFamily(rawValue: 0)
            let message = Message(nftables: question, flags: NLM_F_DUMP, family: family ?? any)
            select(message)
            return Request(operation: "list nftables", subject: subject, message: message, tolerated: [ENOENT])
        } _: { reply -> Object? in
            guard reply.type & 0xff == UInt16(answer.rawValue), let header = reply.payload.header(nfgenmsg.self) else {
                return nil
            }
            let family = NftablesFamily(rawValue: header.nfgen_family)
            return transform(family, reply.payload.attributes(after: MemoryLayout<nfgenmsg>.size))
        }
    }
}

extension Socket {
    /// Sends requests as one transaction between `first` and `last`, which frame it.
    fileprivate func transact(first: Request, _ requests: [Request], last: Request) throws(SystemError) {
        // A change that fails is always answered. Of those that succeed the last one is to be, so that there is
        // something to wait for; a failure of the frame, such as of the final check, is answered to `first`.
        for request in requests.dropLast() + [first, last] { request.message.wantsAcknowledgement = false }
        let sequences = try send([first] + requests + [last])
        let bySequence = Dictionary(uniqueKeysWithValues: zip(sequences, [first] + requests + [last]))
        let final = sequences[sequences.count - 2]
        while true {
            for reply in try receiveAnswer(last) {
                guard Int32(reply.type) == NLMSG_ERROR, let answer = Acknowledgement(reply),
                    let request = bySequence[reply.sequence]
                else { continue }
                if answer.code != 0 {
                    // The next request drops what else the kernel has to say.
                    throw SystemError(request.operation, request.subject, code: answer.code, detail: answer.detail)
                }
                if reply.sequence == final { return settled() }
            }
        }
    }

    /// Where so many changes fail that the answers do not fit the receive buffer, the first of them have arrived.
    private func receiveAnswer(_ request: Request) throws(SystemError) -> [Reply] {
        do throws(SystemError) {
            return try receive("receive answer to", request.subject)
        } catch {
            if error.code != ENOBUFS { throw error }
            return try receive("receive answer to", request.subject, flags: Int32(MSG_DONTWAIT))
        }
    }
}

extension Message {
    fileprivate static func batch(_ type: Int32) -> Message {
        let message = Message(type: UInt16(type))
        message.append(
            nfgenmsg(
                nfgen_family: UInt8(AF_UNSPEC), version: UInt8(NFNETLINK_V0),
                res_id: UInt16(NFNL_SUBSYS_NFTABLES).bigEndian))
        return message
    }
}

extension NftablesChain {
    init?(_ family: NftablesFamily, _ attributes: Attributes) {
        guard let table = attributes.first(NFTA_CHAIN_TABLE)?.text, let name = attributes.first(NFTA_CHAIN_NAME)?.text
        else { return nil }
        self.init(NftablesTable(family, table), name)
        guard let hook = attributes.first(NFTA_CHAIN_HOOK)?.attributes(),
            let number = hook.first(NFTA_HOOK_HOOKNUM)?.u32Big.flatMap(NftablesBase.Hook.init),
            let priority = hook.first(NFTA_HOOK_PRIORITY)?.u32Big,
            let kind = attributes.first(NFTA_CHAIN_TYPE).flatMap({ NftablesBase.Kind(rawValue: $0.text) })
        else { return }
        base = NftablesBase(
            kind, hook: number, priority: Int32(bitPattern: priority),
            accepts: attributes.first(NFTA_CHAIN_POLICY)?.u32Big != UInt32(NF_DROP))
    }
}

extension NftablesRule {
    fileprivate init?(_ chain: NftablesChain, _ attributes: Attributes) {
        guard let handle = attributes.first(NFTA_RULE_HANDLE)?.u64Big else { return nil }
        let expressions = attributes.first(NFTA_RULE_EXPRESSIONS)?.attributes()
        self.init(
            chain: chain, handle: handle,
            comment: attributes.first(NFTA_RULE_USERDATA).map(NftablesComment.decode) ?? "",
            expressions: expressions?.compactMap { $0.value.attributes().first(NFTA_EXPR_NAME)?.text } ?? [],
            refuses: expressions?.contains { Self.refuses($0.value.attributes()) } ?? false)
    }

    /// True for the expressions that nft's `drop` and `reject` and iptables' DROP and REJECT are made of.
    private static func refuses(_ expression: Attributes) -> Bool {
        let data = expression.first(NFTA_EXPR_DATA)?.attributes()
        switch expression.first(NFTA_EXPR_NAME)?.text {
        case "reject": return true
        case "target": return data?.first(NFTA_TARGET_NAME)?.text == "REJECT"
        case "immediate":
            let verdict = data?.first(NFTA_IMMEDIATE_DATA)?.attributes().first(NFTA_DATA_VERDICT)?.attributes()
            return verdict?.first(NFTA_VERDICT_CODE)?.u32Big == UInt32(NF_DROP)
        default: return false
        }
    }
}
