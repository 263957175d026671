import CNI
import Host

/// What to do and say when addresses run out.
enum Exhaustion {
    /// Fails where a family has no free address, even after the leases of dead containers were taken back.
    ///
    /// As long as there are free ones this changes nothing and takes no lock, and where there are none it does not look
    /// through all leases each time: runtimes ask every few seconds.
    static func check(_ setup: Setup) throws(CNIError) {
        let pools = StorePaths(root: setup.root).pools
        let exhausted = { (set: RangeSet) in
            set.ranges.allSatisfy { Pool.freeCount($0.pool, in: pools) <= $0.withheld.count }
        }
        guard setup.rangeSets.contains(where: exhausted) else { return }
        let set = try reporting("cannot reclaim leases") { () throws(SystemError) -> RangeSet? in
            let store = try LeaseStore(root: setup.root)
            try store.reclaim(atMostEvery: 30)
            for set in setup.rangeSets where try store.freeCount(set) == 0 { return set }
            return nil
        }
        guard let set else { return }
        let failure = failure(set)
        throw CNIError(.pluginNotAvailable, failure.message, details: failure.details)
    }

    static func failure(_ set: RangeSet) -> CNIError {
        CNIError(
            .tryAgainLater, "no free \(set.family) address in \(set.description)",
            details: "all are leased to containers that exist; delete containers, or give this node a larger subnet")
    }
}

extension Setup {
    /// Makes a lease; where a pool is empty or nearly so, leases of dead containers are taken back first.
    func allocate(
        _ request: AddressRequest, in store: borrowing LeaseStore, as lease: ([Lease.Address]) -> Lease
    ) throws(CNIError) -> Lease {
        let newcomer = lease([])
        do throws(AllocationFailure) {
            // There are still free ones, so a search that fails is no reason to fail.
            if store.isRunningLow(rangeSets) { try? store.reclaim(atMostEvery: 60, for: newcomer) }
            do throws(AllocationFailure) {
                return try store.allocate(request, as: lease)
            } catch {
                if case .system = error { throw error }
                try AllocationFailure.wrapping { () throws(SystemError) in
                    try store.reclaim(atMostEvery: LeaseStore.searchPause, for: newcomer)
                }
                return try store.allocate(request, as: lease)
            }
        } catch {
            switch error {
            case .exhausted(let set): throw Exhaustion.failure(set)
            case .taken(let address, let holder):
                let who = holder.map { "\($0.attachment.interfaceName) of container \($0.attachment.containerID)" }
                throw CNIError(
                    .tryAgainLater, "requested IP address \(address) is leased already",
                    details: "to \(who ?? "another container")")
            case .system(let error):
                throw CNIError(.ioFailure, "cannot lease addresses", details: error.description)
            }
        }
    }
}
