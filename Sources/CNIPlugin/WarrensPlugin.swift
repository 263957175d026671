internal import CNI

/// The plugin `warrens`: container interfaces on a bridge, routed through the overlay.
struct WarrensPlugin: Plugin {
    static let name = "warrens"

    func add(_ request: Request) throws(CNIError) -> AttachmentResult {
        var attach = try Attach(request)
        return try attach.run()
    }

    func delete(_ request: Request) throws(CNIError) { try Detach(request).run() }
    func check(_ request: Request) throws(CNIError) { try Inspect(request).run() }
    func garbageCollect(_ request: Request) throws(CNIError) { try Collect(request).run() }
    func status(_ request: Request) throws(CNIError) { try Status(request).run() }
}
