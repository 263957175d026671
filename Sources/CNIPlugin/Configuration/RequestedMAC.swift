internal import Addressing
internal import CNI
internal import JSON

/// The hardware address that somebody asked for: the runtime's capability argument before the configuration's `args`,
/// and that before the deprecated `CNI_ARGS` (CONVENTIONS of the specification).
enum RequestedMAC {
    static func find(_ request: Request) throws(CNIError) -> MACAddress? {
        let configuration = request.configuration
        if let mac = try read(configuration.runtimeConfig, "runtimeConfig") { return mac }
        if let mac = try read(configuration.arguments, "args.cni") { return mac }
        guard let text = request.arguments.last(where: { $0.key == "MAC" })?.value else { return nil }
        guard let mac = MACAddress(text), isUsable(mac) else {
            throw CNIError(.invalidEnvironment, "CNI_ARGS: MAC=\(text) \(complaint)")
        }
        return mac
    }

    private static func read(_ object: JSONObject, _ path: String) throws(CNIError) -> MACAddress? {
        let members = Fields(object, path: path)
        guard let text = try members.string("mac"), !text.isEmpty else { return nil }
        guard let mac = MACAddress(text), isUsable(mac) else { throw members.error("mac", complaint) }
        return mac
    }

    private static func isUsable(_ mac: MACAddress) -> Bool { !mac.isMulticast && !mac.isZero }

    private static let complaint = "is no hardware address of one interface, such as c2:11:22:33:44:55"
}
