import CNI
import Host
import KernelPath
import Netlink
import Overlay

/// What sees the pod's packets first: programs and filters at the host's end of its veth pair.
struct HookAccount {
    let text: String

    /// - Parameter kernel: What the datapath's own programs make of the packet; nil for user space.
    init(_ pod: AttachmentRecord, _ kernel: TraceReport.Kernel?, _ devices: DeviceNames) {
        var parts: [String] = []
        do throws(SystemError) {
            parts.append("\(pod.hostInterface) ingress: \(try Self.programs(at: pod.hostInterface))")
        } catch {
            parts.append("\(pod.hostInterface) cannot be looked at: \(error)")
        }
        if let shortCut = kernel?.shortCut {
            if let obstacle = shortCut.obstacle { parts.append("no short cut: \(obstacle)") }
            if !shortCut.seen.isEmpty {
                parts.append("the flow was seen \(shortCut.seen.joined(separator: ", "))")
            }
        }
        text = parts.joined(separator: "\n")
    }

    private static func programs(at name: String) throws(SystemError) -> String {
        let socket = try RouteSocket()
        guard let link = try socket.link(named: name) else { return "the device is gone" }
        let point = HookPoint(device: link.index, .ingress)
        // Kernels before 6.6 have no tcx.
        let programs = ((try? TCXLink.programs(at: point)) ?? []).map { id in
            "program \((try? BPFProgram(id: id))?.identity.name ?? "?") (number \(id))"
        }
        let filters = try socket.filters(on: link.index).filter { $0.direction == .ingress }.map { filter in
            "filter \(filter.program?.name ?? filter.kind)"
        }
        let all = programs + filters
        return all.isEmpty ? "no program" : all.joined(separator: ", ")
    }
}
