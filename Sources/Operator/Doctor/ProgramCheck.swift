import Host
import KernelPath
import Netlink
import Overlay

/// Are the datapath's programs where they belong, before those of others, and is there room in their maps?
struct ProgramCheck: Check {
    let subject = "programs"
    /// Nil where there are none.
    let kernel: KernelReport?
    let devices: DeviceNames

    func findings() throws -> [Finding] {
        guard let kernel else { return [] }
        let findings = try kernel.programs.flatMap { try places($0, kernel) } + kernel.maps.compactMap(fill)
        if !findings.isEmpty { return findings }
        return [
            .good(subject, "\(Quantity.count(kernel.programs.count, "program")) in place, by \(kernel.hooks)"),
            .good("aggregation", kernel.aggregation),
        ]
    }

    private func places(_ program: KernelReport.Program, _ kernel: KernelReport) throws -> [Finding] {
        let device = devices[program.device]
        let place = "\(program.direction) of \(device)"
        let directions = TrafficDirection.allCases.filter { "\($0)" == program.direction }
        guard let direction = directions.first else { return [] }
        let before = try others(before: program, at: HookPoint(device: program.device, direction), kernel.hooks)
        guard program.number != nil, let before else {
            return [
                .problem(
                    subject, "the program \(program.name) is gone from the \(place)",
                    remedy: "restart warrensd, which puts it back; find out who took it (`bpftool net show`)")
            ]
        }
        return before.map { name in
            .notice(
                subject, "\(name) sees packets at the \(place) before \(program.name), and may take them away",
                remedy: "let whoever put it there attach it behind ours (`bpftool net show dev \(device)`)")
        }
    }

    /// The names of foreign programs and filters that packets meet first; nil where ours is not at the hook.
    private func others(
        before program: KernelReport.Program, at point: HookPoint, _ hooks: String
    ) throws -> [String]? {
        guard let number = program.number else { return nil }
        if hooks == "tcx" {
            let chain = try TCXLink.programs(at: point)
            guard chain.contains(number) else { return nil }
            return chain.prefix { $0 != number }.map { id in
                let name = (try? BPFProgram(id: id))?.identity.name ?? "?"
                return "the program \(name) (number \(id))"
            }
        }
        let filters = try RouteSocket().filters(on: point.device).filter { $0.direction == point.direction }
        guard let own = filters.first(where: { TCFilter.isOurs($0) && $0.program?.id == number }) else { return nil }
        return filters.filter { $0.priority < own.priority }.map { "the filter \($0.program?.name ?? $0.kind)" }
    }

    private func fill(_ map: KernelReport.Map) -> Finding? {
        guard let entries = map.entries, !map.forgets, entries > 0, entries * 10 >= map.capacity * 9 else { return nil }
        return .problem(
            subject, "the map \(map.name) holds \(entries) of \(map.capacity) entries",
            remedy: "set \"datapath\" to \"tun\" before it is full: what has no entry is not carried by eBPF")
    }
}
