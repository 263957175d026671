import Testing

/// Everything here makes namespaces and devices.
@Suite(.enabled(if: TestNode.isRoot, "needs root: it makes network namespaces"))
enum KernelSuite {}
