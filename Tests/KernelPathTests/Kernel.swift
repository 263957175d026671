import Testing

@testable import KernelPath

/// What some tests need of the kernel.
enum Kernel {
    private static let probe = KernelProbe()

    static let needsTCX: ConditionTrait = .enabled(if: probe.has(.tcx), "needs tcx (Linux 6.6)")
}
