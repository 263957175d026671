package import Overlay
internal import Synchronization

extension KernelPath {
    /// The programs at their places.
    package var programs: [KernelReport.Program] {
        state.withLock { state in
            state.hooks.present.map { place, number in
                KernelReport.Program(
                    name: place.name, device: place.point.device, direction: "\(place.point.direction)", number: number)
            }
                + (state.early?.present ?? []).map { device, number in
                    KernelReport.Program(name: "arriving", device: device, direction: "XDP", number: number)
                }
        }
    }

    /// Why drivers that were to take outer headers off do not, for people to read.
    package var earlyRefusals: [String] {
        state.withLock { ($0.early?.refusals ?? [:]).sorted { $0.key < $1.key }.map(\.value) }
    }

    /// What it has in the kernel. What merges received packets is the caller's to add.
    package var report: KernelReport {
        KernelReport(
            hooks: probe.has(.tcx) ? "tcx" : "tc",
            missing: KernelProbe.Feature.allCases.compactMap { feature in
                probe.missing[feature].map { "\(feature): \($0)" }
            },
            programs: programs,
            maps: [
                fill(maps.peers.handle, try? maps.peers.count()),
                fill(maps.subnets.handle, try? maps.subnets.count()),
                fill(maps.oddSubnets.handle, try? maps.oddSubnets.count()),
                fill(maps.routes.handle, try? maps.routes.count()),
                fill(maps.nodes.handle, try? maps.nodes.count()),
                fill(maps.sources.handle, try? maps.sources.count()),
                fill(maps.endpoints.handle, try? maps.endpoints.count()),
                fill(maps.own.handle, try? maps.own.count()),
                fill(maps.addresses.handle, try? maps.addresses.count()),
                fill(maps.locals.handle, try? maps.locals.count()),
                fill(maps.flows.handle, try? maps.flows.count()),
            ])
    }

    private func fill(_ map: BPFMapHandle, _ entries: Int?) -> KernelReport.Map {
        KernelReport.Map(
            name: map.name, entries: entries, capacity: Int(map.capacity), forgets: map.kind == .leastRecentlyUsedHash)
    }
}
