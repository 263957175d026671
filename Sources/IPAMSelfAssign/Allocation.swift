import Addressing
import Host

/// Why an attachment gets no addresses.
enum AllocationFailure: Error {
    /// The ranges of a set have no free address.
    case exhausted(RangeSet)
    /// An address that was asked for is another attachment's.
    case taken(IPAddress, by: Lease?)
    case system(SystemError)

    static func wrapping<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(AllocationFailure) -> Result {
        do throws(SystemError) { return try body() } catch { throw .system(error) }
    }
}

/// What an attachment asks for: one address of each set, some of them given.
struct AddressRequest {
    struct Part {
        let ranges: RangeSet
        let wanted: IPAddress?
    }

    let parts: [Part]

    /// True where these addresses are an answer to this request.
    func isMet(by addresses: [Lease.Address]) -> Bool {
        addresses.count == parts.count
            && zip(addresses, parts).allSatisfy { address, part in
                part.ranges.range(of: address.address.address) != nil
                    && (part.wanted.map { $0 == address.address.address } ?? true)
            }
    }
}

extension LeaseStore {
    /// Leases one address of each part: all of them or none.
    ///
    /// - Parameter lease: Makes the lease of its addresses.
    func allocate(
        _ request: AddressRequest, as lease: ([Lease.Address]) -> Lease
    ) throws(AllocationFailure) -> Lease {
        do throws(AllocationFailure) {
            return try allocateOnce(request, as: lease)
        } catch {
            guard case .system(let failure) = error, failure.code == Pool.damage else { throw error }
            try AllocationFailure.wrapping { () throws(SystemError) in
                try beginChange()
                try Self.repair(paths)
                try endChange()
            }
            return try allocateOnce(request, as: lease)
        }
    }

    private func allocateOnce(
        _ request: AddressRequest, as lease: ([Lease.Address]) -> Lease
    ) throws(AllocationFailure) -> Lease {
        for part in request.parts { try checkAvailable(part) }
        try AllocationFailure.wrapping { () throws(SystemError) in try beginChange() }
        var taken: [Lease.Address] = []
        do throws(AllocationFailure) {
            for part in request.parts { taken.append(try take(part)) }
            FaultPoint.pass(.slotsTaken)
            let lease = lease(taken)
            try AllocationFailure.wrapping { () throws(SystemError) in
                try commit(lease)
                try endChange()
            }
            return lease
        } catch {
            // Where undoing fails as well, the marker stays and the next process repairs.
            if (try? giveBack(taken)) != nil { try? endChange() }
            throw error
        }
    }

    /// Finds out before anything is changed that there is nothing to be had.
    private func checkAvailable(_ part: AddressRequest.Part) throws(AllocationFailure) {
        if let wanted = part.wanted {
            guard Files.exists(paths.address(wanted)) else { return }
            throw .taken(wanted, by: try? holder(of: wanted))
        }
        let free = try AllocationFailure.wrapping { () throws(SystemError) in try freeCount(part.ranges) }
        if free == 0 { throw .exhausted(part.ranges) }
    }

    /// How many addresses of a set can be handed out.
    func freeCount(_ ranges: RangeSet) throws(SystemError) -> Int {
        var free = 0
        for range in ranges.ranges {
            let pool = try pool(range.pool)
            free += try pool.freeCount
            for address in range.withheld where pool.name.slot(of: address) != nil {
                if try pool.isFree(address) { free -= 1 }
            }
        }
        return free
    }

    private func take(_ part: AddressRequest.Part) throws(AllocationFailure) -> Lease.Address {
        let address = try AllocationFailure.wrapping { () throws(SystemError) -> Lease.Address? in
            if let wanted = part.wanted {
                guard let range = part.ranges.range(of: wanted) else { return nil }
                try pool(range.pool).take(wanted)
                return range.lease(wanted)
            }
            for range in part.ranges.ranges {
                if let address = try takeNext(range) { return range.lease(address) }
            }
            return nil
        }
        guard let address else { throw .exhausted(part.ranges) }
        return address
    }

    /// Takes the next address that is neither withheld nor leased by way of another pool that overlaps this one.
    private func takeNext(_ range: AddressRange) throws(SystemError) -> IPAddress? {
        let pool = try pool(range.pool)
        for _ in 0..<(try pool.freeCount) {
            guard let address = try pool.takeNext() else { return nil }
            if range.offers(address), !Files.exists(paths.address(address)) { return address }
            try pool.release(address)
        }
        return nil
    }
}
